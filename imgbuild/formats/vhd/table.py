"""The block allocation table of a dynamic VHD: read it, and check that its blocks lie apart and inside the file.

One big-endian 32-bit sector number for each block of the disk, all ones where the block is not allocated. A block is a
sector bitmap, padded to whole sectors, and the data.

"Virtual Hard Disk Image Format Specification", Microsoft, October 11, 2006, section "Block Allocation Table and Data
Blocks". https://www.microsoft.com/en-us/download/details.aspx?id=23850
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from imgbuild.formats.vhd import FOOTER_SIZE
from imgbuild.formats.vhd.fields import SECTOR
from imgbuild.formats.vhd.footer import DYNAMIC_SIZE, DynamicHeader
from imgbuild.readers import BrokenImage, Reader, problem
from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.model import Problem

UNUSED = 0xFFFFFFFF
ENTRY = 4
MIN_BLOCK = 8 * SECTOR
"""A whole byte of bitmap. Below, the specification pads the bitmap to a sector, where qemu finds none at all."""
MAX_ENTRIES = 2 << 20
"""What a table may hold, 8 MiB: the largest VHD in blocks of 2 MiB, or 1 TiB in the smallest that Microsoft tested."""


def bitmap_size(block_size: int) -> int:
    """Return the bytes that the sector bitmap takes in front of the data of a block."""
    return ceil_div(block_size, SECTOR * 8 * SECTOR) * SECTOR


def read_table(reader: Reader, header: DynamicHeader, disk_size: int) -> array[int]:
    """Return the entries that a disk of ``disk_size`` bytes needs, as sector numbers of the file.

    Raises:
        BrokenImage: The block size is no power of two, the table is too small for the disk, or larger than the file
            (``block-size-invalid``, ``vhd-table-too-small``, ``table-too-large``).
    """
    size = header.block_size
    if size < MIN_BLOCK or size & (size - 1):
        message = f"the block size is {size} bytes, but it must be a power of two of at least {MIN_BLOCK}"
        raise BrokenImage(header.complain("block-size-invalid", message, "block_size"))
    entries = ceil_div(disk_size, size)
    _check_extent(reader, header, entries)
    table = array("I", reader.read_at(header.table_offset, entries * ENTRY))
    if sys.byteorder == "little":
        table.byteswap()
    return table


def _check_extent(reader: Reader, header: DynamicHeader, entries: int) -> None:
    if header.max_table_entries < entries:
        raise BrokenImage(header.complain("vhd-table-too-small", "the block allocation table has"
                                          f" {header.max_table_entries} entries, but the disk needs {entries}",
                                          "max_table_entries"))
    if entries > MAX_ENTRIES:
        raise BrokenImage(header.complain("table-too-large", f"blocks of {header.block_size} bytes make {entries} table"
                                          f" entries, but a VHD has no more than {MAX_ENTRIES}", "block_size"))
    end = header.table_offset + header.max_table_entries * ENTRY
    if end > reader.size:
        raise BrokenImage(header.complain("table-too-large", f"the block allocation table ends at byte {end},"
                                          f" but the file at {reader.size}", "max_table_entries"))


def check_table(table: array[int], header: DynamicHeader, data_end: int) -> Iterator[Problem]:
    """Yield what is wrong with the places of the blocks; block data must end at or before byte ``data_end``."""
    if header.max_table_entries > len(table):
        yield header.complain("vhd-spare-table-entries", "the block allocation table has"
                              f" {header.max_table_entries} entries, the disk needs {len(table)}", "max_table_entries")
    length = (bitmap_size(header.block_size) + header.block_size) // SECTOR
    count, room = len(table) - table.count(UNUSED), data_end // (length * SECTOR)
    if count > room:  # said without sorting them: a small file may claim millions
        message = f"{count} blocks are allocated, but the file has room for {room} only"
        yield header.complain("truncated", message, "table_offset")
    elif count:
        used = sorted(entry for entry in table if entry != UNUSED)
        yield from _check_places(table, used, length, header, data_end)


def _check_places(table: array[int], used: list[int], length: int, header: DynamicHeader,
                  data_end: int) -> Iterator[Problem]:
    if (used[-1] + length) * SECTOR > data_end:
        message = f"ends at byte {(used[-1] + length) * SECTOR}, but the data of the file end at {data_end}"
        yield _blame(table, used[-1], header, "truncated", message)
    double = next((later for earlier, later in pairwise(used) if later - earlier < length), None)
    if double is not None:
        yield _blame(table, double, header, "block-overlap", f"at byte {double * SECTOR} overlaps another block")
    for name, start, end in _structures(header):
        index = bisect_right(used, (end - 1) // SECTOR) - 1
        if index >= 0 and used[index] + length > start // SECTOR:
            message = f"at byte {used[index] * SECTOR} overlaps the {name}"
            yield _blame(table, used[index], header, "block-overlap", message)


def _structures(header: DynamicHeader) -> tuple[tuple[str, int, int], ...]:
    table_end = header.table_offset + header.max_table_entries * ENTRY
    return (("copy of the footer", 0, FOOTER_SIZE), ("dynamic disk header", header.at, header.at + DYNAMIC_SIZE),
            ("block allocation table", header.table_offset, table_end))


def _blame(table: array[int], entry: int, header: DynamicHeader, code: str, message: str) -> Problem:
    block = table.index(entry)
    return problem(code, f"block {block} {message}", field="block_allocation_table",
                   offset=header.table_offset + block * ENTRY, raw=entry.to_bytes(ENTRY, "big"))
