"""The virtual disk of a qcow2 file: extents in, its bytes out.

A run of clusters that are neighbours in the file is one read. A compressed cluster is read and decompressed as a
whole, never to more than its own size; the last ones are kept, as readers come back for the next few sectors.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from imgbuild import fastzlib
from imgbuild.formats.bombs import TIMES, expanding, inflating, is_bomb
from imgbuild.formats.qcow2.tables import SECTOR, Extent, Geometry, Kind, Tables
from imgbuild.readers import broken, check_range, read_clipped
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.readers import BrokenImage, Reader

CACHE_BYTES = 4 * MIB
DEFLATE, ZSTD = 0, 1
MAX_FRAMES = 64

# qemu writes raw deflate with a window of 2^12 and reads it with any, for it inflates into one buffer; a window of
# 2^15 does the same here. Other writers use all of it.
RAW_DEFLATE = -15


class Disk:
    """The bytes of the virtual disk. Holds at most 4 MiB of decompressed clusters (always at least two).

    ``below`` has what is not allocated here, the backing file's content; ``None`` where there is none.
    """

    def __init__(self, file: Reader, geometry: Geometry, tables: Tables, compression_type: int,
                 below: Reader | None = None) -> None:
        self._file = file
        self._below = below
        self._geometry = geometry
        self._tables = tables
        self._decompress = _unzstd if compression_type == ZSTD else _inflate
        self._cluster = lru_cache(max(2, CACHE_BYTES >> geometry.cluster_bits))(self._read_cluster)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the disk from ``offset``, or raise BrokenImage."""
        check_range(self._geometry.size, offset, length, "the virtual disk")
        parts = []
        for extent in self._tables.extents(offset, length):
            parts.append(self._read(extent, offset))
            offset += extent.size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read(self, extent: Extent, offset: int) -> bytes:
        if extent.kind == Kind.UNALLOCATED and self._below is not None:
            return self._below.read_at(offset, extent.size)
        if extent.kind in {Kind.ZEROS, Kind.UNALLOCATED}:
            return bytes(extent.size)
        if extent.kind == Kind.DATA:
            return self._file.read_at(extent.place, extent.size)
        cluster = self._cluster(extent.place, extent.entry_offset)
        return cluster[extent.start : extent.start + extent.size]

    def _read_cluster(self, entry: int, at: int) -> bytes:
        offset, length = self._geometry.compressed_place(entry)
        if offset < self._geometry.cluster_size:
            raise _bad_cluster(f"begins at {offset}, inside the header", entry, at)
        # The data may end before its last sector does, and with it the file.
        packed = read_clipped(self._file, offset, length)
        try:
            return self._decompress(packed, self._geometry.cluster_size)
        except OverflowError as error:
            raise broken("decompression-bomb", f"the compressed cluster of the L2 entry at {at} {error}",
                         field="L2 entry", offset=at, raw=entry.to_bytes(8, "big")) from error
        except ValueError as error:
            if offset + length - SECTOR >= self._file.size:
                check_range(self._file.size, offset, length, "the file")
            raise _bad_cluster(str(error), entry, at) from error


def _inflate(data: bytes, size: int) -> bytes:
    """Return the cluster of ``size`` bytes; raises ValueError for damaged data, OverflowError for a bomb."""
    library = fastzlib.library()
    with suppress(library.error):
        cluster: bytes = library.decompressobj(RAW_DEFLATE).decompress(data, size + 1)
        if len(cluster) == size:
            return cluster
    state = zlib.decompressobj(RAW_DEFLATE)  # zlib has the word on what is damaged
    try:
        return _whole(state.decompress(data, size + 1), size, inflating(state), zlib.error)
    except zlib.error as error:
        raise ValueError(f"cannot be decompressed: {error}") from error


def _unzstd(data: bytes, size: int) -> bytes:
    """Return the cluster, as :func:`_inflate` does."""
    from imgbuild.zstd import ZstdDecompressor, ZstdError  # noqa: PLC0415 - most images have no zstd; 3 ms

    cluster, frame = b"", ZstdDecompressor()
    try:
        # A cluster may consist of several frames; what follows the last one is the rest of its sector. Frames without
        # content could make this endless.
        for _ in range(MAX_FRAMES):
            frame = ZstdDecompressor()
            cluster += frame.decompress(data, size + 1 - len(cluster))
            data = frame.unused_data
            if not data or len(cluster) >= size:
                break
    except ZstdError as error:
        raise ValueError(f"cannot be decompressed: {error}") from error
    return _whole(cluster, size, expanding(frame), ZstdError)


def _whole(cluster: bytes, size: int, more: Callable[[int], bytes], error: type[Exception]) -> bytes:
    """Return the cluster, if it has its bytes; ``more`` gives what comes behind one byte too many."""
    if len(cluster) < size:
        raise ValueError(f"gives {len(cluster)} bytes, not {size}")
    if len(cluster) > size:
        if is_bomb(more, size, error):
            raise OverflowError(f"expands to more than {TIMES} clusters of {size} bytes")
        raise ValueError(f"does not end within the {size} bytes of a cluster")
    return cluster


def _bad_cluster(what: str, entry: int, at: int) -> BrokenImage:
    return broken("compressed-cluster-invalid", f"the compressed cluster of the L2 entry at {at} {what}",
                  field="L2 entry", offset=at, raw=entry.to_bytes(8, "big"))
