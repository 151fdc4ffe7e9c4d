"""The refcount table of a qcow2 file, and the counts of its own tables: header and L1 entries in, problems out.

    refcount table entry     bits 9-63 offset of a refcount block, a multiple of the cluster size, 0: all counts are 0
    refcount block           the counts of so many clusters, 1 << refcount_order bits each, big-endian; of less than a
                             byte the first one is in the lowest bits

Nobody needs them to read a disk, but the first writer obeys them: where the header, the L1 table or an L2 table count
as free it puts data there. Not every count is looked at, only those, and those of the first and the last data cluster.

Qcow2 Image File Format, "Host cluster management", https://www.qemu.org/docs/master/interop/qcow2.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.qcow2.tables import OFFSET_MASK, big_endian
from imgbuild.readers import problem, read_clipped
from imgbuild.sizes import MIB, ceil_div

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator, Sequence

    from imgbuild.formats.qcow2.header import Header
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

MAX_TABLE_BYTES = 8 * MIB
MAX_ORDER = 6
LOOKED_AT = 8
"""So many L2 tables are asked for: the counts of one image are usually in one block."""

_RESERVED = (1 << 9) - 1
_ENTRY = 8


def refcount_problems(file: Reader, header: Header, l1: array[int], data: Sequence[int]) -> Iterator[Problem]:
    """Yield at most one problem; nothing where the header's fields on the counts are wrong, which is said elsewhere.

    ``data`` are the offsets of some data clusters.
    """
    length = header.refcount_table_clusters << header.cluster_bits
    start = header.refcount_table_offset
    if not 0 < length <= MAX_TABLE_BYTES or start + length > file.size or header.refcount_order > MAX_ORDER:
        return
    raw = file.read_at(start, length)
    table = big_endian(raw[: ceil_div(len(raw.rstrip(b"\0")), _ENTRY) * _ENTRY])  # most of it is zeros
    odd = next((number for number, entry in enumerate(table) if entry and _is_odd(header, entry, file.size)), None)
    if odd is not None:
        where = start + odd * _ENTRY
        yield problem("refcounts-invalid", f"the refcount table entry at {where} is 0x{table[odd]:x}, which is no place"
                      " of a refcount block in the file", field="refcount table entry", offset=where,
                      raw=table[odd].to_bytes(_ENTRY, "big"))
    else:
        yield from _free(file, header, table, _owned(header, l1, data))


def _is_odd(header: Header, entry: int, file_size: int) -> bool:
    size = 1 << header.cluster_bits
    return bool(entry & _RESERVED or entry % size or entry + size > file_size)


def _owned(header: Header, l1: array[int], data: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Yield the clusters whose counts are looked at: what they hold, and their offsets."""
    yield from (("the header", 0), ("the L1 table", header.l1_table_offset),
                ("the refcount table", header.refcount_table_offset))
    used = [entry & OFFSET_MASK for entry in l1[: LOOKED_AT * LOOKED_AT] if entry & OFFSET_MASK]
    yield from (("the L2 table", offset) for offset in used[:LOOKED_AT])
    yield from (("data", offset) for offset in data)


def _free(file: Reader, header: Header, table: array[int], owned: Iterable[tuple[str, int]]) -> Iterator[Problem]:
    for name, offset in owned:
        if offset < file.size and _count(file, header, table, offset >> header.cluster_bits) == 0:
            yield header.problem("refcounts-invalid", "refcount_table_offset", f"the refcount of the cluster at"
                                 f" {offset}, which holds {name}, is 0: the next writer takes it for free")
            return


def _count(file: Reader, header: Header, table: array[int], cluster: int) -> int:
    bits = 1 << header.refcount_order
    index, number = divmod(cluster, (8 << header.cluster_bits) // bits)
    block = table[index] if index < len(table) else 0
    if not block:
        return 0
    first = number * bits // 8
    raw = read_clipped(file, block + first, max(1, bits // 8))
    value = int.from_bytes(raw, "big")
    return value >> number * bits % 8 & (1 << bits) - 1 if bits < 8 else value  # noqa: PLR2004 - bits of a byte
