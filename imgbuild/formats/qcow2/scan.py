"""A look at all L1 and L2 entries: does the file reach as far as its tables say, and are the entries sound?

All entries of a block are looked at in a few operations on one large number with a lane of 64 bits for each entry: a
loop in Python takes eight times as long, 250 ms for the tables of a full disk of 200 GiB. Only where that finds
something are single entries decoded.

What is needed of a cluster is what the guest can see of it: images end inside their last cluster where the disk is no
multiple of the cluster size, where only the first subclusters are allocated, or after the last byte of compressed data.

Of an absurd number of tables only some are read, those of the end of the disk with the highest offsets: what is written
last is what a cut takes away.
"""

from __future__ import annotations

import heapq
import re
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.formats.qcow2.tables import (
    ALL_SUBCLUSTERS,
    COMPRESSED,
    OFFSET_MASK,
    READS_AS_ZEROS,
    SECTOR,
    SUBCLUSTERS,
    Geometry,
)
from imgbuild.readers import problem
from imgbuild.sizes import KIB, MIB, ceil_div, human_size

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from imgbuild.formats.qcow2.owners import Owners
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

MAX_L1_ENTRIES = 64 * KIB
MAX_TABLES = 512
MAX_TABLE_BYTES = 16 * MIB
BLOCK_BYTES = 64 * KIB
SUSPECTS = 8


class Entry(NamedTuple):
    """A table entry, where it stands in the file, and the end of what it needs of the file (0: nothing)."""

    end: int
    field: str
    place: int
    value: int


class Block(NamedTuple):
    """A part of an L2 table: its offset in the file, the guest cluster of its first entry, its bytes."""

    place: int
    cluster: int
    data: bytes


def table_problems(file: Reader, geometry: Geometry, l1: array[int], l1_offset: int, owners: Owners) -> list[Problem]:
    """Return at most two problems: ``truncated`` for the entry that reaches furthest, ``table-entry-invalid`` for one.

    ``owners`` is told the offsets of all clusters. ``l1`` holds the entries that the virtual size needs. Reads at most
    512 L2 tables, at most 16 MiB of them: those of 128 GiB of allocated clusters of the usual size.
    """
    highest = Entry(0, "", 0, 0)
    unsound: list[Entry] = []
    lanes = Lanes(geometry, file.size, _block_bytes(geometry))
    for table, index in _tables(geometry, l1):
        whole = Entry(table + geometry.cluster_size, "L1 entry", l1_offset + 8 * index, l1[index])
        highest = max(highest, whole)
        if table % geometry.cluster_size:
            unsound.append(whole)
        elif whole.end <= file.size:
            for block in _blocks(file, geometry, table, index):
                far, unaligned, offsets = lanes.suspects(block.data)
                owners.add(block.place, offsets)
                highest = max([highest, *(_decode(geometry, block, number) for number in far)])
                unsound += [_decode(geometry, block, number) for number in unaligned]
    return [*_truncated(file, highest), *_unsound(geometry, unsound)]


