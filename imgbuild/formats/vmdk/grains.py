"""The grains of a sparse extent: a range of its disk in, its bytes out.

The grain directory holds the sectors of grain tables, these the sectors of grains; 0 is not there, so that the grain is
the parent's and zeros where there is none; 1 reads as zeros where the header allows zeroed grains. Grains that are
neighbours in the file are one read.

In a streamOptimized extent a grain is a marker (the number of its first sector on the disk, 8 bytes, and the length of
its data, 4) and a zlib stream, which is never inflated to more than the size of a grain.

"VMware Virtual Disk Format 1.1", VMware, 2007, sections "Hosted Sparse Extent Metadata" and "Stream-Optimized
Compressed Sparse Extents".
"""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from imgbuild import fastzlib
from imgbuild.formats.blocks import MOST_COUNTED, MOST_COUNTED_BYTES, BlockCache, pieces, stored_bytes
from imgbuild.formats.tables import NUMBER_BYTES, NumberTable, read_numbers, read_pieces
from imgbuild.formats.vmdk.descriptor import SECTOR
from imgbuild.formats.vmdk.header import COWD_TABLE_ENTRIES, Flags
from imgbuild.readers import broken, check_range, problem, read_clipped
from imgbuild.sizes import MIB, ceil_div

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from imgbuild.formats.vmdk.header import Header
    from imgbuild.model import Problem
    from imgbuild.readers import BrokenImage, Reader

CACHE_BYTES = 4 * MIB
CACHED_TABLES = 256
ZEROED = 1
MARKER = struct.Struct("<QI")


class Geometry(msgspec.Struct, frozen=True):
    """What a header says on the layout, in bytes but for ``entries``, those of a grain table."""

    size: int
    grain: int
    entries: int
    directory: int
    redundant: int = 0
    data: int = 0
    compressed: bool = False
    markers: bool = False
    zeroed: bool = False

    @property
    def tables(self) -> int:
        """The entries of the grain directory that the disk needs."""
        return ceil_div(self.size, self.grain * self.entries)

    @property
    def zeros(self) -> int:
        """The highest table entry whose grain reads as zeros; those above are places in the file."""
        return ZEROED if self.zeroed else 0

    def visible(self, grain: int) -> int:
        """Return the bytes of a grain that are on the disk: the last one may hang over its end."""
        return min(self.grain, self.size - grain * self.grain)


def hosted_geometry(header: Header) -> Geometry:
    """Return the layout of a hosted sparse extent whose header has been found good."""
    redundant = header.rgd_offset * SECTOR if header.flags & Flags.REDUNDANT else 0
    return Geometry(header.capacity * SECTOR, header.grain_size * SECTOR, header.num_gtes_per_gt,
                    header.gd_offset * SECTOR, redundant, 0 if header.compressed else header.over_head * SECTOR,
                    header.compressed, bool(header.flags & Flags.MARKERS), bool(header.flags & Flags.ZEROED_GRAINS))


def esx_geometry(fields: dict[str, int]) -> Geometry:
    """Return the layout of an ESX Server sparse extent."""
    return Geometry(fields["numSectors"] * SECTOR, fields["grainSize"] * SECTOR, COWD_TABLE_ENTRIES,
                    fields["gdOffset"] * SECTOR)


