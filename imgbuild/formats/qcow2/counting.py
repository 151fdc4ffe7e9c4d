"""How many clusters of a range have a place in the file: L1 and L2 tables in, a number out, without decoding an entry.

See ``tables.py`` for the entries. With extended entries a cluster counts as a whole where it has a place, however few
of its subclusters do.
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING

from imgbuild.formats.blocks import MOST_COUNTED, MOST_COUNTED_BYTES, pieces
from imgbuild.formats.qcow2.tables import OFFSET_MASK, READS_AS_ZEROS
from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from imgbuild.formats.qcow2.tables import Geometry
    from imgbuild.readers import Reader

ENTRY = 8
_ZEROS_ALONE = int.from_bytes(READS_AS_ZEROS.to_bytes(ENTRY, "big"), sys.byteorder)


def allocated(file: Reader, geometry: Geometry, l1: array[int], first: int, count: int) -> int | None:
    """Return how many of so many clusters from ``first`` on have a place in the file; nothing read is kept.

    ``None`` where too many tables would have to be looked through.
    """
    per_table, width = geometry.l2_entries, geometry.entry_size
    inside = l1[first // per_table : ceil_div(first + count, per_table)]
    tables = len(inside) - inside.count(0)
    if tables > MOST_COUNTED or tables * min(count, per_table) * width > MOST_COUNTED_BYTES:
        return None
    if not tables:
        return 0
    shares = zip(inside, pieces(first, count, per_table), strict=True)
    return sum(_in_table(file, entry & OFFSET_MASK, start * width, part * width, width)
               for entry, (_, start, part) in shares if entry & OFFSET_MASK)


def _in_table(file: Reader, table: int, start: int, length: int, width: int) -> int:
    """Count in a part of an L2 table; 0 and the zero flag alone are told in the file's order of bytes, too."""
    entries = array("Q", file.read_at(table + start, length))[:: width // ENTRY]
    return len(entries) - entries.count(0) - entries.count(_ZEROS_ALONE)
