"""How full a file system is: its reader and kind in, the bytes in use out, its own structures among them.

ext, XFS and btrfs keep a count in their superblock, FAT and NTFS a map of all clusters, which is counted. Kinds that
are not in the table below are not known. As the superblocks are written last, the counts are those of the last clean
unmount.

 off   hex  size  field
 ext, superblock at byte 1024, little-endian; the upper halves count with 64bit (s_feature_incompat, 0x80)
   4  0x04     4  s_blocks_count_lo, 336 (4): s_blocks_count_hi
  12  0x0C     4  s_free_blocks_count_lo, 344 (4): s_free_blocks_count_hi
  24  0x18     4  s_log_block_size
 XFS, superblock at 0, big-endian
   4  0x04     4  sb_blocksize, 8 (8): sb_dblocks, 144 (8): sb_fdblocks, the free ones
 btrfs, superblock at 64 KiB, little-endian
 120  0x78     8  bytes_used

https://www.kernel.org/doc/html/latest/filesystems/ext4/globals.html#super-block
https://mirrors.edge.kernel.org/pub/linux/utils/fs/xfs/docs/xfs_filesystem_structure.pdf
https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
Microsoft FAT32 File System Specification 1.03: an entry of 0 is a free cluster. NTFS: $Bitmap has a bit for each one,
https://flatcap.github.io/linux-ntfs/ntfs/files/bitmap.html
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING

from imgbuild.filesystems.superblocks.base import Start
from imgbuild.filesystems.superblocks.fat import read_boot
from imgbuild.readers import read_clipped
from imgbuild.sizes import KIB, MIB, ceil_div

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.readers import Reader

MOST_MAP = 16 * MIB
"""A map that is counted: NTFS of 512 GiB in clusters of 4 KiB; FAT32 of 4 million clusters."""

_EXT, _BTRFS = 1024, 64 * KIB
_64BIT = 0x80
_MOST_LOG_BLOCK = 6
_FREE_BITS_12, _FREE_BITS_32 = 0xFFF, 0x0FFFFFFF


def used_bytes(reader: Reader, kind: str) -> int | None:
    """Return the bytes in use of a file system of a kind as ``Identity.kind`` has it, ``None`` where nobody knows.

    What a damaged file system says need make no sense. Raises BrokenImage where it cannot be read.
    """
    look = _KINDS.get(kind)
    return None if look is None else look(reader)


def _ext(reader: Reader) -> int | None:
    start = Start(reader)
    wide = start.number(_EXT + 96, 4) & _64BIT
    blocks, free = (start.number(_EXT + low, 4) | (start.number(_EXT + high, 4) << 32 if wide else 0)
                    for low, high in ((4, 336), (12, 344)))
    log_block = start.number(_EXT + 24, 4)
    return (blocks - free) * (KIB << log_block) if log_block <= _MOST_LOG_BLOCK else None


def _xfs(reader: Reader) -> int:
    start = Start(reader)
    return (start.number(8, 8, "big") - start.number(144, 8, "big")) * start.number(4, 4, "big")


def _btrfs(reader: Reader) -> int:
    return Start(reader).number(_BTRFS + 120, 8)


def _fat(reader: Reader) -> int | None:
    boot = read_boot(read_clipped(reader, 0, 64))
    bits = {"fat12": 12, "fat16": 16, "fat32": 32}[boot.kind]
    length = ceil_div((boot.clusters + 2) * bits, 8)
    if length > MOST_MAP:
        return None
    table = read_clipped(reader, boot.reserved * boot.sector, length)
    free = sum(not entry for entry in _entries(table, bits)[2 : boot.clusters + 2])
    return (boot.sectors - free * boot.cluster) * boot.sector


def _entries(table: bytes, bits: int) -> list[int]:
    """Return the entries of a FAT; of those of 32 bits four are reserved."""
    if bits == 12:  # noqa: PLR2004 - FAT12 packs two entries into three bytes
        trios = [int.from_bytes(table[at : at + 3], "little") for at in range(0, len(table), 3)]
        return [entry for trio in trios for entry in (trio & _FREE_BITS_12, trio >> 12)]
    entries = array("H" if bits == 16 else "I", table[: len(table) // (bits // 8) * (bits // 8)])  # noqa: PLR2004 - FAT16
    if sys.byteorder == "big":
        entries.byteswap()
    return [entry & _FREE_BITS_32 for entry in entries]


def _ntfs(reader: Reader) -> int | None:
    from imgbuild.filesystems.ntfs import open_ntfs  # noqa: PLC0415 - most images do not need it

    start = Start(reader)
    sector, coded, sectors = start.number(11, 2), start.number(13, 1), start.number(40, 8)
    cluster = sector * (1 << (256 - coded) if coded > 0x80 else coded)  # noqa: PLR2004 - a negative exponent
    volume = open_ntfs(reader)
    clusters = sectors * sector // cluster
    if clusters > 8 * MOST_MAP:
        return None
    bitmap = volume.read("/$Bitmap", (clusters + 7) // 8)
    return (int.from_bytes(bitmap, "little") & (1 << clusters) - 1).bit_count() * cluster


_KINDS: dict[str, Callable[[Reader], int | None]] = {
    "ext2": _ext, "ext3": _ext, "ext4": _ext, "xfs": _xfs, "btrfs": _btrfs, "ntfs": _ntfs,
    "fat12": _fat, "fat16": _fat, "fat32": _fat,
}
