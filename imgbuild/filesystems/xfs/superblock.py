"""The superblock of XFS: the first sector of a partition in, sizes and features out.

 off   hex  size  field, big-endian; for others see ``superblocks/linux.py``
   0  0x00     4  sb_magicnum, "XFSB"
   4  0x04     4  sb_blocksize
   8  0x08     8  sb_dblocks
  56  0x38     8  sb_rootino
  84  0x54     4  sb_agblocks, blocks of an allocation group
  88  0x58     4  sb_agcount
 100  0x64     2  sb_versionnum: its low four bits are the version; 0x2000 directories of version 2
 102  0x66     2  sb_sectsize
 104  0x68     2  sb_inodesize
 123  0x7B     1  sb_inopblog, log2 of the inodes in a block
 124  0x7C     1  sb_agblklog, log2 of sb_agblocks rounded up
 192  0xC0     1  sb_dirblklog, log2 of the blocks in a block of a directory
 200  0xC8     4  sb_features2, in version 4; 0x200 file types in directories
 216  0xD8     4  sb_features_incompat, in version 5

Chapter "Superblocks". Features: fs/xfs/libxfs/xfs_format.h,
https://github.com/torvalds/linux/blob/v6.18/fs/xfs/libxfs/xfs_format.h
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from imgbuild.readers import BrokenImage, broken

if TYPE_CHECKING:
    from imgbuild.readers import Reader

MAX_GROUPS = 65536
"""mkfs.xfs makes 4 for a disk under 4 TiB; a group has at least 16 MiB."""

_BYTES = 512
_FIELDS = struct.Struct(">4sIQ40xQ20xII8xHHH17xBB67xB7xI12xI")
_VERSION, _DIRECTORIES_2, _FILE_TYPES_4 = 0xF, 0x2000, 0x200
_FILE_TYPES = 0x1
_KNOWN = {
    0x1: "ftype", 0x2: "spinodes", 0x4: "meta_uuid", 0x8: "bigtime", 0x10: "needsrepair", 0x20: "nrext64",
    0x40: "exchange", 0x80: "parent", 0x100: "metadir", 0x200: "zoned", 0x400: "zone_gaps",
}
_READ = 0x1FF
"""Without zoned and zone_gaps: their files lie on another part of the device. metadir: files that nobody sees."""
_BLOCKS = {1 << bits for bits in range(9, 17)}
_INODES = {1 << bits for bits in range(8, 12)}
_MOST_BITS = 31


class Superblock(msgspec.Struct, frozen=True):
    """What is needed to find things; sizes in bytes but for ``blocks`` and ``group_blocks``."""

    version: int
    block: int
    blocks: int
    root: int
    group_blocks: int
    groups: int
    inode: int
    inode_bits: int
    group_bits: int
    directory_block: int
    has_types: bool

    def place(self, number: int, length: int = 1) -> int:
        """Return the byte where blocks of one group are, by the number of the group and that of the first in it."""
        group, within = number >> self.group_bits, number & (1 << self.group_bits) - 1
        place = group * self.group_blocks + within
        if within + length > self.group_blocks or group >= self.groups or place + length > self.blocks:
            raise broken("filesystem-damaged", f"something should be in block {within} of group {group}, but there are"
                                               f" {self.groups} groups of {self.group_blocks} blocks")
        return place * self.block


def read_superblock(reader: Reader) -> Superblock:
    """Return the superblock of a file system.

    Raises:
        BrokenImage: ``filesystem-feature-unknown`` where it uses a feature that changes how files are read and that is
            not known, ``filesystem-beyond-limits`` over 65536 allocation groups, ``filesystem-damaged``, or the reason
            why its bytes could not be had.
    """
    raw = reader.read_at(0, _BYTES)
    (magic, block, blocks, root, group_blocks, groups, versions, sector, inode, inode_bits, group_bits, directory_bits,
     features2, features) = _FIELDS.unpack_from(raw)
    version = versions & _VERSION
    if groups > MAX_GROUPS:
        raise broken("filesystem-beyond-limits", f"the XFS file system has {groups} allocation groups, more than"
                     f" {MAX_GROUPS}: its files were not looked at", field="sb_agcount", raw=raw[88:92])
    if magic != b"XFSB" or block not in _BLOCKS or sector not in _BLOCKS or inode not in _INODES:
        raise _senseless(f"blocks of {block}, sectors of {sector}, inodes of {inode} bytes", "sb_blocksize", raw[4:8])
    if not groups or not 1 << group_bits >= group_blocks > 0 or group_bits > _MOST_BITS:
        raise _senseless(f"{groups} groups of {group_blocks} blocks", "sb_agblocks", raw[84:88])
    if version not in {4, 5} or not versions & _DIRECTORIES_2:
        raise _senseless(f"version {version}", "sb_versionnum", raw[100:102])
    if block != inode << inode_bits or block << directory_bits > max(_BLOCKS):
        raise _senseless(f"{1 << inode_bits} inodes in a block, and {directory_bits} bits for those of directories",
                         "sb_inopblog", raw[123:124])
    types = _has_types(features, raw[216:220]) if version == 5 else bool(features2 & _FILE_TYPES_4)  # noqa: PLR2004
    return Superblock(version, block, blocks, root, group_blocks, groups, inode, inode_bits, group_bits,
                      block << directory_bits, types)


def _senseless(what: str, field: str, raw: bytes) -> BrokenImage:
    return broken("filesystem-damaged", f"the XFS superblock says {what}", field=field, raw=raw)


def _has_types(features: int, raw: bytes) -> bool:
    """Say whether entries of directories have file types; refuse features that cannot be read."""
    unknown = features & ~_READ
    if unknown:
        names = [_KNOWN.get(1 << bit, f"{1 << bit:#x}") for bit in range(32) if unknown & 1 << bit]
        raise broken("filesystem-feature-unknown", "the XFS file system uses features that cannot be read:"
                     f" {', '.join(names)}", field="sb_features_incompat", raw=raw)
    return bool(features & _FILE_TYPES)
