"""The block allocation table (BAT) of a VHDX: a block of the disk in, its state and its place in the file out.

    bits 0-2    state of the block
    bits 3-19   Reserved
    bits 20-63  FileOffsetMB, so that the entry without its lower bits is the offset in bytes

After each chunk ratio of payload blocks stands the entry of a sector bitmap block. Without a parent nobody reads these,
and QEMU before 8.0 left other entries' values there (its issue 727), so they are passed over. With one, a block that is
not present is the parent's, and in one that is partially present a sector is where the bitmap has a 1, the lowest bit
of a byte first.

[MS-VHDX] section 2.5 "BAT", https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from imgbuild.formats.blocks import MOST_COUNTED_BYTES
from imgbuild.formats.vhdx.fields import ALIGNMENT
from imgbuild.readers import BrokenImage, problem
from imgbuild.sizes import KIB, MIB, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.formats.vhdx.parameters import Parameters
    from imgbuild.formats.vhdx.regions import Region
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

ENTRY = 8
STATE = 0b111
NOT_PRESENT = 0
FULLY_PRESENT = 6
BITMAP_PRESENT = 6
BITMAP_BYTES = MIB
PARTIALLY_PRESENT = 7
READ_AS_ZEROS = frozenset({0, 1, 2, 3, 5})
"""Not present, undefined, zero, unmapped; 5 was "unmapped" in the draft 0.95, and QEMU reads it so."""

_SOUND = READ_AS_ZEROS | {FULLY_PRESENT}
_IN_FILE = frozenset({FULLY_PRESENT, PARTIALLY_PRESENT})
_PRESENT = bytes(byte & STATE in _IN_FILE for byte in range(256))
_SOUND_OVER_PARENT = _SOUND | {PARTIALLY_PRESENT}

SLICE_BYTES = 4 * KIB
CACHED_SLICES = 64
MAX_SCANNED_BYTES = 8 * MIB
"""What is looked through when a file is opened: the table of 64 TiB in blocks of 64 MiB, or of 1 TiB in those of 1."""


class BlockTable:
    """The entries of the payload blocks. The table stays in the file, at most 256 KiB of it are kept."""

    def __init__(self, reader: Reader, region: Region, parameters: Parameters) -> None:
        self.region = region
        self.parameters = parameters
        self._reader = reader
        self._read = lru_cache(CACHED_SLICES)(self._read_slice)

    def place(self, block: int) -> int | None:
        """Return the byte of the file at which a block of the disk begins, ``None`` where it reads as zeros.

        Raises:
            BrokenImage: ``table-entry-invalid`` where the entry says neither.
        """
        index = self.index(block)
        entry = self.entry(index)
        if entry & STATE in READ_AS_ZEROS:
            return None
        place = entry & -ALIGNMENT
        if entry & STATE not in self.sound or not place:
            raise BrokenImage(self.complain("table-entry-invalid", block, entry, _fault(entry)))
        return place

    def entry(self, index: int) -> int:
        """Return the entry of that number."""
        return self._read(index * ENTRY // SLICE_BYTES)[index % (SLICE_BYTES // ENTRY)]

    def state(self, block: int) -> int:
        """Return the state of a payload block."""
        return self.entry(self.index(block)) & STATE

    def bitmap_place(self, block: int) -> int:
        """Return the byte of the file at which the sector bitmap block of a payload block's chunk begins.

        Raises:
            BrokenImage: ``table-entry-invalid`` where the chunk has none, although a block of it needs one.
        """
        ratio = self.parameters.chunk_ratio
        entry = self.entry(block // ratio * (ratio + 1) + ratio)
        place = entry & -ALIGNMENT
        if entry & STATE != BITMAP_PRESENT or not place:
            raise BrokenImage(self.complain("table-entry-invalid", block, self.entry(self.index(block)),
                                            "is partially present, but there is no bitmap of its sectors"))
        return place

    @property
    def sound(self) -> frozenset[int]:
        """The states that a block can have."""
        return _SOUND_OVER_PARENT if self.parameters.has_parent else _SOUND

    def index(self, block: int) -> int:
        """Return the number of the entry of a payload block, sector bitmaps before it counted."""
        return block + block // self.parameters.chunk_ratio

    def payload_entries(self) -> array[int]:
        """Return the entries of the payload blocks, those of the first 8 MiB of the table."""
        length = min(self.parameters.bat_entries * ENTRY, MAX_SCANNED_BYTES)
        entries = _little_endian(self._reader.read_at(self.region.file_offset, length))
        del entries[self.parameters.chunk_ratio :: self.parameters.chunk_ratio + 1]
        return entries

    def present(self, first: int, count: int) -> int | None:
        """Return how many of so many blocks from ``first`` on are in the file, at least in part; entries are not kept.

        Those of the sector bitmaps between them are passed over. ``None`` for too many of them.
        """
        start, end = self.index(first), self.index(first + count - 1) + 1
        if (end - start) * ENTRY > MOST_COUNTED_BYTES:
            return None
        raw = self._reader.read_at(self.region.file_offset + start * ENTRY, (end - start) * ENTRY)
        states = raw[::ENTRY].translate(_PRESENT)
        bitmaps = states[self.parameters.chunk_ratio - start % (self.parameters.chunk_ratio + 1)
                         :: self.parameters.chunk_ratio + 1]
        return states.count(1) - bitmaps.count(1)

    def needed(self, block: int) -> int:
        """Return how many bytes of a block the disk has: all, but for the last one."""
        return min(self.parameters.block_size, self.parameters.virtual_disk_size - block * self.parameters.block_size)

    def complain(self, code: str, block: int, entry: int, message: str) -> Problem:
        """Return a problem with a block's entry as its evidence."""
        return problem(code, f"block {block} {message}", field="BAT entry",
                       offset=self.region.file_offset + self.index(block) * ENTRY, raw=entry.to_bytes(ENTRY, "little"))

    def _read_slice(self, number: int) -> array[int]:
        start = number * SLICE_BYTES
        return _little_endian(self._reader.read_at(self.region.file_offset + start, SLICE_BYTES))


