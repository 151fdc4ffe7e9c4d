"""XFS through libfsxfs: a reader over a partition in, a :class:`FileSystem` out.

The library reads the headers of all allocation groups when it opens, and refuses a file system of which the last ones
were cut off. So it is shown those of the first group in their place as long as it opens; what lies in the missing
groups cannot be read later either.

It refuses features that it does not know, though not all of them change how files are read: those are hidden from it.

 off   hex  size  field of the superblock, big-endian; for others see ``superblocks/linux.py``
 100  0x64     2  sb_versionnum, its low four bits are the version
 216  0xD8     4  sb_features_incompat, in version 5

XFS Algorithms & Data Structures, "Allocation Groups",
https://mirrors.edge.kernel.org/pub/linux/utils/fs/xfs/docs/xfs_filesystem_structure.pdf
Features: fs/xfs/libxfs/xfs_format.h, https://github.com/torvalds/linux/blob/v6.18/fs/xfs/libxfs/xfs_format.h
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

_FEATURES_AT = 216
_VERSION = 0xF
_KNOWN = {
    0x1: "ftype", 0x2: "spinodes", 0x4: "meta_uuid", 0x8: "bigtime", 0x10: "needsrepair", 0x20: "nrext64",
    0x40: "exchange", 0x80: "parent", 0x100: "metadir", 0x200: "zoned", 0x400: "zone_gaps",
}
_HIDDEN = 0x4 | 0x10 | 0x100
"""meta_uuid: blocks have another identifier (after xfs_admin -U); needsrepair; metadir: files that nobody sees."""
_READ = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x80 | _HIDDEN
"""Without zoned: its files lie on another part of the device."""


def open_xfs(reader: Reader) -> UnixFileSystem:
    """Open an XFS file system.

    Raises:
        BrokenImage: ``filesystem-feature-unknown`` where it uses a feature that changes how files are read and that is
            not known, ``filesystem-beyond-limits`` over 65536 allocation groups, ``filesystem-damaged``, or the reason
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
        self._features = _shown_features(raw)
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
            return self._patched(self._reader.read_at(within, length), within)
        check_range(self._reader.size, offset, length, "the partition")
        return self._patched(self._reader.read_at(offset, length), within)

    def _patched(self, data: bytes, within: int) -> bytes:
        """Return what was read of a group with the features that are shown: each begins with a superblock."""
        place = _FEATURES_AT - within
        if not 0 <= place <= len(data) - len(self._features):
            return data
        return data[:place] + self._features + data[place + len(self._features) :]


def _shown_features(raw: bytes) -> bytes:
    """Return the field of the incompatible features as the library is to see it."""
    shown = raw[_FEATURES_AT : _FEATURES_AT + 4]
    if int.from_bytes(raw[100:102], "big") & _VERSION < 5:  # noqa: PLR2004 - the field is of version 5
        return shown
    features = int.from_bytes(shown, "big")
    if features & ~_READ:
        names = [_KNOWN.get(1 << bit, f"{1 << bit:#x}") for bit in range(32) if features & ~_READ & 1 << bit]
        raise broken("filesystem-feature-unknown", "the XFS file system uses features that cannot be read:"
                     f" {', '.join(names)}", field="sb_features_incompat", raw=shown)
    return (features & ~_HIDDEN).to_bytes(4, "big")
