"""XFS through libfsxfs: a reader over a partition in, a :class:`FileSystem` out.

The library reads the headers of all allocation groups when it opens, and refuses a file system of which the last ones
were cut off. So it is shown those of the first group in their place as long as it opens; what lies in the missing
groups cannot be read later either.

Superblock fields: see ``superblocks/linux.py``. XFS Algorithms & Data Structures, "Allocation Groups",
https://mirrors.edge.kernel.org/pub/linux/utils/fs/xfs/docs/xfs_filesystem_structure.pdf
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.filesystems.cached import CachedReader
from imgbuild.filesystems.libyal import UnixFileSystem, WatchedView, guarded
from imgbuild.readers import broken, check_range

if TYPE_CHECKING:
    from imgbuild.readers import Reader

SUPERBLOCK_BYTES = 512
MAX_GROUPS = 65536
"""mkfs.xfs makes 4 for a disk under 4 TiB; a group has at least 16 MiB."""


def open_xfs(reader: Reader) -> UnixFileSystem:
    """Open an XFS file system.

    Raises:
        BrokenImage: ``filesystem-beyond-limits`` over 65536 allocation groups, ``filesystem-damaged``, or the reason
            why its bytes could not be had.
    """
    import pyfsxfs  # noqa: PLC0415 - a megabyte of library that most images do not need

    shown = _Shown(CachedReader(reader))
    view = WatchedView(shown)
    volume = pyfsxfs.volume()
    with guarded(view, "the XFS file system"):
        volume.open_file_object(view)
    shown.opened()
    return UnixFileSystem("xfs", volume, view)


class _Shown:
    """The partition as the library is shown it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        raw = reader.read_at(0, SUPERBLOCK_BYTES)
        block, group_blocks, groups, sector = (int.from_bytes(raw[start:end], "big")
                                               for start, end in ((4, 8), (84, 88), (88, 92), (102, 104)))
        if not block or not group_blocks or not groups or not sector:
            raise broken("filesystem-damaged", f"the XFS superblock has {groups} groups of {group_blocks} blocks of"
                                               f" {block} bytes", field="sb_agblocks", raw=raw[84:88])
        if groups > MAX_GROUPS:
            raise broken("filesystem-beyond-limits", f"the XFS file system has {groups} allocation groups, more than"
                         f" {MAX_GROUPS}: its files were not looked at", field="sb_agcount", raw=raw[88:92])
        self._group = group_blocks * block
        self._headers = 4 * sector
        self._opening = True
        self.size = max(reader.size, int.from_bytes(raw[8:16], "big") * block)

    def opened(self) -> None:
        """Show only what is there from now on."""
        self._opening = False

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        within = offset % self._group
        if self._opening and offset + length > self._reader.size and within + length <= self._headers:
            return self._reader.read_at(within, length)
        check_range(self._reader.size, offset, length, "the partition")
        return self._reader.read_at(offset, length)
