"""The inodes of XFS: a number in, what the inode says out.

A number is that of the group, of the block in the group, and of the inode in the block, in sb_agblklog and sb_inopblog
bits; nothing else says where an inode is.

 off   hex  size  field, big-endian
   0  0x00     2  di_magic, "IN"
   2  0x02     2  di_mode, 0 where the inode is free
   4  0x04     1  di_version: 1 and 2 in version 4 of the file system, 3 in version 5
   5  0x05     1  di_format of the data: 1 in the inode, 2 extents, 3 a B+tree of extents
  24  0x18     8  di_big_nextents, where di_flags2 says so
  56  0x38     8  di_size
  76  0x4C     4  di_nextents
  82  0x52     1  di_forkoff: extended attributes begin so many times 8 bytes behind the start of the data, if any
  90  0x5A     2  di_flags: 1 the data is on the realtime device
 100  0x64        data of versions 1 and 2
 120  0x78     8  di_flags2, of version 3: 0x10 the large counter of extents
 152  0x98     8  di_ino, of version 3
 176  0xB0        data of version 3

Chapter "On-disk Inode".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from imgbuild.readers import broken

if TYPE_CHECKING:
    from imgbuild.filesystems.xfs.superblock import Superblock
    from imgbuild.readers import Reader

LOCAL, EXTENTS, BTREE = 1, 2, 3
REALTIME = 1

_FIELDS = struct.Struct(">2sHBB18xQ24xQ12xI2xB7xH")
_MORE = struct.Struct(">Q24xQ")
_MORE_AT, _LARGE_COUNTER = 120, 0x10
_DATA_AT = {1: 100, 2: 100, 3: 176}


class Inode(msgspec.Struct, frozen=True):
    """An inode: its number, POSIX mode, size in bytes, flags, and the data in it by its form; ``extents`` counts."""

    number: int
    mode: int
    size: int
    flags: int
    form: int
    extents: int
    data: bytes


def read_inode(reader: Reader, superblock: Superblock, number: int) -> Inode:
    """Return an inode, or raise BrokenImage."""
    block, index = number >> superblock.inode_bits, number & (1 << superblock.inode_bits) - 1
    raw = reader.read_at(superblock.place(block) + index * superblock.inode, superblock.inode)
    magic, mode, version, form, large, size, extents, fork, flags = _FIELDS.unpack_from(raw)
    if magic != b"IN" or not mode or version not in _DATA_AT or (version == 3) != (superblock.version == 5):  # noqa: PLR2004
        raise broken("filesystem-damaged", f"there is no inode {number} where it should be", raw=raw[:6])
    if version == 3:  # noqa: PLR2004 - as above
        more, own = _MORE.unpack_from(raw, _MORE_AT)
        extents = large if more & _LARGE_COUNTER else extents
        if own != number:
            raise broken("filesystem-damaged", f"the inode {number} says that it is {own}", raw=raw[152:160])
    start = _DATA_AT[version]
    return Inode(number, mode, size, flags, form, extents, raw[start : start + fork * 8 if fork else len(raw)])