class Lanes:
    """Tests on all entries of a block at once; ``size`` in bytes is that of the largest block."""

    def __init__(self, geometry: Geometry, file_size: int, size: int) -> None:
        # No entry needs more than the two clusters from its offset on.
        limit = min(max(0, file_size - 2 * geometry.cluster_size), COMPRESSED - 1)
        self._size = size
        self._entry_size = geometry.entry_size
        self._flag = self._repeat(1)
        self._offset = self._repeat(OFFSET_MASK)
        self._compressed_offset = self._repeat(geometry.compressed_offset_mask)
        self._unaligned = self._repeat(OFFSET_MASK & (geometry.cluster_size - 1))
        # Added to an offset, it sets the lane's highest bit where the offset is over the limit.
        self._headroom = self._repeat((1 << 63) - 1 - limit)
        self._top = self._repeat(1 << 63)

    def suspects(self, block: bytes) -> tuple[list[int], list[int], bytes]:
        """Return the numbers of the last few entries that may reach past the file, and of the first unaligned one.

        The third is the offset of each standard cluster, 0 where there is none; two of them for an extended entry.
        """
        entries = int.from_bytes(block.ljust(self._size, b"\0"), "big")
        flags = entries >> 62 & self._flag
        # Subtracting 1 from the lane above fills each lane whose flag is set with ones.
        compressed = entries & ((flags << 64) - flags)
        standard = entries ^ compressed
        offsets = (compressed & self._compressed_offset) | (standard & self._offset)
        places = self._bytes(standard & self._offset)[: len(block)]
        return self._last(offsets), self._first(standard & self._unaligned), places

    def _last(self, offsets: int) -> list[int]:
        over = offsets + self._headroom & self._top
        if not over:
            return []
        numbers = [found.start() for found in re.finditer(rb"\x80", self._bytes(over)[:: self._entry_size])]
        listing, width = self._bytes(offsets), self._entry_size
        return heapq.nlargest(SUSPECTS, numbers, key=lambda number: listing[number * width : number * width + 8])

    def _first(self, lanes: int) -> list[int]:
        first = re.search(rb"[^\0]", self._bytes(lanes)) if lanes else None
        return [first.start() // self._entry_size] if first else []

    def _bytes(self, lanes: int) -> bytes:
        return lanes.to_bytes(self._size, "big")

    def _repeat(self, value: int) -> int:
        # The second half of an extended entry is no offset and stays out of all tests.
        entry = value.to_bytes(8, "big").ljust(self._entry_size, b"\0")
        return int.from_bytes(entry * (self._size // self._entry_size), "big")


def _tables(geometry: Geometry, l1: array[int]) -> list[tuple[int, int]]:
    # Behind the last entry that is not 0, 4 million of them are no work.
    end = ceil_div(len(l1.tobytes().rstrip(b"\0")), l1.itemsize)
    start = max(0, end - MAX_L1_ENTRIES)
    found = ((entry & OFFSET_MASK, index) for index, entry in enumerate(l1[start:end], start) if entry & OFFSET_MASK)
    return heapq.nlargest(min(MAX_TABLES, MAX_TABLE_BYTES // geometry.cluster_size), found)


def _block_bytes(geometry: Geometry) -> int:
    needed = geometry.entry_size * ceil_div(geometry.size, geometry.cluster_size)
    return min(BLOCK_BYTES, geometry.cluster_size, needed)


def _blocks(file: Reader, geometry: Geometry, table: int, l1_index: int) -> Iterator[Block]:
    first = l1_index * geometry.l2_entries
    last = min(first + geometry.l2_entries, ceil_div(geometry.size, geometry.cluster_size))
    step = _block_bytes(geometry) // geometry.entry_size
    for cluster in range(first, last, step):
        place = table + (cluster - first) * geometry.entry_size
        count = min(step, last - cluster)
        yield Block(place, cluster, file.read_at(place, count * geometry.entry_size))


def _decode(geometry: Geometry, block: Block, number: int) -> Entry:
    at = number * geometry.entry_size
    value = int.from_bytes(block.data[at : at + 8], "big")
    visible = min(geometry.cluster_size, geometry.size - (block.cluster + number << geometry.cluster_bits))
    if geometry.extended and not value & COMPRESSED:
        allocated = int.from_bytes(block.data[at + 8 : at + 16], "big") & ALL_SUBCLUSTERS
        visible = min(visible, allocated.bit_length() * geometry.cluster_size // SUBCLUSTERS)
    return Entry(_end(geometry, value, visible), "L2 entry", block.place + at, value)


def _end(geometry: Geometry, value: int, visible: int) -> int:
    if value & COMPRESSED:
        offset, length = geometry.compressed_place(value)
        return max(offset, offset + length - SECTOR) + 1
    reads_as_zeros = value & READS_AS_ZEROS and not geometry.extended
    return 0 if reads_as_zeros or not visible or not value & OFFSET_MASK else (value & OFFSET_MASK) + visible


def _truncated(file: Reader, highest: Entry) -> list[Problem]:
    if highest.end <= file.size:
        return []
    missing = human_size(highest.end - file.size)
    return [_problem("truncated", highest, f"the file ends at {file.size}, but its tables use it up to byte"
                                           f" {highest.end} ({missing} more)")]


def _unsound(geometry: Geometry, entries: list[Entry]) -> list[Problem]:
    return [_problem("table-entry-invalid", entry, f"the {entry.field} at {entry.place} points to"
                                               f" {entry.value & OFFSET_MASK}, no multiple of the cluster size"
                                               f" {geometry.cluster_size}") for entry in entries[:1]]


def _problem(code: str, entry: Entry, message: str) -> Problem:
    return problem(code, message, field=entry.field, offset=entry.place, raw=entry.value.to_bytes(8, "big"))
