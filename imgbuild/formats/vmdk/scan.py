"""A look at the grain tables of a sparse extent: does the file reach as far as they say, and do the grains lie apart?

What is needed of a grain is what the guest can see of it. Of an absurd number of tables only some are read, those with
the highest offsets: a million entries, 64 GiB of the usual grains. Overlaps and the second copy of the tables are
looked for in up to a quarter of that.
"""

from __future__ import annotations

import heapq
from array import array
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from imgbuild.formats.tables import NUMBER_BYTES, read_numbers
from imgbuild.formats.vmdk.descriptor import SECTOR
from imgbuild.formats.vmdk.grains import MARKER, Geometry, marker_problem, read_marker
from imgbuild.readers import problem
from imgbuild.sizes import KIB, ceil_div, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.model import Problem
    from imgbuild.readers import Reader

MAX_DIRECTORY = 64 * KIB
MAX_ENTRIES = 1 << 20
MAX_COMPARED = 1 << 18
MAX_MARKERS = 256
RUN_BYTES = 64 * KIB
SUSPECTS = 8


class Tables(msgspec.Struct, frozen=True):
    """Some grain tables: the directory's numbers, which of its entries they are, and all of their entries in a row."""

    directory: array[int]
    indexes: list[int]
    entries: array[int]


class Place(msgspec.Struct, frozen=True):
    """A table entry: its value, its offset in the file, and the number of its grain."""

    entry: int
    at: int
    grain: int


def table_problems(file: Reader, geometry: Geometry) -> Iterator[Problem]:
    """Yield what is wrong with the tables, each thing once. The grain directory must lie in the file."""
    directory = read_numbers(file, geometry.directory, min(geometry.tables, MAX_DIRECTORY))
    yield from _directory_problems(file, geometry, directory)
    tables = _read_tables(file, geometry, directory)
    yield from _truncated(file, geometry, tables)
    if len(tables.entries) <= MAX_COMPARED:
        yield from _overlaps(geometry, tables)
        yield from _second_copy(file, geometry, tables)
    if geometry.markers and geometry.compressed:
        yield from _markers(file, geometry, tables)


def _directory_problems(file: Reader, geometry: Geometry, directory: array[int]) -> Iterator[Problem]:
    used = [number for number in directory if number]
    highest = max(used, default=0)
    end = highest * SECTOR + geometry.entries * NUMBER_BYTES
    if highest and end > file.size:
        yield _blame(geometry, directory, highest, "truncated", f"ends at byte {end}, but the file at {file.size}")
    if len(set(used)) < len(used):
        double = next(one for one, next_one in pairwise(sorted(used)) if one == next_one)
        yield _blame(geometry, directory, double, "block-overlap", f"at byte {double * SECTOR} is there twice")


def _blame(geometry: Geometry, directory: array[int], number: int, code: str, what: str) -> Problem:
    index = directory.index(number)
    return problem(code, f"grain table {index} {what}", field="grain directory",
                   offset=geometry.directory + index * NUMBER_BYTES, raw=number.to_bytes(NUMBER_BYTES, "little"))


