"""Open a VDI: a file in, a :class:`Disk` out, or a bare container where the content cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Container
from imgbuild.formats.blocks import MAX_DISK, MOST_COUNTED_BYTES, pieces, stored_bytes
from imgbuild.formats.tables import NUMBER_BYTES, NumberTable, read_numbers, read_pieces
from imgbuild.formats.vdi import checks
from imgbuild.formats.vdi.header import DISCARDED, UNALLOCATED, read_header
from imgbuild.formats.vdi.parent import Identity, parent_of
from imgbuild.readers import check_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.formats.vdi.header import Header
    from imgbuild.readers import Reader


class Disk(Container):
    """A disk: its blocks lie where the block map says, the others are the parent's, or read as zeros without one."""

    below: Reader | None = None

    def __init__(self, bare: Container, reader: Reader, header: Header) -> None:
        super().__init__(bare.format, bare.virtual_size, bare.header, bare.problems, readable=bare.readable)
        self.identity = Identity.of(header)
        self._reader = reader
        self._data = header.offset_data
        self._block_size = header.block_size
        self._map_offset = header.offset_bmap
        self._map = NumberTable(reader, header.offset_bmap, header.blocks)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the virtual disk from ``offset``, or raise BrokenImage."""
        if not self.readable:
            return super().read_at(offset, length)
        check_range(self.size, offset, length, "the virtual disk")
        return read_pieces(self._places(offset, length))

    def _places(self, offset: int, length: int) -> Iterator[tuple[Reader | None, int, int]]:
        for block, start, count in pieces(offset, length, self._block_size):
            entry = self._map.get(block)
            if entry == UNALLOCATED:
                yield self.below, block * self._block_size + start, count
            elif entry == DISCARDED:
                yield None, 0, count
            else:
                yield self._reader, self._data + entry * self._block_size + start, count

    def stored(self, offset: int, length: int) -> int | None:
        """Return how many bytes of a range are in allocated blocks."""
        return stored_bytes(offset, length, self._block_size, self._used)

    def _used(self, first: int, count: int) -> int | None:
        if count * NUMBER_BYTES > MOST_COUNTED_BYTES:
            return None
        entries = read_numbers(self._reader, self._map_offset + first * NUMBER_BYTES, count)
        return count - entries.count(UNALLOCATED) - entries.count(DISCARDED)

    def put_over(self, disk: Reader) -> None:
        """Read from ``disk`` what is not allocated here."""
        self.below = disk


def open_vdi(reader: Reader) -> Container:
    """Read the header and the block map.

    Raises:
        BrokenImage: The file ends inside the header (``truncated``). Everything else is a problem of the container.
    """
    header = read_header(reader)
    deltas = list(checks.parents(header))
    problems = [*checks.obstacles(header), *checks.places(reader, header)]
    size = header.size if 0 < header.size < MAX_DISK else None
    bare = Container("vdi", size, header.facts(), deltas + problems, readable=not deltas + problems)
    if problems:
        return bare
    disk = Disk(bare, reader, header)
    if deltas:
        disk.parent = parent_of(header, deltas[0], disk.put_over)
    disk.problems += checks.map_problems(reader, header)
    return disk
