"""Tables that share bytes of the file: header and L1 entries in, a problem out where one table is also another one.

Each structure of a qcow2 file has clusters of its own. Where an L2 table is the L1 table, the refcount table or another
L2 table, a writer that changes one changes the other, and a reader that trusts them can be led in circles. qemu looks
for the same before it writes (``overlap-check``), and calls the image corrupt.

Qcow2 Image File Format, "Cluster mapping", https://www.qemu.org/docs/master/interop/qcow2.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.formats.qcow2.tables import OFFSET_MASK
from imgbuild.readers import problem
from imgbuild.sizes import KIB

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from imgbuild.formats.qcow2.header import Header
    from imgbuild.model import Problem

MAX_L1_ENTRIES = 64 * KIB
"""So many L2 tables are compared: those of 32 TiB in clusters of the usual size."""


class _Table(msgspec.Struct, frozen=True):
    """Bytes of the file from ``start`` up to ``end``, and what they hold."""

    start: int
    end: int
    name: str


def shared_tables(header: Header, l1: array[int], file_size: int) -> Iterator[Problem]:
    """Yield at most one problem ``tables-overlap``; the L1 table must lie in the file."""
    fixed = _fixed(header, file_size)
    first = fixed[1]
    for second in fixed[2:]:
        if first.start < second.end and second.start < first.end:
            yield header.problem("tables-overlap", "l1_table_offset", f"the {first.name} at {first.start} to"
                                 f" {first.end} overlaps the {second.name} at {second.start} to {second.end}")
            return
    seen: set[int] = set()
    for index, entry in enumerate(l1[:MAX_L1_ENTRIES]):
        start = entry & OFFSET_MASK
        if not start:
            continue
        end = start + (1 << header.cluster_bits)
        other = next((table.name for table in fixed if start < table.end and table.start < end), None)
        if other or start in seen:
            yield problem("tables-overlap", f"the L2 table of L1 entry {index}, at {start}, is also"
                          f" {'the ' + other if other else 'that of an entry before it'}", field="L1 entry",
                          offset=header.l1_table_offset + 8 * index, raw=entry.to_bytes(8, "big"))
            return
        seen.add(start)


def _fixed(header: Header, file_size: int) -> list[_Table]:
    """Return the tables whose places the header gives; a refcount table that cannot be is left to ``checks``."""
    cluster_size = 1 << header.cluster_bits
    l1, refcounts = header.l1_table_offset, header.refcount_table_offset
    found = [_Table(0, cluster_size, "header"), _Table(l1, l1 + 8 * header.l1_size, "L1 table")]
    end = refcounts + (header.refcount_table_clusters << header.cluster_bits)
    if end <= file_size and not refcounts % cluster_size:
        found.append(_Table(refcounts, end, "refcount table"))
    return found
