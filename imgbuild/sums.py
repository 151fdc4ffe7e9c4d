"""Checksum files: their text in, the digests they give for a file out.

Three forms are read, a line each: that of coreutils (``DIGEST  NAME`` or ``DIGEST *NAME``, a backslash before a line
whose name has escapes), that of BSD (``SHA256 (NAME) = DIGEST``), and that of Packer's checksum post-processor (the
digest, a tab, the name). A file with one digest and no name speaks of the file that it is named after.

sha256sum(1), https://www.gnu.org/software/coreutils/manual/html_node/sha2-utilities.html
Packer, checksum post-processor, https://developer.hashicorp.com/packer/docs/post-processors/checksum
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

SUMS_BYTES = 1 << 20
"""Bytes read of a checksum file; that of a whole mirror has less."""

MOST_LINES = 10_000
_BY_LENGTH = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_BSD = re.compile(r"([A-Za-z0-9-]+) ?\((.+)\) ?= ?([0-9a-fA-F]+)\s*")
_PLAIN = re.compile(r"(\\?)([0-9a-fA-F]+)(?:[ \t][ *\t]?(.+))?\s*")
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
_SUFFIX = re.compile(r"\.(?:md5|sha1|sha224|sha256|sha384|sha512)(?:sums?)?$|\.checksum$", re.IGNORECASE)
_NAMED = re.compile(r"(?:md5|sha1|sha224|sha256|sha384|sha512)sums?(?:\.txt)?|checksums?(?:\.[a-z0-9]+)?",
                    re.IGNORECASE)


class Digest(NamedTuple):
    """A digest that was recorded of a file: the algorithm, the hexadecimal digits, and where that stands."""

    algorithm: str
    value: str
    file: str
    line: int


def is_checksum_file(path: str) -> bool:
    """Say whether a file is one of checksums, by its name."""
    name = os.path.basename(path)
    return bool(_SUFFIX.search(name) or _NAMED.fullmatch(name))


def digests_of(text: str, file: str, image: str) -> tuple[Digest, ...]:
    """Return what the checksum file ``file`` with this ``text`` records of the file at ``image``."""
    found = []
    for number, line in enumerate(text.split("\n")[:MOST_LINES], start=1):
        entry = entry_of(line.rstrip("\r"))
        if entry is not None and _speaks_of(entry[2], file, image):
            found.append(Digest(entry[0], entry[1].lower(), file, number))
    return tuple(found)


def entry_of(line: str) -> tuple[str, str, str | None] | None:
    """Return algorithm, digest and name of a line; ``None`` for one that is no entry."""
    bsd = _BSD.fullmatch(line)
    if bsd:
        algorithm = bsd[1].lower().replace("-", "")
        return (algorithm, bsd[3], bsd[2]) if _BY_LENGTH.get(len(bsd[3])) == algorithm else None
    plain = _PLAIN.fullmatch(line)
    if not plain or len(plain[2]) not in _BY_LENGTH:
        return None
    name = re.sub(r"\\[\\nr]", lambda pair: _ESCAPES[pair[0]], plain[3]) if plain[1] and plain[3] else plain[3]
    return _BY_LENGTH[len(plain[2])], plain[2], name


def _speaks_of(name: str | None, file: str, image: str) -> bool:
    if name is None:
        return _SUFFIX.sub("", os.path.basename(file)) == os.path.basename(image)
    return os.path.basename(name) == os.path.basename(image)
