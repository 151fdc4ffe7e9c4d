"""The inodes of ext: a number in, what the inode says out.

 off   hex  size  field, little-endian
   0  0x00     2  i_mode
   4  0x04     4  i_size_lo
  32  0x20     4  i_flags: 0x800 encrypted, 0x80000 extents, 0x10000000 data in the inode
  40  0x28    60  i_block: extents, a block map, the target of a short link, or data
 108  0x6C     4  i_size_high, of files
 128  0x80     2  i_extra_isize; extended attributes begin this far behind byte 128

https://www.kernel.org/doc/html/latest/filesystems/ext4/inodes.html
"""

from __future__ import annotations

import stat
import struct
from typing import TYPE_CHECKING

import msgspec

from imgbuild.filesystems.ext4.superblock import read_inode_table
from imgbuild.readers import broken

if TYPE_CHECKING:
    from imgbuild.filesystems.ext4.superblock import Superblock
    from imgbuild.readers import Reader

ROOT = 2
EXTENTS, INLINE_DATA, ENCRYPTED = 0x80000, 0x10000000, 0x800

_FIELDS = struct.Struct("<H2xI24xI4x60s8xI")
_EXTRA_AT = 128
_CACHED = 4096


class Inode(msgspec.Struct, frozen=True):
    """An inode: its number, POSIX mode, size in bytes, flags, the 60 bytes of i_block, and its extended attributes."""

    number: int
    mode: int
    size: int
    flags: int
    block: bytes
    attributes: bytes


class Inodes:
    """The inodes of a file system; the tables' places are kept."""

    def __init__(self, reader: Reader, superblock: Superblock) -> None:
        self._reader = reader
        self._superblock = superblock
        self._tables: dict[int, int] = {}

    def read(self, number: int) -> Inode:
        """Return an inode, or raise BrokenImage."""
        known = self._superblock
        if not 1 <= number <= known.inodes_count:
            raise broken("filesystem-damaged", f"an entry leads to the inode {number} of {known.inodes_count}")
        group, index = divmod(number - 1, known.inodes_per_group)
        if group not in self._tables:
            if len(self._tables) >= _CACHED:
                self._tables.clear()
            self._tables[group] = read_inode_table(self._reader, known, group)
        raw = self._reader.read_at(self._tables[group] + index * known.inode_size, known.inode_size)
        return _parsed(number, raw)


def _parsed(number: int, raw: bytes) -> Inode:
    mode, low, flags, block, high = _FIELDS.unpack_from(raw)
    size = low | high << 32 if stat.S_ISREG(mode) else low
    extra = int.from_bytes(raw[_EXTRA_AT : _EXTRA_AT + 2], "little")
    return Inode(number, mode, size, flags, block, raw[_EXTRA_AT + extra :] if extra else b"")
