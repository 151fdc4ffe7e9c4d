"""Directories of ext, and ext as a :class:`FileSystem`.

 off   hex  size  field of an entry of a directory, little-endian
   0  0x00     4  inode, 0 where there is none
   4  0x04     2  rec_len, to the next entry; in blocks of 64 KiB 0 and 65535 stand for 65536
   6  0x06     1  name_len
   7  0x07     1  file_type; before the feature filetype the high byte of name_len, which is 0
   8  0x08        name

The index of a large directory lies in entries without an inode: all blocks can be read one after another.

https://www.kernel.org/doc/html/latest/filesystems/ext4/directory.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgbuild.filesystems.cached import CachedReader
from imgbuild.filesystems.ext4 import blocks, inline
from imgbuild.filesystems.ext4.inodes import ENCRYPTED, INLINE_DATA, ROOT, Inode, Inodes
from imgbuild.filesystems.ext4.superblock import read_superblock
from imgbuild.filesystems.unix import UnixFileSystem
from imgbuild.readers import broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.ext4.superblock import Superblock
    from imgbuild.readers import Reader

_ENTRY = struct.Struct("<IHBB")
_SHORT_LINK = 60


def open_ext4(reader: Reader, kind: str) -> Ext4FileSystem:
    """Open an ext file system whose features have been looked at.

    Raises:
        BrokenImage: ``filesystem-damaged``, or the reason why its bytes could not be had.
    """
    return Ext4FileSystem(kind, CachedReader(reader))


class Ext4FileSystem(UnixFileSystem[Inode]):
    """The files of an ext file system."""

    def __init__(self, kind: str, reader: Reader) -> None:
        super().__init__(kind, ROOT)
        self._reader = reader
        self._superblock: Superblock = read_superblock(reader)
        self._inodes = Inodes(reader, self._superblock)

    def _inode(self, number: int) -> Inode:
        return self._inodes.read(number)

    def _target(self, inode: Inode) -> bytes:
        if inode.size < _SHORT_LINK and not inode.flags & INLINE_DATA:
            return inode.block[: inode.size]
        return self._bytes(inode, 0, inode.size)

    def _bytes(self, inode: Inode, start: int, end: int) -> bytes:
        if inode.flags & ENCRYPTED:
            raise broken("filesystem-feature-unknown", f"the inode {inode.number} is encrypted: what is in it was not"
                                                       " looked at")
        if inode.flags & INLINE_DATA:
            return b"".join(inline.areas(inode))[start:end]
        return blocks.read(self._reader, self._superblock, inode, start, end)

    def _entries(self, inode: Inode) -> Iterator[tuple[int, bytes]]:
        if inode.flags & INLINE_DATA:
            first, rest = inline.areas(inode)
            yield from _entries(first[inline.PARENT :], inode)
            yield from _entries(rest, inode)
            return
        size = self._superblock.block
        for start in range(0, inode.size, size):
            yield from _entries(self._bytes(inode, start, min(start + size, inode.size)), inode)


def _entries(raw: bytes, inode: Inode) -> Iterator[tuple[int, bytes]]:
    """Yield the entries in a block of a directory."""
    place = 0
    while place + _ENTRY.size <= len(raw):
        number, length, name_length, _ = _ENTRY.unpack_from(raw, place)
        length = 65536 if length in {0, 65535} and len(raw) == 65536 else length  # noqa: PLR2004 - as the table says
        if length < _ENTRY.size + (name_length if number else 0) or place + length > len(raw):
            raise broken("filesystem-damaged", f"an entry of the directory at the inode {inode.number} has {length}"
                                               f" bytes for a name of {name_length}", raw=raw[place : place + 8])
        name = raw[place + _ENTRY.size : place + _ENTRY.size + name_length]
        if number and name not in {b"", b".", b".."}:
            yield number, name
        place += length
