"""Where the bytes of an ext file are: an inode and a range of its blocks in, their places on the disk out.

 off   hex  size  field of a node of extents (in i_block, or in a block of its own), little-endian
   0  0x00     2  eh_magic, 0xF30A
   2  0x02     2  eh_entries
   6  0x06     2  eh_depth, 0 for a leaf
  12  0x0C        in a leaf: ee_block (4), ee_len (2; over 32768 that much more, not written yet), ee_start_hi (2),
                  ee_start_lo (4); else: ei_block (4), ei_leaf_lo (4), ei_leaf_hi (2), 2 unused

Without extents i_block holds 12 numbers of blocks, then those of a block of numbers, of one of blocks of numbers, and
so on; 0 is a hole.

https://www.kernel.org/doc/html/latest/filesystems/ext4/ifork.html
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from imgbuild.filesystems.ext4.inodes import EXTENTS
from imgbuild.filesystems.unix import read_parts
from imgbuild.readers import broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.ext4.inodes import Inode
    from imgbuild.filesystems.ext4.superblock import Superblock
    from imgbuild.readers import Reader

MAX_DEPTH = 5
MAX_NODES = 65536
"""Blocks of extents or of numbers that are read for one read of a file: 64 GiB in the smallest blocks."""

_HEADER = struct.Struct("<HHxxH4x")
_ENTRY = struct.Struct("<IIHH")
_LEAF = struct.Struct("<IHHI")
_MAGIC = 0xF30A
_WRITTEN = 32768
_DIRECT = 12

Entry = TypeVar("Entry", bound=tuple[int, ...])


class Run(NamedTuple):
    """A row of blocks of a file: the first one, how many, and the first one on the disk, 0 for zeros."""

    first: int
    length: int
    place: int


class BlockMap:
    """Finds the blocks of one file, within a budget."""

    def __init__(self, reader: Reader, superblock: Superblock, inode: Inode) -> None:
        self._reader = reader
        self._superblock = superblock
        self._inode = inode
        self._left = MAX_NODES

    def runs(self, first: int, end: int) -> Iterator[Run]:
        """Yield the runs between two blocks of the file, in order; what lies between them is zeros."""
        if self._inode.flags & EXTENTS:
            yield from self._extents(self._inode.block, first, end, None)
        else:
            yield from self._mapped(first, end)

    def _extents(self, node: bytes, first: int, end: int, depth: int | None) -> Iterator[Run]:
        magic, count, own_depth = _HEADER.unpack_from(node)
        if magic != _MAGIC or own_depth > MAX_DEPTH or own_depth != (own_depth if depth is None else depth) or (
                _HEADER.size + count * _ENTRY.size > len(node)):
            raise self._damaged(f"a node of its extents has {count} entries at depth {own_depth}")
        entries = node[_HEADER.size : _HEADER.size + count * _ENTRY.size]
        if own_depth == 0:
            runs = self._in_order([_run(entry) for entry in _LEAF.iter_unpack(entries)])
            yield from (run for run in runs if run.first < end and run.first + run.length > first)
            return
        index = self._in_order(list(_ENTRY.iter_unpack(entries)))
        for (start, low, high, _), (until, *_) in zip(index, [*index[1:], (end, 0, 0, 0)], strict=True):
            if max(start, first) < min(until, end):
                child = self._block(low | high << 32)
                yield from self._extents(child, max(start, first), min(until, end), own_depth - 1)

    def _in_order(self, entries: list[Entry]) -> list[Entry]:
        if any(one[0] >= two[0] for one, two in pairwise(entries)):
            raise self._damaged("its extents are not in order")
        return entries

    def _mapped(self, first: int, end: int) -> Iterator[Run]:
        numbers = struct.unpack("<15I", self._inode.block)
        per_block = self._superblock.block // 4
        start = 0
        for level, number in ((0, number) for number in numbers[:_DIRECT]):
            yield from self._below(number, level, start, first, end)
            start += 1
        for level, number in enumerate(numbers[_DIRECT:], start=1):
            yield from self._below(number, level, start, first, end)
            start += per_block**level

    def _below(self, number: int, level: int, start: int, first: int, end: int) -> Iterator[Run]:
        """Yield the blocks behind a number of the map, of which the first one is ``start``."""
        step = (self._superblock.block // 4)**level
        if not number or start >= end or start + step <= first:
            return
        if level == 0:
            yield Run(start, 1, number)
            return
        inner = step // (self._superblock.block // 4)
        raw = self._block(number)
        low, high = max(0, (first - start) // inner), min(len(raw) // 4, -(-(end - start) // inner))
        for index, child in enumerate(struct.unpack_from(f"<{high - low}I", raw, 4 * low), start=low):
            yield from self._below(child, level - 1, start + index * inner, first, end)

    def _block(self, number: int) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise self._damaged(f"more than {MAX_NODES} blocks say where they are")
        if not 0 < number < self._superblock.blocks:
            raise self._damaged(f"the block {number} of {self._superblock.blocks} should say where they are")
        return self._reader.read_at(number * self._superblock.block, self._superblock.block)

    def _damaged(self, reason: str) -> Exception:
        return broken("filesystem-damaged", f"the blocks of the inode {self._inode.number} cannot be found: {reason}")


def read(reader: Reader, superblock: Superblock, inode: Inode, start: int, end: int) -> bytes:
    """Return the bytes of a file from ``start`` to ``end``, which must not be after its end."""
    size = superblock.block
    runs = BlockMap(reader, superblock, inode).runs(start // size, -(-end // size))
    return read_parts(reader, ((run.first * size, run.length * size, run.place * size or None) for run in runs),
                      start, end)


def _run(entry: tuple[int, ...]) -> Run:
    first, count, high, low = entry
    if count > _WRITTEN:
        return Run(first, count - _WRITTEN, 0)
    return Run(first, count, high << 32 | low)
