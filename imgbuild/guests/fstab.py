"""fstab: the text of the file in, its entries out. Obeys fstab(5).

Fields are separated by blanks; a blank within a field is written as its octal number (040) after a backslash.
Lines that are no entries are passed over.

fstab(5), "static information about the filesystems", https://man7.org/linux/man-pages/man5/fstab.5.html
"""

from __future__ import annotations

import posixpath
import re

import msgspec

LIMIT = 64 * 1024
"""Bytes read of an fstab; real ones are under 4 KiB."""

_MOST_ENTRIES = 256
_OCTAL = re.compile(r"\\([0-3][0-7]{2})")
_NOT_ON_DISK = frozenset({"swap", "none", "ignore"})


class Entry(msgspec.Struct, frozen=True):
    """One line of fstab by the names of the manual page; ``line`` counts from 1."""

    spec: str
    file: str
    vfstype: str
    options: tuple[str, ...]
    line: int

    @property
    def mount_point(self) -> str | None:
        """The normal form of the directory it is mounted at; ``None`` for swap and the like."""
        if self.vfstype == "swap" or self.file in _NOT_ON_DISK or not self.file.startswith("/"):
            return None
        return "/" + posixpath.normpath(self.file).lstrip("/")


def parse(text: str) -> tuple[Entry, ...]:
    """Return the entries of an fstab in their order, at most 256."""
    entries = []
    for number, line in enumerate(text.split("\n"), start=1):
        fields = line.split()
        if len(fields) >= 2 and not fields[0].startswith("#"):  # noqa: PLR2004 - what is mounted, and where
            spec, file, vfstype, options = (*fields, "auto", "defaults")[:4] if len(fields) < 4 else fields[:4]  # noqa: PLR2004 - the rest are dump and pass
            entries.append(Entry(_plain(spec), _plain(file), vfstype, tuple(options.split(",")), number))
    return tuple(entries[:_MOST_ENTRIES])


def _plain(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)
