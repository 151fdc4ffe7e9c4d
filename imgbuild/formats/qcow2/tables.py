"""L1 and L2 tables: a range of the virtual disk in, extents of the file out.

    L1 entry                               bits 9-55 offset of the L2 table, 0: nothing allocated; 63 copied
    L2 entry, standard cluster             bit 0 reads as zeros (version 3, not with extended entries);
                                           bits 9-55 offset of the cluster, 0: not allocated; 62 is 0; 63 copied
    L2 entry, compressed cluster           bits 0 to x-1 offset, x to 61 further 512-byte sectors; 62 is 1,
                                           x = 62 - (cluster_bits - 8)
    second half of an extended L2 entry    bits 0-31 subcluster is allocated, 32-63 subcluster reads as zeros

Qcow2 Image File Format, sections "Cluster mapping" and "Extended L2 Entries",
https://www.qemu.org/docs/master/interop/qcow2.html

Reserved bits are ignored, as qemu does when it reads. What is not allocated is the backing file's, and reads as zeros
where there is none.
"""

from __future__ import annotations

import sys
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from imgbuild.readers import broken
from imgbuild.sizes import KIB, ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.formats.qcow2.header import Header
    from imgbuild.readers import BrokenImage, Reader

OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00
COMPRESSED = 1 << 62
READS_AS_ZEROS = 1 << 0
SUBCLUSTERS = 32
ALL_SUBCLUSTERS = (1 << SUBCLUSTERS) - 1
SECTOR = 512

# One slice of 4 KiB maps 32 MiB of a disk with clusters of 64 KiB. Guest inspection reads a few hundred scattered
# blocks, so a whole table (64 KiB, up to 2 MiB) for each would be mostly waste; qemu cuts its L2 cache alike.
SLICE_BYTES = 4 * KIB
CACHED_SLICES = 256


class Kind:
    """What stands behind a range of the virtual disk."""

    ZEROS = 0
    DATA = 1
    COMPRESSED = 2
    UNALLOCATED = 3


class Extent(NamedTuple):
    """A range of the virtual disk of one kind; ``size`` in bytes.

    DATA: ``place`` is the offset in the file. COMPRESSED: ``place`` is the L2 entry, ``start`` the offset inside the
    cluster. The entry itself stands at ``entry_offset`` of the file.
    """

    kind: int
    size: int
    place: int = 0
    start: int = 0
    entry_offset: int = 0


class Geometry(msgspec.Struct, frozen=True):
    """The numbers that follow from a header whose ``cluster_bits`` and ``size`` have been found good."""

    cluster_bits: int
    size: int
    extended: bool
    version: int

    @classmethod
    def of(cls, header: Header) -> Geometry:
        """Take the geometry out of a header."""
        return cls(header.cluster_bits, header.size, header.extended_l2, header.version)

    @property
    def cluster_size(self) -> int:
        """Bytes of a cluster."""
        return 1 << self.cluster_bits

    @property
    def entry_size(self) -> int:
        """Bytes of an L2 entry."""
        return 16 if self.extended else 8

    @property
    def l2_entries(self) -> int:
        """Entries of an L2 table."""
        return self.cluster_size // self.entry_size

    @property
    def l2_coverage(self) -> int:
        """Bytes of the virtual disk that one L2 table maps."""
        return self.l2_entries << self.cluster_bits

    @property
    def l1_entries(self) -> int:
        """Entries of the L1 table that the virtual size needs."""
        return ceil_div(self.size, self.l2_coverage)

    @property
    def compressed_offset_mask(self) -> int:
        """The bits of the L2 entry of a compressed cluster that are its offset."""
        return (1 << 62 - (self.cluster_bits - 8)) - 1

    def compressed_place(self, entry: int) -> tuple[int, int]:
        """Return offset and length in the file of the sectors that hold a compressed cluster."""
        offset = entry & self.compressed_offset_mask
        further = (entry & (COMPRESSED - 1)) // (self.compressed_offset_mask + 1)
        return offset, (further + 1) * SECTOR - offset % SECTOR


def big_endian(data: bytes) -> array[int]:
    """Return the 64-bit big-endian numbers in ``data``."""
    numbers = array("Q", data)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


