"""Where the bytes of an XFS file are: an inode and a range of its blocks in, their places on the disk out.

An extent has 128 bits, big-endian: 1 where it is not written yet, 54 the first block of the file, 52 the first one on
the disk, 21 how many. Few are in the inode itself; more are the leaves of a B+tree, with its root in the inode.

 off   hex  size  field of a block of the tree
   0  0x00     4  bb_magic, "BMAP", in version 5 of the file system "BMA3"
   4  0x04     2  bb_level, 0 for leaves
   6  0x06     2  bb_numrecs
  24  0x18        entries, of version 5 from byte 72 on: extents, or keys (8, the first block of the file) and behind
                  room for all keys numbers of blocks (8)

The root is bb_level, bb_numrecs, and entries as above.

Chapters "Data Extents" and "B+tree Extent List".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from imgbuild.filesystems.xfs.inodes import BTREE, EXTENTS
from imgbuild.readers import broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.xfs.inodes import Inode
    from imgbuild.filesystems.xfs.superblock import Superblock
    from imgbuild.readers import Reader

MAX_LEVELS = 9
"""XFS_BTREE_MAXLEVELS of Linux."""
MAX_NODES = 65536
"""Blocks of a tree that are read for one read of a file."""

_EXTENT = struct.Struct(">QQ")
_ROOT = struct.Struct(">HH")
_NODE = struct.Struct(">4sHH")
_HEADS = {4: (b"BMAP", 24), 5: (b"BMA3", 72)}


class Run(msgspec.Struct, frozen=True):
    """A row of blocks of a file: the first one, how many, and the number of the first one; ``None`` for zeros."""

    first: int
    length: int
    block: int | None


class Extents:
    """Finds the blocks of one file, within a budget."""

    def __init__(self, reader: Reader, superblock: Superblock, inode: Inode) -> None:
        self._reader = reader
        self._superblock = superblock
        self._inode = inode
        self._left = MAX_NODES

    def runs(self, first: int, end: int) -> Iterator[Run]:
        """Yield the runs between two blocks of the file, in order; what lies between them is zeros."""
        past = 0
        for run in self._all(first, end):
            if run.first < past or not run.length:
                raise self._damaged("its extents are not in order")
            past = run.first + run.length
            if run.first < end and past > first:
                yield run

    def _all(self, first: int, end: int) -> Iterator[Run]:
        data = self._inode.data
        if self._inode.form == EXTENTS:
            if self._inode.extents * _EXTENT.size > len(data):
                raise self._damaged(f"there is no room for {self._inode.extents} extents")
            yield from _runs(data[: self._inode.extents * _EXTENT.size])
        elif self._inode.form == BTREE:
            level, count = _ROOT.unpack_from(data)
            if not 0 < level <= MAX_LEVELS:
                raise self._damaged(f"they are in a tree of {level} levels")
            yield from self._below(data[_ROOT.size :], level, count, first, end)
        else:
            raise self._damaged(f"its form is {self._inode.form}")

    def _below(self, entries: bytes, level: int, count: int, first: int, end: int) -> Iterator[Run]:
        """Yield the runs of a node of the tree, but for those that lie before or behind the range."""
        if count * 16 > len(entries):
            raise self._damaged(f"a node has {count} entries")
        if level == 0:
            yield from _runs(entries[: count * _EXTENT.size])
            return
        keys = struct.unpack_from(f">{count}Q", entries)
        blocks = struct.unpack_from(f">{count}Q", entries, len(entries) // 16 * 8)
        for key, until, block in zip(keys, (*keys[1:], end), blocks, strict=True):
            if key < end and until > first:
                yield from self._below(*self._node(block, level - 1), first, end)

    def _node(self, block: int, level: int) -> tuple[bytes, int, int]:
        """Return the entries of a node, its level, and how many there are."""
        self._left -= 1
        if self._left < 0:
            raise self._damaged(f"more than {MAX_NODES} blocks say where they are")
        raw = self._reader.read_at(self._superblock.place(block), self._superblock.block)
        magic, own, count = _NODE.unpack_from(raw)
        expected, head = _HEADS[self._superblock.version]
        if magic != expected or own != level:
            raise self._damaged(f"a node begins with {magic!r} and has level {own} instead of {level}")
        return raw[head:], level, count

    def _damaged(self, reason: str) -> Exception:
        return broken("filesystem-damaged", f"the blocks of the inode {self._inode.number} cannot be found: {reason}")


def read(reader: Reader, superblock: Superblock, inode: Inode, start: int, end: int) -> bytes:
    """Return the bytes of a file from ``start`` to ``end``, which must not be after its end."""
    size, pieces, place = superblock.block, list[bytes](), start
    for run in Extents(reader, superblock, inode).runs(start // size, -(-end // size)):
        begin, stop = max(place, run.first * size), min(end, (run.first + run.length) * size)
        pieces.append(bytes(begin - place))
        if run.block is None:
            pieces.append(bytes(stop - begin))
        else:
            superblock.place(run.block + run.length - 1)
            pieces.append(reader.read_at(superblock.place(run.block) + begin - run.first * size, stop - begin))
        place = stop
    return b"".join((*pieces, bytes(end - place)))


def _runs(raw: bytes) -> Iterator[Run]:
    for high, low in _EXTENT.iter_unpack(raw):
        block = (high & 0x1FF) << 43 | low >> 21
        yield Run((high & (1 << 63) - 1) >> 9, low & (1 << 21) - 1, None if high >> 63 else block)
