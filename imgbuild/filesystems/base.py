"""The small interface to a file system, the same for ext, XFS, btrfs, FAT and ISO 9660.

Paths are absolute and use ``/``. Nothing here follows symbolic links: the one resolver is ``tree.py``.
A path that is not there gives ``None`` (stat) or raises FileNotFoundError (the others); a damaged structure raises
BrokenImage ``filesystem-damaged``. Every read has a limit.
"""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import msgspec

Kind = Literal["file", "directory", "link", "other"]

MAX_ENTRIES = 100_000
"""Names in one directory."""


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


class Subvolume(msgspec.Struct, frozen=True):
    """A subvolume of a file system: its number, its path below the top level, and whether it began as a snapshot."""

    number: int
    path: str
    is_snapshot: bool = False


@runtime_checkable
class Subvolumed(Protocol):
    """What a file system with subvolumes has beside :class:`FileSystem`; itself it is one of them."""

    number: int
    """That of the subvolume whose files it shows; one that has just been opened shows the default one."""

    def subvolumes(self) -> list[Subvolume]:
        """Return all subvolumes but the top level, by their numbers."""
        ...

    def at_number(self, number: int) -> FileSystem | None:
        """Return the files of the subvolume of that number, or ``None`` where there is none."""
        ...

    def at_path(self, path: str) -> FileSystem | None:
        """Return the files of the subvolume at a path below the top level, or ``None`` where there is none."""
        ...


def split(path: str) -> tuple[str, ...]:
    """Return the names in an absolute path."""
    return tuple(name for name in path.split("/") if name)
