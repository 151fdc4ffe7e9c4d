"""Directories and links of XFS, and XFS as a :class:`FileSystem`.

A small directory is in its inode: how many entries (1), how many of them have a long number (1), the inode of its
parent, then for each name_len (1), an offset (2), the name, the file type (1, where there are file types), the inode.
Numbers of inodes have 8 bytes where any entry has a long one, else 4.

 off   hex  size  field of a block of any other directory, big-endian
   0  0x00     4  magic: "XD2D", where it is the only block "XD2B"; in version 5 "XDD3" and "XDB3"
  16  0x10        entries, of version 5 from byte 64 on

 An entry: inode (8), name_len (1), name, file type (1, as above), padding, tag (2), up to a multiple of 8 bytes. Where
 there is none: 0xFFFF (2), length (2). An only block ends with hashes: in its last 8 bytes stands their number (4), and
 each has 8 bytes. In others hashes and free space lie from 32 GiB on, where nobody looks for names.

A long target of a link is in blocks that begin, in version 5, with 56 bytes: "XSLM", offset (4), bytes (4), …

Chapters "Directories" and "Symbolic Links".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgbuild.filesystems.cached import CachedReader
from imgbuild.filesystems.unix import UnixFileSystem
from imgbuild.filesystems.xfs import extents
from imgbuild.filesystems.xfs.inodes import LOCAL, REALTIME, Inode, read_inode
from imgbuild.filesystems.xfs.superblock import read_superblock
from imgbuild.readers import BrokenImage, broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.xfs.superblock import Superblock
    from imgbuild.readers import Reader

_ALONE, _ONE_OF = {b"XD2B", b"XDB3"}, {b"XD2D", b"XDD3"}
_HEAD = {4: 16, 5: 64}
_FREE, _TAG_BYTES, _HASH_BYTES = 0xFFFF, 2, 8
_ENTRY = struct.Struct(">QB")
_UNUSED = struct.Struct(">HH")
_LINK_MAGIC, _LINK_HEAD = b"XSLM", {4: 0, 5: 56}


def open_xfs(reader: Reader) -> XfsFileSystem:
    """Open an XFS file system; raises BrokenImage as :func:`read_superblock` does."""
    return XfsFileSystem(CachedReader(reader))


class XfsFileSystem(UnixFileSystem[Inode]):
    """The files of an XFS file system."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._superblock: Superblock = read_superblock(reader)
        super().__init__("xfs", self._superblock.root)

    def _inode(self, number: int) -> Inode:
        return read_inode(self._reader, self._superblock, number)

    def _bytes(self, inode: Inode, start: int, end: int) -> bytes:
        if inode.flags & REALTIME:
            raise broken("filesystem-feature-unknown", f"the bytes of the inode {inode.number} are on a realtime"
                                                       " device: they were not looked at")
        return extents.read(self._reader, self._superblock, inode, start, end)

    def _target(self, inode: Inode) -> bytes:
        if inode.form == LOCAL:
            return inode.data[: inode.size]
        block, head = self._superblock.block, _LINK_HEAD[self._superblock.version]
        count = -(-inode.size // (block - head))
        raw = self._bytes(inode, 0, count * block)
        blocks = [raw[start : start + block] for start in range(0, len(raw), block)]
        if head and not all(found.startswith(_LINK_MAGIC) for found in blocks):
            raise broken("filesystem-damaged", f"the target of the link at the inode {inode.number} is not there")
        return b"".join(found[head:] for found in blocks)[: inode.size]

    def _entries(self, inode: Inode) -> Iterator[tuple[int, bytes]]:
        if inode.form == LOCAL:
            yield from self._short_entries(inode)
            return
        size = self._superblock.directory_block
        for start in range(0, inode.size, size):
            yield from self._block_entries(self._bytes(inode, start, start + size), inode)

    def _short_entries(self, inode: Inode) -> Iterator[tuple[int, bytes]]:
        raw = inode.data[: inode.size]
        if len(raw) < inode.size or len(raw) < 2:  # noqa: PLR2004 - the two counters
            raise _damaged(inode, "is cut off")
        width, types = 8 if raw[1] else 4, int(self._superblock.has_types)
        place = 2 + width
        for _ in range(raw[0]):
            end = place + 3 + raw[place] + types + width if place < len(raw) else place + 1
            if end > len(raw):
                raise _damaged(inode, f"should have {raw[0]} entries, but there is no room for them")
            yield int.from_bytes(raw[end - width : end], "big"), raw[place + 3 : place + 3 + raw[place]]
            place = end

    def _block_entries(self, raw: bytes, inode: Inode) -> Iterator[tuple[int, bytes]]:
        magic, place, types = raw[:4], _HEAD[self._superblock.version], int(self._superblock.has_types)
        if magic not in _ALONE | _ONE_OF:
            if any(raw):
                raise _damaged(inode, f"has a block that begins with {magic!r}")
            return  # a hole, where all names were removed
        end = len(raw)
        if magic in _ALONE:
            end -= _HASH_BYTES * (1 + int.from_bytes(raw[-8:-4], "big"))
        while place < end:
            start, (tag, length) = place, _UNUSED.unpack_from(raw, place)
            if tag != _FREE:
                number, name_length = _ENTRY.unpack_from(raw, start)
                length = -(-(_ENTRY.size + name_length + types + _TAG_BYTES) // 8) * 8
            place += length
            if not length or length % 8 or place > end:
                raise _damaged(inode, f"has an entry of {length} bytes in a block")
            if tag != _FREE:
                name = raw[start + _ENTRY.size : start + _ENTRY.size + name_length]
                if name not in {b"", b".", b".."}:
                    yield number, name


def _damaged(inode: Inode, what: str) -> BrokenImage:
    return broken("filesystem-damaged", f"the directory at the inode {inode.number} {what}")
