"""Data that ext4 keeps in an inode: its i_block and its extended attributes in, the data out.

The first 60 bytes are in i_block, the rest is the value of the attribute "system.data". In a directory the first four
bytes are the inode of its parent; entries follow them, and begin anew with the value.

 off   hex  size  field of the attributes in an inode, little-endian
   0  0x00     4  h_magic, 0xEA020000
   4  0x04        entries: e_name_len (1), e_name_index (1; 7 is "system."), e_value_offs (2, from the first entry on),
                  e_value_inum (4), e_value_size (4), e_hash (4), name, padded to 4 bytes; four zeros end them

https://www.kernel.org/doc/html/latest/filesystems/ext4/inlinedata.html
https://www.kernel.org/doc/html/latest/filesystems/ext4/attributes.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgbuild.readers import broken

if TYPE_CHECKING:
    from imgbuild.filesystems.ext4.inodes import Inode

PARENT = 4
"""Bytes of a directory's i_block before its first entry."""

_MAGIC = bytes.fromhex("000002ea")
_ENTRY = struct.Struct("<BBHIII")
_SYSTEM = 7


def areas(inode: Inode) -> tuple[bytes, bytes]:
    """Return the two parts of the data, each cut to what the size of the inode leaves of it."""
    first = inode.block[: inode.size]
    rest = inode.size - len(inode.block)
    if rest <= 0:
        return first, b""
    value = _value(inode)
    if len(value) < rest:
        raise broken("filesystem-damaged", f"the inode {inode.number} should hold {inode.size} bytes of data, but there"
                                           f" are {len(inode.block) + len(value)}")
    return first, value[:rest]


def _value(inode: Inode) -> bytes:
    raw = inode.attributes
    place = len(_MAGIC)
    while raw.startswith(_MAGIC) and place + _ENTRY.size <= len(raw) and any(raw[place : place + 4]):
        length, index, offset, elsewhere, size, _ = _ENTRY.unpack_from(raw, place)
        name = raw[place + _ENTRY.size : place + _ENTRY.size + length]
        if (index, name, elsewhere) == (_SYSTEM, b"data", 0):
            return raw[len(_MAGIC) + offset : len(_MAGIC) + offset + size]
        place += _ENTRY.size + -(-length // 4) * 4
    return b""
