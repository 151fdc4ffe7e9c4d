"""measure: an open disk in, where it has data out: how much of each piece its file stores, how full file systems are.

Nobody pays for it who does not ask: a report that draws the disk does. Of the tables of a container at most 128 MiB are
read, those of a TiB that is full of the usual clusters, in at most 16384 reads; the pieces after that are not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.documents.inspection import Space, Usage
from imgbuild.filesystems.usage import used_bytes
from imgbuild.readers import BrokenImage
from imgbuild.sizes import KIB, MIB, ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.formats.base import Container
    from imgbuild.guests.blocks import Block
    from imgbuild.source import Source

MOST_PIECES = 512
LEAST_PIECE = 64 * KIB
MOST_READ = 128 * MIB
MOST_READS = 1 << 14
MOST_EXTENTS = 1 << 16


def measure(container: Container, source: Source, blocks: Sequence[Block]) -> Space:
    """Return where the disk of ``container``, the image in ``source``, has data; ``blocks`` are what is on it."""
    piece = piece_size(container.size)
    counts = _of_file(source, container.size, piece) if container.flat else _of_tables(container, source, piece)
    return Space(piece=piece, stored=tuple(counts), file_systems=tuple(_usages(blocks)))


def piece_size(size: int) -> int:
    """Return the bytes of a piece: a power of two, as blocks are, of which a disk has at most 512."""
    return max(LEAST_PIECE, 1 << (max(1, ceil_div(size, MOST_PIECES)) - 1).bit_length())


def _of_tables(container: Container, source: Source, piece: int) -> Iterator[int | None]:
    most_read, most_reads = source.bytes_read + MOST_READ, source.reads + MOST_READS
    for start in range(0, container.size, piece):
        try:
            length = min(piece, container.size - start)
            goes_on = source.bytes_read < most_read and source.reads < most_reads
            yield container.stored(start, length) if goes_on else None
        except BrokenImage:
            yield None


def _of_file(source: Source, size: int, piece: int) -> list[int | None]:
    """Count the bytes that are no holes of the file. Of one in very many extents the last pieces are not known."""
    counts: list[int | None] = [0] * ceil_div(size, piece)
    for number, (start, end, hole) in enumerate(source.extents()):
        if number == MOST_EXTENTS:
            return counts[: start // piece] + [None] * (len(counts) - start // piece)
        for index in () if hole else range(start // piece, ceil_div(min(end, size), piece)):
            counts[index] = (counts[index] or 0) + min(end, size, (index + 1) * piece) - max(start, index * piece)
    return counts


def _usages(blocks: Sequence[Block]) -> Iterator[Usage]:
    for block in blocks:
        try:
            used = None if block.identity is None else used_bytes(block.reader, block.identity.kind)
        except (BrokenImage, FileNotFoundError):
            used = None
        if used is not None and 0 <= used <= block.reader.size:
            yield Usage(partition=block.partition.index if block.partition is not None else None,
                        volume=block.volume.name if block.volume is not None else None, used=used)