def _little_endian(raw: bytes) -> array[int]:
    entries = array("Q", raw)
    if sys.byteorder == "big":
        entries.byteswap()
    return entries


def _fault(entry: int) -> str:
    if entry & STATE == FULLY_PRESENT:
        return "is fully present, but its entry gives no place in the file"
    if entry & STATE == PARTIALLY_PRESENT:
        return "is partially present, which only the blocks of a differencing disk can be"
    return f"has the state {entry & STATE}, which is not defined"


def read_table(reader: Reader, region: Region, parameters: Parameters) -> BlockTable:
    """Return the table of the blocks; BrokenImage ``table-too-small`` where the region cannot hold it."""
    needed = parameters.bat_entries * ENTRY
    if region.length < needed:
        raise region.broken("table-too-small", f"the BAT region has {region.length} bytes, but a disk of"
                            f" {human_size(parameters.virtual_disk_size)} needs {needed}", "Length")
    return BlockTable(reader, region, parameters)


def check_table(table: BlockTable, taken: Sequence[tuple[str, int, int]], file_size: int) -> Iterator[Problem]:
    """Yield what is wrong with the places of the blocks, of each kind the first.

    ``taken`` are the structures of the file: name, first byte, byte behind the last one.
    """
    entries = table.payload_entries()
    sound = table.sound
    if table.parameters.has_parent:
        yield from _bitmaps(table, entries, file_size)
    odd = next((block for block, entry in enumerate(entries) if entry & STATE not in sound), None)
    if odd is not None:
        yield table.complain("table-entry-invalid", odd, entries[odd], _fault(entries[odd]))
    present = [(entry & -ALIGNMENT, block) for block, entry in enumerate(entries)
               if entry & STATE in _IN_FILE]
    room = file_size // table.parameters.block_size + 1
    if len(present) > room:  # said without sorting them: a small file may claim millions
        message = f"{len(present)} blocks are present, but the file has room for {room} at most"
        yield problem("truncated", message, field="BAT entry", offset=table.region.file_offset)
    elif present:
        present.sort()
        yield from _past_the_end(table, entries, present, file_size)
        yield from _overlaps(table, entries, present)
        yield from _over_structures(table, entries, present, taken)


def _bitmaps(table: BlockTable, entries: array[int], file_size: int) -> Iterator[Problem]:
    """Yield a problem where a block is partially present and the bitmap of its chunk is not in the file."""
    ratio = table.parameters.chunk_ratio
    firsts = {block // ratio: block for block, entry in reversed(list(enumerate(entries)))
              if entry & STATE == PARTIALLY_PRESENT}
    for block in sorted(firsts.values()):
        try:
            place = table.bitmap_place(block)
        except BrokenImage as broken:
            yield broken.problem
            return
        if place + BITMAP_BYTES > file_size:
            yield table.complain("truncated", block, entries[block], f"has the bitmap of its sectors at byte {place} to"
                                 f" {place + BITMAP_BYTES}, but the file ends at {file_size}")
            return


def _past_the_end(table: BlockTable, entries: array[int], present: list[tuple[int, int]],
                  file_size: int) -> Iterator[Problem]:
    # QEMU once wrote files that end with the last block of the disk, cut where the disk ends.
    past = [(place + table.needed(block), block) for place, block in present
            if place + table.needed(block) > file_size]
    if past:
        end, block = max(past)
        message = f"ends at byte {end}, but the file at {file_size} ({human_size(end - file_size)} before)"
        yield table.complain("truncated", block, entries[block], message)


def _overlaps(table: BlockTable, entries: array[int], present: list[tuple[int, int]]) -> Iterator[Problem]:
    for (place, block), (next_place, next_block) in pairwise(present):
        if next_place - place < table.parameters.block_size and place + table.needed(block) > next_place:
            yield table.complain("block-overlap", next_block, entries[next_block],
                                 f"at byte {next_place} overlaps block {block}")
            return


def _over_structures(table: BlockTable, entries: array[int], present: list[tuple[int, int]],
                     taken: Sequence[tuple[str, int, int]]) -> Iterator[Problem]:
    for name, start, end in taken:
        place, block = present[max(0, bisect_left(present, (end, 0)) - 1)]
        if place < end and place + table.parameters.block_size > start:
            yield table.complain("block-overlap", block, entries[block], f"at byte {place} overlaps the {name}")
            return