class Grains:
    """The disk of a sparse extent. Holds at most 256 grain tables and 4 MiB of unpacked grains.

    What is wrong with a marker is added to ``problems`` when its grain is read. ``below`` is the parent's disk, if any.
    """

    below: Reader | None = None

    def __init__(self, file: Reader, geometry: Geometry, problems: list[Problem]) -> None:
        self._file = file
        self._geometry = geometry
        self._problems = problems
        self._directory = NumberTable(file, geometry.directory, geometry.tables)
        self._table = lru_cache(CACHED_TABLES)(self._read_table)
        self._unpacked: BlockCache[bytes] = BlockCache(CACHE_BYTES)

    @property
    def size(self) -> int:
        """The size of the disk in bytes."""
        return self._geometry.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the disk from ``offset``, or raise BrokenImage."""
        check_range(self.size, offset, length, "the virtual disk")
        if self._geometry.compressed:
            return b"".join([self._part(*piece) for piece in self._grains(offset, length)])
        return read_pieces(self._places(offset, length))

    def stored(self, offset: int, length: int) -> int | None:
        """Return how many bytes of a range are in grains that have a place in the file."""
        return stored_bytes(offset, length, self._geometry.grain, self._used)

    def _used(self, first: int, count: int) -> int | None:
        used, width = 0, self._geometry.entries
        if count > MOST_COUNTED * width or count * NUMBER_BYTES > MOST_COUNTED_BYTES:
            return None
        for index, start, part in pieces(first, count, width):
            place = self._directory.get(index)
            if place:
                entries = read_numbers(self._file, place * SECTOR + start * NUMBER_BYTES, part)
                used += part - sum(entries.count(zero) for zero in range(self._geometry.zeros + 1))
        return used

    def _grains(self, offset: int, length: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield ``(entry, grain, start in it, bytes)``; where a whole table is missing the entry is 0 for all of it."""
        layout = self._geometry
        for index, start, count in pieces(offset, length, layout.grain * layout.entries):
            first = index * layout.entries
            place = self._directory.get(index)
            if not place:
                yield 0, first, start, count
                continue
            table = self._table(place)
            for grain, inside, part in pieces(start, count, layout.grain):
                yield table[grain], first + grain, inside, part

    def _places(self, offset: int, length: int) -> Iterator[tuple[Reader | None, int, int]]:
        zeros = self._geometry.zeros
        for entry, grain, start, count in self._grains(offset, length):
            if entry == 0:
                yield self.below, grain * self._geometry.grain + start, count
            else:
                yield (None, 0, count) if entry <= zeros else (self._file, entry * SECTOR + start, count)

    def _part(self, entry: int, grain: int, start: int, count: int) -> bytes:
        if entry == 0 and self.below is not None:
            return self.below.read_at(grain * self._geometry.grain + start, count)
        if entry <= self._geometry.zeros:
            return bytes(count)
        data = self._unpacked.get(grain)
        if data is None:
            data = self._unpack(entry, grain)
            self._unpacked.put(grain, data)
        return data[start : start + count]

    def _unpack(self, entry: int, grain: int) -> bytes:
        place, limit = entry * SECTOR, self._geometry.grain
        length = limit
        if self._geometry.markers:
            sector, length = read_marker(self._file, entry)
            self._note(marker_problem(self._geometry, entry, grain, sector))
            place += MARKER.size
        if not 0 < length <= 2 * limit:
            raise _bad_grain(grain, entry, f"has {length} bytes; 1 to {2 * limit} are possible")
        try:
            return _inflate(read_clipped(self._file, place, length), limit, self._geometry.visible(grain))
        except ValueError as error:
            # Data that the file's end cuts are no fault of their own. Without a marker their length is not known.
            if self._geometry.markers:
                check_range(self._file.size, place, length, "the file")
            raise _bad_grain(grain, entry, f"cannot be decompressed: {error}") from error

    def _note(self, found: Problem | None) -> None:
        if found is not None and all(known.code != found.code for known in self._problems):
            self._problems.append(found)

    def _read_table(self, place: int) -> array[int]:
        return read_numbers(self._file, place * SECTOR, self._geometry.entries)


def read_marker(file: Reader, entry: int) -> tuple[int, int]:
    """Return the marker of the grain that a table entry points to: the number of a sector, and a length in bytes."""
    sector, length = MARKER.unpack(file.read_at(entry * SECTOR, MARKER.size))
    return sector, length


def marker_problem(geometry: Geometry, entry: int, grain: int, sector: int) -> Problem | None:
    """Return a problem where the marker of a grain says another ``sector`` of the disk than the grain tables."""
    right = grain * geometry.grain // SECTOR
    if sector == right:
        return None
    return problem("vmdk-marker-differs", f"the marker at {entry * SECTOR} says that its grain is sector {sector} of"
                                          f" the disk, the grain tables say {right}", field="marker",
                   offset=entry * SECTOR, raw=sector.to_bytes(8, "little"))


def _inflate(data: bytes, limit: int, least: int) -> bytes:
    library = fastzlib.library()
    unpacker = library.decompressobj()
    with suppress(library.error):
        grain: bytes = unpacker.decompress(data, limit + 1)
        if unpacker.eof and least <= len(grain) <= limit:
            return grain
    return _inflate_by_zlib(data, limit, least)


def _inflate_by_zlib(data: bytes, limit: int, least: int) -> bytes:
    """Return the grain, or raise ValueError: zlib has the word on what is damaged."""
    unpacker = zlib.decompressobj()
    try:
        grain = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        raise ValueError(error) from error
    if not unpacker.eof or len(grain) > limit:
        raise ValueError(f"it does not end within the {limit} bytes of a grain")
    if len(grain) < least:
        raise ValueError(f"it gives {len(grain)} bytes, not {least}")
    return grain


def _bad_grain(grain: int, entry: int, what: str) -> BrokenImage:
    return broken("compressed-cluster-invalid", f"the compressed grain {grain} at {entry * SECTOR} {what}",
                  field="grain", offset=entry * SECTOR)
