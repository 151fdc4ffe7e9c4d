"""File systems: a reader over a partition or a volume in, its identity and the files in it out.

Modules: ``superblocks`` (what it is, without a library), ``ext``, ``xfs``, ``btrfs``, ``ntfs``, ``fat``,
``iso9660``, ``udf`` (readers of one kind each, loaded when they are used), ``tree`` (the guest's joined tree with the
one resolver of links).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.filesystems.superblocks import Identity, identify
from imgbuild.readers import broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.filesystems.base import FileSystem
    from imgbuild.readers import Reader

__all__ = ["Identity", "identify", "open_filesystem"]


def open_filesystem(reader: Reader, kind: str) -> FileSystem:
    """Open the file system of a kind as ``Identity.kind`` has it.

    Raises:
        BrokenImage: ``filesystem-unreadable`` where there is no reader for the kind, ``filesystem-feature-unknown``
            where the reader does not know a feature in use, ``filesystem-damaged`` where it cannot be followed.
    """
    opener = _READERS.get(kind)
    if opener is None:
        raise broken("filesystem-unreadable", f"the files of a {kind} file system cannot be read; those of"
                                              f" {', '.join(sorted(_READERS))} can")
    return opener(reader, kind)


def _ext(reader: Reader, kind: str) -> FileSystem:
    from imgbuild.filesystems.ext import open_ext  # noqa: PLC0415 - loads a library that most images do not need
    return open_ext(reader, kind)


def _xfs(reader: Reader, _kind: str) -> FileSystem:
    from imgbuild.filesystems.xfs import open_xfs  # noqa: PLC0415 - as above
    return open_xfs(reader)


def _btrfs(reader: Reader, _kind: str) -> FileSystem:
    from imgbuild.filesystems.btrfs import open_btrfs  # noqa: PLC0415 - most images do not need it
    return open_btrfs(reader)


def _ntfs(reader: Reader, _kind: str) -> FileSystem:
    from imgbuild.filesystems.ntfs import open_ntfs  # noqa: PLC0415 - as above
    return open_ntfs(reader)


def _fat(reader: Reader, kind: str) -> FileSystem:
    from imgbuild.filesystems.fat import open_fat  # noqa: PLC0415 - as above
    return open_fat(reader, kind)


def _iso9660(reader: Reader, _kind: str) -> FileSystem:
    from imgbuild.filesystems.iso9660 import open_iso9660  # noqa: PLC0415 - as above
    return open_iso9660(reader)


_READERS: dict[str, Callable[[Reader, str], FileSystem]] = {
    "ext2": _ext, "ext3": _ext, "ext4": _ext, "xfs": _xfs, "btrfs": _btrfs, "ntfs": _ntfs,
    "fat12": _fat, "fat16": _fat, "fat32": _fat, "iso9660": _iso9660, "udf": _iso9660,
}
