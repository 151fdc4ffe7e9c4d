"""A block of a differencing VHDX: which of its sectors are in the file and which are the parent's.

[MS-VHDX] sections 2.4 "Blocks" and 2.5.1.1 "Payload BAT Entry States",
https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.parents import runs
from imgbuild.formats.vhdx.bat import NOT_PRESENT, PARTIALLY_PRESENT, BlockTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.readers import Reader

SPLIT = frozenset({NOT_PRESENT, PARTIALLY_PRESENT})
"""The states of blocks of which all, or some sectors, are the parent's."""


def differences(table: BlockTable, disks: tuple[Reader, Reader], block: int, start: int,
                count: int) -> Iterator[tuple[Reader, int, int]]:
    """Yield reader, offset and bytes for the pieces of a range of a block; ``disks`` are the file and the parent.

    ``start`` and ``count`` are in bytes of the block. Raises BrokenImage where the sector bitmap is not there.
    """
    file, below = disks
    disk_offset = block * table.parameters.block_size
    place = table.place(block)
    if place is None:
        yield below, disk_offset + start, count
        return
    sector, end = table.parameters.logical_sector_size, start + count
    first, bitmap = _bitmap(table, file, block, start, end)
    for here, begin, stop in runs(bitmap, 0, len(bitmap) * 8):
        one, other = max(start, (first + begin) * sector), min(end, (first + stop) * sector)
        if one < other:
            yield (file, place + one, other - one) if here else (below, disk_offset + one, other - one)


def _bitmap(table: BlockTable, file: Reader, block: int, start: int, end: int) -> tuple[int, bytes]:
    """Return the sector of the block at which the bits begin, and the bits of the range in whole bytes."""
    sector = table.parameters.logical_sector_size
    first, last = start // sector // 8, -(-end // sector) - 1
    number = block % table.parameters.chunk_ratio  # of the block in its chunk
    offset = number * (table.parameters.block_size // sector // 8)
    return first * 8, file.read_at(table.bitmap_place(block) + offset + first, last // 8 + 1 - first)
