"""Block maps of 32-bit little-endian numbers (VMDK, VDI): numbers out of the file, pieces of the disk to its bytes.

A map may be as large as its file, so it is never read as a whole: :class:`NumberTable` reads slices of 4 KiB and keeps
the last ones. Neighbours in the file become one read.
"""

from __future__ import annotations

import sys
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING

from imgbuild.sizes import KIB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgbuild.readers import Reader

NUMBER_BYTES = 4
SLICE_BYTES = 4 * KIB
CACHED_SLICES = 256
_SLICE = SLICE_BYTES // NUMBER_BYTES


def read_numbers(reader: Reader, offset: int, count: int) -> array[int]:
    """Return ``count`` numbers that stand at ``offset``; raises BrokenImage where the file ends before."""
    numbers = array("I", reader.read_at(offset, count * NUMBER_BYTES))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


class NumberTable:
    """``count`` numbers that stand at ``offset`` of a file; holds the last 256 slices (1 MiB)."""

    def __init__(self, reader: Reader, offset: int, count: int) -> None:
        self._reader = reader
        self._offset = offset
        self._count = count
        self._slice = lru_cache(CACHED_SLICES)(self._read_slice)

    def get(self, index: int) -> int:
        """Return the number at ``index``, which must be within the table; raises BrokenImage past the file's end."""
        number, place = divmod(index, _SLICE)
        return self._slice(number)[place]

    def _read_slice(self, number: int) -> array[int]:
        first = number * _SLICE
        return read_numbers(self._reader, self._offset + first * NUMBER_BYTES, min(_SLICE, self._count - first))


def read_pieces(pieces: Iterable[tuple[Reader | None, int, int]]) -> bytes:
    """Return the bytes of ``pieces``, each a reader (``None``: zeros), an offset in it and a number of bytes."""
    parts: list[bytes] = []
    source: Reader | None = None
    place = size = 0
    for reader, at, count in pieces:
        if reader is source and (reader is None or at == place + size):
            size += count
        else:
            parts.append(_read(source, place, size))
            source, place, size = reader, at, count
    parts.append(_read(source, place, size))
    return b"".join(parts)


def _read(source: Reader | None, place: int, size: int) -> bytes:
    return bytes(size) if source is None else source.read_at(place, size)