def _read_tables(file: Reader, geometry: Geometry, directory: array[int]) -> Tables:
    length = geometry.entries * NUMBER_BYTES
    inside = [(number, index) for index, number in enumerate(directory)
              if number and number * SECTOR + length <= file.size]
    chosen = sorted(heapq.nlargest(MAX_ENTRIES // geometry.entries, inside))
    entries = array("I")
    for first, count in _runs([number * SECTOR for number, _index in chosen], length):
        entries += read_numbers(file, first, count * geometry.entries)
    tables = Tables(directory, [index for _number, index in chosen], entries)
    _forget_behind(geometry, tables)
    return tables


def _forget_behind(geometry: Geometry, tables: Tables) -> None:
    """Put 0 for the entries of the last table that are behind the end of the disk: nobody reads them."""
    last = geometry.tables - 1
    if last in tables.indexes:
        start = tables.indexes.index(last) * geometry.entries
        needed = ceil_div(geometry.size, geometry.grain) - last * geometry.entries
        tables.entries[start + needed : start + geometry.entries] = array("I", bytes(NUMBER_BYTES)) * (
            geometry.entries - needed)


def _runs(places: list[int], length: int) -> Iterator[tuple[int, int]]:
    """Yield offset and number of tables that stand one after the other, at most 64 KiB at once."""
    start = 0
    for number in range(1, len(places) + 1):
        follows = number < len(places) and places[number] == places[number - 1] + length
        if not follows or (number - start) * length >= RUN_BYTES:
            yield places[start], number - start
            start = number


def _place(geometry: Geometry, tables: Tables, number: int) -> Place:
    """Return where the entry of that number in all of ``entries`` stands."""
    table, inside = divmod(number, geometry.entries)
    index = tables.indexes[table]
    return Place(tables.entries[number], tables.directory[index] * SECTOR + inside * NUMBER_BYTES,
                 index * geometry.entries + inside)


def _truncated(file: Reader, geometry: Geometry, tables: Tables) -> Iterator[Problem]:
    longest = 2 * geometry.grain + MARKER.size if geometry.compressed else geometry.grain
    least = max(geometry.zeros, (file.size - longest) // SECTOR)
    if max(tables.entries, default=0) <= least:
        return
    far = heapq.nlargest(SUSPECTS, ((entry, number) for number, entry in enumerate(tables.entries) if entry > least))
    places = [_place(geometry, tables, number) for _entry, number in far]
    place = max(places, key=partial(_end, file, geometry))
    end = _end(file, geometry, place)
    if end > file.size:
        yield problem("truncated", f"the file ends at {file.size}, but its grain tables use it up to byte {end}"
                                   f" ({human_size(end - file.size)} more)", field="grain table", offset=place.at,
                      raw=place.entry.to_bytes(NUMBER_BYTES, "little"))


def _end(file: Reader, geometry: Geometry, place: Place) -> int:
    start = place.entry * SECTOR
    if not geometry.compressed:
        return start + geometry.visible(place.grain)
    if not geometry.markers or start + MARKER.size > file.size:
        return start + MARKER.size
    return start + MARKER.size + read_marker(file, place.entry)[1]


def _overlaps(geometry: Geometry, tables: Tables) -> Iterator[Problem]:
    zeros = geometry.zeros
    used = sorted([entry for entry in tables.entries if entry > zeros])
    length = 1 if geometry.compressed else geometry.grain // SECTOR
    double = next((later for earlier, later in pairwise(used) if later - earlier < length), None)
    if double is not None:
        yield _blame_grain(geometry, tables, double, "block-overlap", "overlaps another one")
    if used and used[0] * SECTOR < max(geometry.data, SECTOR):
        yield _blame_grain(geometry, tables, used[0], "table-entry-invalid", "lies in front of the first grain")


def _blame_grain(geometry: Geometry, tables: Tables, entry: int, code: str, what: str) -> Problem:
    place = _place(geometry, tables, tables.entries.index(entry))
    return problem(code, f"grain {place.grain} at byte {entry * SECTOR} {what}", field="grain table", offset=place.at,
                   raw=entry.to_bytes(NUMBER_BYTES, "little"))


def _second_copy(file: Reader, geometry: Geometry, tables: Tables) -> Iterator[Problem]:
    if not geometry.redundant:
        return
    if geometry.redundant + geometry.tables * NUMBER_BYTES > file.size:
        yield problem("truncated", f"the redundant grain directory at {geometry.redundant} goes on after the end of the"
                                   f" file at {file.size}", field="rgdOffset")
        return
    directory = read_numbers(file, geometry.redundant, len(tables.directory))
    copy = _read_tables(file, geometry, directory)
    if _by_index(geometry, copy) != _by_index(geometry, tables):
        yield problem("vmdk-tables-differ", "the redundant grain directory and tables differ from the first ones",
                      field="rgdOffset", offset=geometry.redundant, raw=directory[:8].tobytes())


def _by_index(geometry: Geometry, tables: Tables) -> dict[int, array[int]]:
    count = geometry.entries
    return {index: tables.entries[number * count : (number + 1) * count]
            for number, index in enumerate(tables.indexes)}


def _markers(file: Reader, geometry: Geometry, tables: Tables) -> Iterator[Problem]:
    zeros, last = geometry.zeros, (file.size - MARKER.size) // SECTOR
    used = [number for number, entry in enumerate(tables.entries) if zeros < entry <= last]
    for number in used[:: max(1, len(used) // MAX_MARKERS)]:
        place = _place(geometry, tables, number)
        sector, _length = read_marker(file, place.entry)
        found = marker_problem(geometry, place.entry, place.grain, sector)
        if found is not None:
            yield found
            return
