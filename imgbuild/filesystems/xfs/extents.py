"""Where the bytes of an XFS file are: an inode and a range of its blocks in, their places on the disk out.

An extent has 128 bits, big-endian: 1 where it is not written yet, 54 the first block of the file, 52 the first one on
the disk, 21 how many. Few are in the inode itself; more are the leaves of a B+tree, with its root in the inode.

 off   hex  size  field of a block of the tree
   0  0x00     4  bb_magic, "BMAP", in version 5 of the file system "BMA3"
   4  0x04     2  bb_level, 0 for leaves
   6  0x06     2  bb_numrecs
  24  0x18        entries, of version 5 from byte 72 on: extents, or keys (8, the first block of the file) and behind
                  room for all keys numbers of blocks (8)
  56  0x38     8  bb_owner, of version 5: the inode

The root is bb_level, bb_numrecs, and entries as above. A key is the first block of what is below it: who holds to that
meets no more nodes than the range has blocks.

Chapters "Data Extents" and "B+tree Extent List".
"""

from __future__ import annotations

import struct
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import msgspec

from imgbuild.filesystems.unix import read_parts
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
NAMES = 32 << 30
"""Bytes of a directory before its hashes: XFS_DIR2_LEAF_OFFSET."""

_EXTENT = struct.Struct(">QQ")
_ROOT = struct.Struct(">HH")
_NODE = struct.Struct(">4sHH")
_OWNER = slice(56, 64)
_LAST = 1 << 64
_HEADS = {4: (b"BMAP", 24), 5: (b"BMA3", 72)}


class Run(msgspec.Struct, frozen=True):
    """A row of blocks of a file: the first one, how many, and the number of the first one; ``None`` for zeros."""

    first: int
    length: int
    block: int | None


class _Node(msgspec.Struct, frozen=True):
    """A node of the tree: its entries, its level, and how many there are."""

    entries: bytes
    level: int
    count: int


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
            if run.first >= end:
                return
            past = run.first + run.length
            if past > first:
                if run.block is not None:
                    self._superblock.place(run.block, run.length)
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
            yield from self._below(_Node(data[_ROOT.size :], level, count), None, _LAST, range(first, end))
        else:
            raise self._damaged(f"its form is {self._inode.form}")

    def _below(self, node: _Node, key: int | None, until: int, wanted: range) -> Iterator[Run]:
        """Yield the runs of a node of the tree from ``key`` to ``until``, but for branches without wanted blocks."""
        if not 0 < node.count <= len(node.entries) // 16:
            raise self._damaged(f"a node has {node.count} entries")
        if node.level == 0:
            runs = list(_runs(node.entries[: node.count * _EXTENT.size]))
            keys = [run.first for run in runs]
        else:
            keys = list(struct.unpack_from(f">{node.count}Q", node.entries))
        if key not in {None, keys[0]} or any(one >= two for one, two in pairwise((*keys, until))):
            raise self._damaged("its extents are not in order")
        if node.level == 0:
            yield from runs
            return
        blocks = struct.unpack_from(f">{node.count}Q", node.entries, len(node.entries) // 16 * 8)
        for start, stop, block in zip(keys, (*keys[1:], until), blocks, strict=True):
            if start < wanted.stop and stop > wanted.start:
                yield from self._below(self._node(block, node.level - 1), start, stop, wanted)

    def _node(self, block: int, level: int) -> _Node:
        self._left -= 1
        if self._left < 0:
            raise self._damaged(f"more than {MAX_NODES} blocks say where they are")
        raw = self._reader.read_at(self._superblock.place(block), self._superblock.block)
        magic, own, count = _NODE.unpack_from(raw)
        expected, head = _HEADS[self._superblock.version]
        if magic != expected or own != level:
            raise self._damaged(f"a node begins with {magic!r} and has level {own} instead of {level}")
        owner = int.from_bytes(raw[_OWNER], "big")
        if self._superblock.version == 5 and owner != self._inode.number:  # noqa: PLR2004 - has owners
            raise self._damaged(f"a node belongs to the inode {owner}")
        return _Node(raw[head:], level, count)

    def _damaged(self, reason: str) -> Exception:
        return broken("filesystem-damaged", f"the blocks of the inode {self._inode.number} cannot be found: {reason}")


def read(reader: Reader, superblock: Superblock, inode: Inode, start: int, end: int) -> bytes:
    """Return the bytes of a file from ``start`` to ``end``, which must not be after its end."""
    size = superblock.block
    runs = Extents(reader, superblock, inode).runs(start // size, -(-end // size))
    return read_parts(reader, ((run.first * size, run.length * size, None if run.block is None
                                else superblock.place(run.block)) for run in runs), start, end)


def read_blocks(reader: Reader, superblock: Superblock, inode: Inode) -> Iterator[bytes]:
    """Yield the blocks of a directory; where all names were removed, there is none."""
    size, count = superblock.block, superblock.directory_block // superblock.block
    for _, pieces in groupby(_places(reader, superblock, inode), lambda place: place[0] // count):
        found = [reader.read_at(place, size) for _, place in pieces if place is not None]
        if len(found) < count:
            raise broken("filesystem-damaged", f"a block of the directory at the inode {inode.number} is not there")
        yield b"".join(found)


def _places(reader: Reader, superblock: Superblock, inode: Inode) -> Iterator[tuple[int, int | None]]:
    """Yield the blocks with names and the bytes where they are; they end with the size of the directory."""
    size = superblock.block
    for run in Extents(reader, superblock, inode).runs(0, NAMES // size):
        if (run.first + run.length) * size > inode.size:
            raise broken("filesystem-damaged", f"the directory at the inode {inode.number} has {inode.size} bytes, but"
                                               " blocks with names behind them")
        place = None if run.block is None else superblock.place(run.block)
        yield from ((run.first + number, None if place is None else place + number * size)
                    for number in range(run.length))


def _runs(raw: bytes) -> Iterator[Run]:
    for high, low in _EXTENT.iter_unpack(raw):
        block = (high & 0x1FF) << 43 | low >> 21
        yield Run((high & (1 << 63) - 1) >> 9, low & (1 << 21) - 1, None if high >> 63 else block)
