"""The bytes of btrfs files: a tree, an inode and a range in, its bytes out; holes and preallocated parts are zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.filesystems.btrfs import items
from imgbuild.readers import BrokenImage, broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.btrfs.btree import Trees
    from imgbuild.filesystems.btrfs.items import Extent
    from imgbuild.filesystems.btrfs.nodes import Pointer
    from imgbuild.readers import Reader


class FileReader:
    """Reads files, and keeps the last extent that it decompressed: files are read piece by piece."""

    def __init__(self, reader: Reader, trees: Trees, sector: int) -> None:
        self._reader = reader
        self._trees = trees
        self._sector = sector
        self._last: tuple[Extent, bytes] | None = None

    def read(self, tree: Pointer, inode: int, start: int, end: int) -> bytes:
        """Return the bytes of a file from ``start`` to ``end``, which must not be after its end."""
        pieces, place = [], start
        for begin, extent in self._extents(tree, inode, start, end):
            if begin > place:
                pieces.append(bytes(begin - place))
                place = begin
            within = place - begin
            length = min(extent.length - within, end - place)
            if length > 0:
                pieces.append(self._piece(extent, within, length))
                place += length
        return b"".join((*pieces, bytes(end - place)))

    def _extents(self, tree: Pointer, inode: int, start: int, end: int) -> Iterator[tuple[int, Extent]]:
        """Yield the extents that touch the range, and where in the file each begins."""
        first = self._trees.last(tree, (inode, items.EXTENT_DATA, start))
        low = first[0] if first is not None and first[0][:2] == (inode, items.EXTENT_DATA) else (
            inode, items.EXTENT_DATA, start)
        for key, raw in self._trees.items(tree, low, (inode, items.EXTENT_DATA, max(start, end - 1))):
            yield key[2], items.extent(raw)

    def _piece(self, extent: Extent, within: int, length: int) -> bytes:
        if extent.kind not in {items.INLINE, items.REGULAR, items.PREALLOC}:
            raise broken("filesystem-damaged", f"a btrfs extent is of the unknown type {extent.kind}")
        if extent.compression and extent.kind != items.PREALLOC and (extent.kind == items.INLINE or extent.disk_bytenr):
            _check_end(extent.offset + within + length, extent.ram_bytes)
            return self._decompressed(extent)[extent.offset + within :][:length]
        if extent.kind == items.INLINE:
            return extent.inline[within : within + length].ljust(length, b"\0")
        if extent.kind == items.PREALLOC or not extent.disk_bytenr:
            return bytes(length)
        _check_end(extent.offset + within + length, extent.disk_num_bytes)
        return self._from_disk(extent.disk_bytenr + extent.offset + within, length)

    def _decompressed(self, extent: Extent) -> bytes:
        if self._last is None or self._last[0] != extent:
            from imgbuild.filesystems.btrfs import compression  # noqa: PLC0415 - most file systems have none

            data = extent.inline
            if extent.kind != items.INLINE:
                data = self._from_disk(extent.disk_bytenr, min(extent.disk_num_bytes, compression.MAX_BYTES + 1))
            self._last = extent, compression.decompress(data, extent.compression, extent.ram_bytes, self._sector)
        return self._last[1]

    def _from_disk(self, logical: int, length: int) -> bytes:
        failure: BrokenImage | None = None
        for place in self._trees.chunks.places(logical, length):
            try:
                return self._reader.read_at(place, length)
            except BrokenImage as error:
                failure = failure or error
        assert failure is not None  # noqa: S101 - a chunk without copies was refused
        raise failure


def _check_end(end: int, size: int) -> None:
    if end > size:
        raise broken("filesystem-damaged", f"a btrfs extent of {size} bytes is used up to byte {end}")
