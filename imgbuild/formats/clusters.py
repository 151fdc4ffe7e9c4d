"""Two levels of tables that lead to the clusters of a disk (QCOW 1, QED): do they stay in the file?

qemu takes what lies behind the end of a file for zeros, so only a look at the tables tells a cut file from a whole one.
Of very many tables those with the highest offsets are looked at: what is written last is what a cut takes away.
"""

from __future__ import annotations

import heapq
import sys
from array import array
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.readers import problem
from imgbuild.sizes import MIB, ceil_div, human_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.model import Problem
    from imgbuild.readers import Reader

ENTRY = 8
MAX_L1_BYTES = 4 * MIB
MAX_TABLES = 512
MAX_TABLE_BYTES = 4 * MIB
"""What is looked through of the L2 tables together; a single one may be larger than that."""


class Layout(NamedTuple):
    """How the tables of a format are written. Sizes in bytes.

    ``extent`` gives the place in the file and the length of what an L2 entry stands for (a length of 0: nothing in the
    file), ``alignment`` what tables and clusters begin at a multiple of.
    """

    byte_order: str
    l1_offset: int
    l1_entries: int
    l2_entries: int
    cluster_size: int
    alignment: int
    disk_size: int
    extent: Callable[[int], tuple[int, int]]

    def numbers(self, raw: bytes) -> array[int]:
        """Return the entries in ``raw``."""
        entries = array("Q", raw)
        if self.byte_order != sys.byteorder:
            entries.byteswap()
        return entries


class _Use(NamedTuple):
    """The byte of the file at which something ends, and the entry that leads there."""

    end: int
    field: str
    place: int
    value: int


def check_clusters(file: Reader, layout: Layout) -> Iterator[Problem]:
    """Yield what is wrong with the tables: the furthest entry that leaves the file, the first that is misplaced.

    The L1 table itself must lie in the file.
    """
    length = min(layout.l1_entries * ENTRY, MAX_L1_BYTES)
    l1 = layout.numbers(file.read_at(layout.l1_offset, length))
    furthest = _Use(0, "", 0, 0)
    odd: _Use | None = None
    for use in _uses(file, layout, l1):
        if use.end > furthest.end:
            furthest = use
        if odd is None and use.end == 0:
            odd = use
    if furthest.end > file.size:
        missing = human_size(furthest.end - file.size)
        yield _problem(layout, "truncated", furthest, f"the file ends at {file.size}, but its tables use it up to byte"
                                                      f" {furthest.end} ({missing} more)")
    if odd is not None:
        yield _problem(layout, "table-entry-invalid", odd, f"the {odd.field} at {odd.place} is {odd.value}, no multiple"
                                                           f" of {layout.alignment}")


def _uses(file: Reader, layout: Layout, l1: array[int]) -> Iterator[_Use]:
    """Yield what the entries use of the file; of L2 tables only what is past its end, or misplaced (``end`` 0)."""
    table_bytes = layout.l2_entries * ENTRY
    found = ((entry, index) for index, entry in enumerate(l1) if entry)
    for entry, index in heapq.nlargest(max(1, min(MAX_TABLES, MAX_TABLE_BYTES // table_bytes)), found):
        place = layout.l1_offset + index * ENTRY
        if entry % layout.alignment:
            yield _Use(0, "L1 entry", place, entry)
        elif entry + table_bytes > file.size:
            yield _Use(entry + table_bytes, "L1 entry", place, entry)
        else:
            yield from _l2_uses(file, layout, entry, index)


def _l2_uses(file: Reader, layout: Layout, table: int, index: int) -> Iterator[_Use]:
    needed = ceil_div(layout.disk_size, layout.cluster_size)
    entries = layout.numbers(file.read_at(table, min(layout.l2_entries, needed, MAX_TABLE_BYTES // ENTRY) * ENTRY))
    room = file.size - layout.cluster_size
    mask = layout.alignment - 1
    for number in [number for number, entry in enumerate(entries) if entry > room or entry & mask]:
        guest = (index * layout.l2_entries + number) * layout.cluster_size
        start, length = layout.extent(entries[number])
        visible = min(length, layout.disk_size - guest)
        if visible <= 0:
            continue
        place = table + number * ENTRY
        if start & mask and length == layout.cluster_size:
            yield _Use(0, "L2 entry", place, entries[number])
        elif start + visible > file.size:
            yield _Use(start + visible, "L2 entry", place, entries[number])


def _problem(layout: Layout, code: str, use: _Use, message: str) -> Problem:
    raw = use.value.to_bytes(ENTRY, "little" if layout.byte_order == "little" else "big")
    return problem(code, message, field=use.field, offset=use.place, raw=raw)