class Tables:
    """The mapping from the virtual disk to the file. Holds the L1 table and the last 256 slices of L2 (1 MiB)."""

    def __init__(self, file: Reader, geometry: Geometry, l1: array[int], l1_offset: int) -> None:
        self._file = file
        self._geometry = geometry
        self._l1 = l1
        self._l1_offset = l1_offset
        self._slice_bytes = min(SLICE_BYTES, geometry.cluster_size)
        self._slice_entries = self._slice_bytes // geometry.entry_size
        self._read = lru_cache(CACHED_SLICES)(self._read_slice)

    def extents(self, offset: int, length: int) -> Iterator[Extent]:
        """Yield the extents of a range of the virtual disk, neighbours in the file merged to one.

        Raises:
            BrokenImage: ``truncated`` where a table lies past the end of the file, ``table-entry-invalid`` where an
                entry contradicts the standard.
        """
        run: Extent | None = None
        size = 0
        for piece in self._pieces(offset, offset + length):
            if run is not None and _continues(run, size, piece):
                size += piece.size
            else:
                if run is not None:
                    yield run._replace(size=size)
                run, size = piece, piece.size
        if run is not None:
            yield run._replace(size=size)

    def _pieces(self, offset: int, end: int) -> Iterator[Extent]:
        slice_coverage = self._slice_entries << self._geometry.cluster_bits
        while offset < end:
            index = offset // self._geometry.l2_coverage
            table = self._l1[index] & OFFSET_MASK
            coverage = slice_coverage if table else self._geometry.l2_coverage
            stop = min(end, (offset // coverage + 1) * coverage)
            if table:
                self._check_alignment(table, "L1 entry", self._l1_offset + 8 * index, self._l1[index])
                yield from self._slice_pieces(table, offset, stop)
            else:
                yield Extent(Kind.UNALLOCATED, stop - offset)
            offset = stop

    def _slice_pieces(self, table: int, offset: int, end: int) -> Iterator[Extent]:
        bits, cluster_size = self._geometry.cluster_bits, self._geometry.cluster_size
        number = offset // (self._slice_entries << bits)
        place = table + (number * self._slice_bytes) % cluster_size
        entries = self._read(place)
        while offset < end:
            index = (offset >> bits) % self._slice_entries
            start = offset & (cluster_size - 1)
            size = min(cluster_size - start, end - offset)
            if self._geometry.extended:
                entry, bitmap = entries[2 * index], entries[2 * index + 1]
                yield from self._subclusters(entry, bitmap, start, size, place + 16 * index)
            else:
                yield self._cluster(entries[index], start, size, place + 8 * index)
            offset += size

    def _cluster(self, entry: int, start: int, size: int, at: int) -> Extent:
        if entry & COMPRESSED:
            return Extent(Kind.COMPRESSED, size, entry, start, at)
        if entry & READS_AS_ZEROS and not self._geometry.extended:
            if self._geometry.version == 2:  # noqa: PLR2004 - the version
                raise _bad_entry("has the zero flag (bit 0), which version 2 does not have", "L2 entry", at, entry)
            return Extent(Kind.ZEROS, size)
        cluster = entry & OFFSET_MASK
        if not cluster:
            return Extent(Kind.UNALLOCATED, size)
        self._check_alignment(cluster, "L2 entry", at, entry)
        return Extent(Kind.DATA, size, cluster + start)

    def _subclusters(self, entry: int, bitmap: int, start: int, size: int, at: int) -> Iterator[Extent]:
        cluster = self._cluster(entry, start, size, at)
        allocated, zeros = bitmap & ALL_SUBCLUSTERS, bitmap >> SUBCLUSTERS
        if cluster.kind == Kind.COMPRESSED:
            yield cluster
        elif allocated & zeros or (allocated and cluster.kind == Kind.UNALLOCATED):
            raise _bad_entry("allocates subclusters that read as zeros, or that have no cluster", "L2 entry",
                             at + 8, bitmap)
        elif allocated == ALL_SUBCLUSTERS:
            yield cluster
        elif not bitmap:
            yield Extent(Kind.UNALLOCATED, size)
        else:
            yield from self._parts(cluster.place - start, bitmap, start, start + size)

    def _parts(self, cluster: int, bitmap: int, start: int, end: int) -> Iterator[Extent]:
        width = self._geometry.cluster_size // SUBCLUSTERS
        while start < end:
            index = start // width
            stop = min(end, (index + 1) * width)
            kind = (Kind.DATA if bitmap >> index & 1
                    else Kind.ZEROS if bitmap >> (SUBCLUSTERS + index) & 1 else Kind.UNALLOCATED)
            yield Extent(kind, stop - start, cluster + start)
            start = stop

    def _check_alignment(self, offset: int, field: str, at: int, entry: int) -> None:
        if offset & (self._geometry.cluster_size - 1):
            raise _bad_entry(f"points to {offset}, no multiple of the cluster size {self._geometry.cluster_size}",
                             field, at, entry)

    def _read_slice(self, place: int) -> array[int]:
        return big_endian(self._file.read_at(place, self._slice_bytes))


def _continues(run: Extent, size: int, piece: Extent) -> bool:
    if piece.kind == Kind.DATA:
        return run.kind == Kind.DATA and piece.place == run.place + size
    return piece.kind == run.kind and piece.kind in {Kind.ZEROS, Kind.UNALLOCATED}


def _bad_entry(what: str, field: str, at: int, entry: int) -> BrokenImage:
    return broken("table-entry-invalid", f"the {field} at {at} {what}", field=field, offset=at,
                  raw=entry.to_bytes(8, "big"))
