"""Data clusters that have two owners: blocks of L2 offsets in, a problem out where one is there twice or is a table.

Standard clusters of the disk as it is now are each other's neighbours, never each other; compressed ones do share
clusters of the file, and those of snapshots are not looked at. qemu calls both errors ("qemu-img check").

Qcow2 Image File Format, "Cluster mapping", https://www.qemu.org/docs/master/interop/qcow2.html
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice, pairwise
from operator import eq
from typing import TYPE_CHECKING

from imgbuild.formats.qcow2.tables import OFFSET_MASK, big_endian
from imgbuild.readers import problem

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from imgbuild.formats.qcow2.header import Header
    from imgbuild.model import Problem

MAX_COMPARED = 1 << 18
"""So many clusters are compared: those of 16 GiB in clusters of the usual size."""

_ENTRY = 8


class Owners:
    """Collects the offsets of data clusters, 0 where an entry has none, and knows the clusters of tables."""

    def __init__(self, header: Header, l1: array[int]) -> None:
        self._tables = _tables(header, l1)
        self._blocks: list[tuple[int, bytes]] = []
        self._entries = 0
        self.ends: tuple[int, ...] = ()
        """The lowest and the highest offset of a data cluster, once :meth:`problems` has looked at them all."""

    def add(self, place: int, offsets: bytes) -> None:
        """Add those of a block of an L2 table that stands at byte ``place``, 8 bytes (big-endian) for 8 of its."""
        if self._entries <= MAX_COMPARED:
            self._blocks.append((place, offsets))
            self._entries += len(offsets) // _ENTRY

    def problems(self) -> Iterator[Problem]:
        """Yield at most one problem of each kind."""
        used = [offset for _place, block in sorted(self._blocks) for offset in big_endian(block) if offset]
        used.sort()  # which is quick for a disk that was written from its start to its end
        self.ends = (used[0], used[-1]) if used else ()
        if any(map(eq, used, islice(used, 1, None))):
            yield self._blame("block-overlap", next(one for one, other in pairwise(used) if one == other),
                              "is there twice")
        taken = next((table for table in self._tables if _holds(used, table)), None)
        if taken is not None:
            yield self._blame("tables-overlap", taken, f"is also {self._tables[taken]}")

    def _blame(self, code: str, offset: int, what: str) -> Problem:
        """Return a problem with the last entry of that offset as its evidence."""
        place, number = max((place, number) for place, block in self._blocks
                            for number, found in enumerate(big_endian(block)) if found == offset)
        return problem(code, f"the data cluster at byte {offset} {what}", field="L2 entry",
                       offset=place + _ENTRY * number, raw=offset.to_bytes(_ENTRY, "big"))


def _holds(numbers: list[int], wanted: int) -> bool:
    index = bisect_left(numbers, wanted)
    return index < len(numbers) and numbers[index] == wanted


def _tables(header: Header, l1: array[int]) -> dict[int, str]:
    """Return the clusters that hold tables, and which. Header and refcount table are at most 8 MiB."""
    size = 1 << header.cluster_bits
    found = {entry & OFFSET_MASK: "an L2 table" for entry in l1[:MAX_COMPARED]}
    length = header.refcount_table_clusters << header.cluster_bits
    extents = ((0, 1, "the header"), (header.l1_table_offset, 8 * header.l1_size, "the L1 table"),
               (header.refcount_table_offset, length if length <= 8 << 20 else 0, "the refcount table"))
    for start, size_of, name in extents:
        found |= dict.fromkeys(range(start, start + size_of, size), name)
    found.pop(0, None)  # an entry of 0 is none
    return found
