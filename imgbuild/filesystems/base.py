"""The small interface to a file system, the same for ext, XFS, FAT and ISO 9660.

Paths are absolute and use ``/``. Nothing here follows symbolic links: the one resolver is ``tree.py``.
A path that is not there gives ``None`` (stat) or raises FileNotFoundError (the others); a damaged structure raises
BrokenImage ``filesystem-damaged``. Every read has a limit.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Kind = Literal["file", "directory", "link", "other"]


class Stat(msgspec.Struct, frozen=True):
    """What is at a path; ``size`` in bytes, ``mode`` as in POSIX (0 where the file system has none)."""

    kind: Kind
    size: int
    mode: int = 0


class FileSystem(Protocol):
    """A file system that can be read."""

    kind: str
    """Name of its type as ``blkid`` has it: ext4, xfs, vfat, iso9660."""

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path`` itself (links are not followed), or ``None``."""
        ...

    def readlink(self, path: str) -> str:
        """Return the target of the link at ``path``."""
        ...

    def listdir(self, path: str) -> list[str]:
        """Return the names in the directory at ``path``, sorted, without ``.`` and ``..``."""
        ...

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path`` from ``offset``."""
        ...
