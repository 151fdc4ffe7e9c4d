"""The superblock and the group descriptors of ext: bytes in, where the inodes of each group are out.

 off   hex  size  field of the superblock at byte 1024, little-endian
   0  0x00     4  s_inodes_count
   4  0x04     4  s_blocks_count_lo
  20  0x14     4  s_first_data_block
  24  0x18     4  s_log_block_size, the size is 1024 << this
  32  0x20     4  s_blocks_per_group
  40  0x28     4  s_inodes_per_group
  56  0x38     2  s_magic, 0xEF53
  76  0x4C     4  s_rev_level; 0 has inodes of 128 bytes
  88  0x58     2  s_inode_size
  92  0x5C        s_feature_compat, s_feature_incompat, s_feature_ro_compat (4 each)
 254  0xFE     2  s_desc_size, with 64bit
 260 0x104     4  s_first_meta_bg
 336 0x150     4  s_blocks_count_hi, with 64bit
 588 0x24C     8  s_backup_bgs, the groups with a copy where sparse_super2 is set

 off   hex  size  field of a group descriptor
   8  0x08     4  bg_inode_table_lo
  40  0x28     4  bg_inode_table_hi, with 64bit

The descriptors follow the superblock's block; with meta_bg, from its first metablock group on, each block of them lies
in the first of the groups that it describes, behind the copy of the superblock that may be there.

https://www.kernel.org/doc/html/latest/filesystems/ext4/globals.html#super-block
https://www.kernel.org/doc/html/latest/filesystems/ext4/blockgroup.html#meta-block-groups
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from imgbuild.filesystems.superblocks.base import is_power_of_two
from imgbuild.readers import broken

if TYPE_CHECKING:
    from imgbuild.readers import Reader

OFFSET = 1024
BYTES = 1024

_FIELDS = struct.Struct("<II12xII4xI4xI12xH18xI8xH2xIII150xH4xI72xI248xII")
_MAGIC = 0xEF53
_SPARSE_SUPER2, _SPARSE_SUPER = 0x200, 0x1
_META_BG, _64BIT = 0x10, 0x80
_MAX_LOG_BLOCK_SIZE = 6
_MIN_INODE, _MIN_DESCRIPTOR, _WIDE_DESCRIPTOR = 128, 32, 64
_POWERS = (3, 5, 7)


class Superblock(msgspec.Struct, frozen=True):
    """What the superblock says, by the names of the documentation without their prefix."""

    inodes_count: int
    blocks_count_lo: int
    first_data_block: int
    log_block_size: int
    blocks_per_group: int
    inodes_per_group: int
    magic: int
    rev_level: int
    own_inode_size: int
    feature_compat: int
    feature_incompat: int
    feature_ro_compat: int
    own_desc_size: int
    first_meta_bg: int
    blocks_count_hi: int
    backup_bg_0: int
    backup_bg_1: int

    @property
    def block(self) -> int:
        """The size of a block in bytes."""
        return 1024 << self.log_block_size

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return self.blocks_count_lo | (self.blocks_count_hi << 32 if self.feature_incompat & _64BIT else 0)

    @property
    def inode_size(self) -> int:
        """The size of an inode in bytes."""
        return self.own_inode_size if self.rev_level else _MIN_INODE

    @property
    def desc_size(self) -> int:
        """The size of a group descriptor in bytes."""
        return self.own_desc_size if self.feature_incompat & _64BIT else _MIN_DESCRIPTOR

    def descriptor(self, group: int) -> int:
        """Return where the descriptor of a group is, in bytes."""
        per_block = self.block // self.desc_size
        number, within = divmod(group, per_block)
        own = OFFSET // self.block  # the superblock's block; the first one of the group, except with bigalloc
        if not self.feature_incompat & _META_BG or number < self.first_meta_bg:
            return (own + 1) * self.block + group * self.desc_size
        first = number * per_block
        begin = first * self.blocks_per_group + (self.first_data_block if first else own)
        start = begin + self._has_superblock(first)
        return start * self.block + within * self.desc_size

    def _has_superblock(self, group: int) -> bool:
        if self.feature_compat & _SPARSE_SUPER2:
            return group in {0, self.backup_bg_0, self.backup_bg_1}
        return group <= 1 or not self.feature_ro_compat & _SPARSE_SUPER or any(
            _is_power(group, base) for base in _POWERS)


def read_superblock(reader: Reader) -> Superblock:
    """Return the superblock; its features have been looked at."""
    raw = reader.read_at(OFFSET, BYTES)
    found = Superblock(*_FIELDS.unpack_from(raw))
    if found.magic != _MAGIC or found.log_block_size > _MAX_LOG_BLOCK_SIZE or not _makes_sense(found):
        raise broken("filesystem-damaged", f"the ext superblock has {found.inodes_per_group} inodes of"
                     f" {found.inode_size} bytes in a group of {found.blocks_per_group} blocks, descriptors of"
                     f" {found.desc_size} bytes and {found.log_block_size} as the logarithm of the size of blocks",
                     raw=raw[:104])
    return found


def _makes_sense(found: Superblock) -> bool:
    counts = found.blocks_per_group and 0 < found.inodes_per_group <= 8 * found.block and found.blocks
    inodes = is_power_of_two(found.inode_size, _MIN_INODE, found.block)
    return bool(counts) and inodes and _MIN_DESCRIPTOR <= found.desc_size <= found.block


def read_inode_table(reader: Reader, superblock: Superblock, group: int) -> int:
    """Return where the inodes of a group begin, in bytes."""
    raw = reader.read_at(superblock.descriptor(group), superblock.desc_size)
    block = int.from_bytes(raw[8:12], "little")
    if superblock.desc_size >= _WIDE_DESCRIPTOR:
        block |= int.from_bytes(raw[40:44], "little") << 32
    if not 0 < block < superblock.blocks:
        raise broken("filesystem-damaged", f"the inodes of the block group {group} should begin at block {block} of"
                     f" {superblock.blocks}", field="bg_inode_table_lo", raw=raw[8:12])
    return block * superblock.block


def _is_power(value: int, base: int) -> bool:
    while value % base == 0 and value:
        value //= base
    return value == 1
