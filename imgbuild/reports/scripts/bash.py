"""Words of bash: texts in, text out that bash reads as exactly one word (POSIX.1-2024, section 2.2; bash(1), QUOTING).

https://www.gnu.org/software/bash/manual/bash.html#Quoting
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgbuild.documents.manifest import Manifest


def word(text: str) -> str:
    """Return the text as one word; what is not printable is written as its bytes, so that nobody obeys it."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_escaped, text)) + "'"


def path_word(path: str) -> str:
    """Return a path as one word that no program takes for an option or for standard input."""
    return word(f"./{path}" if path.startswith("-") else path)


_SAME = """\
if [ "$({program})" != {wanted} ]; then
  printf '%s\\n' "$image is not the file that was inspected: another {what}" >&2
  exit 1
fi
"""


def image_of(manifest: Manifest) -> str:
    """Return the lines that take the file, named or as it was built of, and see that it is the one that was read."""
    taken = f'image={path_word(manifest.image.path)}\n[ "$#" = 0 ] || image=$1\n'
    digest = (manifest.image.checksums or {}).get("sha256")
    same = _SAME.format(program="wc -c <\"$image\" | tr -d ' '", wanted=manifest.image.size, what="size")
    if digest is None:
        return taken + same
    return taken + same + _SAME.format(program="sha256sum <\"$image\" | cut -d ' ' -f 1", wanted=word(digest),
                                       what="SHA-256")


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
