"""Which file systems GRUB searches for: the configurations of a guest in, the identifiers in them out.

The small grub.cfg on the EFI system partition does nothing but search for the file system with the real one; when that
was made anew, GRUB stops at its prompt.

GNU GRUB Manual 2.12, "search", https://www.gnu.org/software/grub/manual/grub/html_node/search.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests.bootentries import LIMIT
from imgbuild.guests.careful import Careful

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.guests.readiness.base import View

__all__ = ["LIMIT", "Named", "find"]

_MENUS = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg", "/boot/efi/EFI/*/grub.cfg", "/efi/EFI/*/grub.cfg",
          "/boot/EFI/*/grub.cfg")
_STUBS = "/[Ee][Ff][Ii]/*/[Gg][Rr][Uu][Bb].[Cc][Ff][Gg]"
# Compiled when first used: most systems need none of these.
_SEARCH = r"\s*search(?:\.fs_uuid\s|\s(?:.*\s)?(?:--fs-uuid|-u)\s).*"
_UUID = (r"[\s=\"']([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4})"
         r"(?=[\s\"']|$)")


class Named(msgspec.Struct, frozen=True):
    """A device that is named on the way to the root: under which key, its name, and the line that does.

    ``text`` is that line, where it is known. Of a ``soft`` one the start goes on without it.
    """

    key: str
    spec: str
    path: str
    line: int | None
    text: str | None = None
    soft: bool = False


def find(view: View) -> Iterator[Named]:
    """Yield each identifier that GRUB searches for, once for each file."""
    tree = view.guest.careful
    for path in dict.fromkeys(tree.resolve(path) or path for pattern in _MENUS for path in tree.glob(pattern)):
        yield from _in_text(tree.read_text(path, LIMIT) or "", path)
    for block in view.blocks:
        if block.is_fat and not any(block is mounted for mounted in view.guest.mounts.values()) and block.filesystem:
            inner = Careful(GuestTree(block.filesystem))
            for path in inner.glob(_STUBS):
                yield from _in_text(inner.read_text(path, LIMIT) or "", f"{block.title}:{path}")


def _in_text(text: str, path: str) -> Iterator[Named]:
    seen = set()
    for number, line in enumerate(text.split("\n"), start=1):
        match = re.search(_UUID, line) if re.fullmatch(_SEARCH, line) else None
        if match and match[1] not in seen:
            seen.add(match[1])
            yield Named("", f"UUID={match[1]}", path, number, line.strip())
