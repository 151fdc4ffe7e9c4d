"""Directories and links of XFS, and XFS as a :class:`FileSystem`.

A small directory is in its inode: how many entries (1), how many of them have a long number (1), the inode of its
parent, then for each name_len (1), an offset (2), the name, the file type (1, where there are file types), the inode.
Numbers of inodes have 8 bytes where any entry has a long one, else 4.

 off   hex  size  field of a block of any other directory, big-endian
   0  0x00     4  magic: "XD2D", where it is the only block "XD2B"; in version 5 "XDD3" and "XDB3"
  16  0x10        entries, of version 5 from byte 64 on
  40  0x28     8  owner, of version 5: the inode

 An entry: inode (8), name_len (1), name, file type (1, as above), padding, tag (2), up to a multiple of 8 bytes. Where
 there is none: 0xFFFF (2), length (2), tag (2, at the end). The tag says where in the block the entry begins. An only
 block ends with hashes of 8 bytes; behind them stands their number (4), and how many are of removed names (4). In
 others hashes and free space lie from 32 GiB on, where nobody looks for names.

A long target of a link is in extents, each of which begins, in version 5, with 56 bytes: "XSLM", offset in the target
(4), bytes (4), checksum (4), UUID (16), the inode (8), …

The checksums of version 5 are not computed: in Python an inode takes 0.06 ms, a block 0.13 ms, which would be 15 ms
more for the 190 names of a usual look. Owners, tags and counts, which are next to free, tell of blocks that are
another's or torn; a flipped bit in a name is left to xfs_repair.

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

_ALONE, _ONE_OF = {4: b"XD2B", 5: b"XDB3"}, {4: b"XD2D", 5: b"XDD3"}
_HEAD, _OWNER = {4: 16, 5: 64}, slice(40, 48)
_FREE, _ENTRY_BYTES, _TAG_BYTES, _HASH_BYTES = 0xFFFF, 9, 2, 8
_UNUSED = struct.Struct(">HH")
_TAIL = struct.Struct(">II")
_LINK, _LINK_HEAD = struct.Struct(">4sI24xQ"), {4: 0, 5: 56}


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
        target = inode.data if inode.form == LOCAL else self._long_target(inode)
        if len(target) < inode.size:
            raise _no_target(inode)
        return target[: inode.size]

    def _long_target(self, inode: Inode) -> bytes:
        block, head, found = self._superblock.block, _LINK_HEAD[self._superblock.version], b""
        count = -(-inode.size // (block - head))
        for run in extents.Extents(self._reader, self._superblock, inode).runs(0, count):
            raw = self._bytes(inode, run.first * block, min(run.first + run.length, count) * block)
            if head and _LINK.unpack_from(raw) != (b"XSLM", len(found), inode.number):
                raise _no_target(inode)
            found += raw[head:]
        return found

    def _entries(self, inode: Inode) -> Iterator[tuple[int, bytes]]:
        if inode.form == LOCAL:
            yield from self._short_entries(inode)
            return
        if inode.flags & REALTIME:
            raise _damaged(inode, "is on a realtime device")
        for raw in extents.read_blocks(self._reader, self._superblock, inode):
            names = list(self._block_entries(raw, self._end(raw, inode), inode))
            if raw.startswith(_ALONE[self._superblock.version]):
                hashes, removed = _TAIL.unpack_from(raw, len(raw) - _TAIL.size)
                if len(names) != hashes - removed:
                    raise _damaged(inode, f"has {len(names)} entries instead of {hashes - removed}")
            yield from ((number, name) for number, name in names if name not in {b".", b".."})

    def _short_entries(self, inode: Inode) -> Iterator[tuple[int, bytes]]:
        raw = inode.data[: inode.size]
        if len(raw) < inode.size or len(raw) < 2:  # noqa: PLR2004 - the two counters
            raise _damaged(inode, "is cut off")
        width, types = 8 if raw[1] else 4, int(self._superblock.has_types)
        place = 2 + width
        for _ in range(raw[0]):
            end = place + 3 + raw[place] + types + width if place < len(raw) and raw[place] else len(raw) + 1
            if end > len(raw):
                raise _damaged(inode, f"should have {raw[0]} entries, but there is no room for them")
            yield int.from_bytes(raw[end - width : end], "big"), raw[place + 3 : place + 3 + raw[place]]
            place = end
        if place != len(raw):
            raise _damaged(inode, f"has {len(raw)} bytes, but its entries take {place}")

    def _end(self, raw: bytes, inode: Inode) -> int:
        """Return where the entries of a block end, if it is one of this directory."""
        version, magic, end = self._superblock.version, raw[:4], len(raw)
        if magic not in {_ALONE[version], _ONE_OF[version]}:
            raise _damaged(inode, f"has a block that begins with {magic!r}")
        owner = int.from_bytes(raw[_OWNER], "big")
        if version == 5 and owner != inode.number:  # noqa: PLR2004 - has owners
            raise _damaged(inode, f"has a block of the inode {owner}")
        if magic == _ALONE[version]:
            hashes, _ = _TAIL.unpack_from(raw, end - _TAIL.size)
            end -= _TAIL.size + hashes * _HASH_BYTES
        return end

    def _block_entries(self, raw: bytes, end: int, inode: Inode) -> Iterator[tuple[int, bytes]]:
        place, types, last = _HEAD[self._superblock.version], int(self._superblock.has_types), 0
        if place > end:
            raise _damaged(inode, "has a block without room for entries")
        while place < end:
            start, (tag, length) = place, _UNUSED.unpack_from(raw, place)
            name = raw[start + _ENTRY_BYTES : start + _ENTRY_BYTES + raw[min(start + _ENTRY_BYTES, end) - 1]]
            if tag != _FREE:
                length = -(-(_ENTRY_BYTES + len(name) + types + _TAG_BYTES) // 8) * 8
            place += length
            if not length or length % 8 or place > end or raw[place - _TAG_BYTES : place] != start.to_bytes(2, "big"):
                raise _damaged(inode, f"has an entry of {length} bytes at {start} in a block")
            if tag == last == _FREE:
                raise _damaged(inode, f"has free space in two pieces at {start} in a block")
            last = tag
            if tag != _FREE:
                if not name:
                    raise _damaged(inode, f"has an entry without a name at {start} in a block")
                yield int.from_bytes(raw[start : start + 8], "big"), name


def _no_target(inode: Inode) -> BrokenImage:
    return broken("filesystem-damaged", f"the target of the link at the inode {inode.number} is not there")


def _damaged(inode: Inode, what: str) -> BrokenImage:
    return broken("filesystem-damaged", f"the directory at the inode {inode.number} {what}")
