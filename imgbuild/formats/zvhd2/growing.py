"""A compressed block that is unpacked from its start on, as far as it is asked for: its record in, its bytes out.

A look at a disk asks for a directory here and a file there; to unpack all of each block takes twice as long. What was
unpacked is kept, with what is needed to go on. New memory costs a third of what unpacking does, so the record is read
piece by piece into what was used before, and zeros are kept once.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from contextlib import suppress
from typing import TYPE_CHECKING

from imgbuild import fastzlib
from imgbuild.formats.zvhd.records import RECORD, inflate, read_payload
from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.formats.zvhd.records import Record
    from imgbuild.readers import Reader

STEP = 128 * 1024
"""So many bytes are unpacked at once, at least."""
PIECE = 64 * 1024
"""So many bytes of a record are read at once, at most."""
PART = 256 * 1024
"""So many bytes are unpacked into one part, at most."""
_ZEROS = bytes(PART)


class Growing:
    """A block of ``block_size`` bytes in a zlib stream of its own."""

    def __init__(self, reader: Reader, record: Record, block_size: int) -> None:
        self._reader = reader
        self._record = record
        self._block_size = block_size
        self._library = fastzlib.library()
        self._begin()

    def _begin(self) -> None:
        self._state = self._library.decompressobj()
        self._read = 0
        self._left = b""
        self._parts: list[bytes | memoryview] = []
        self._starts: list[int] = []
        self._end = 0
        self._held = 0

    def __len__(self) -> int:
        """Return the bytes that it holds."""
        return self._held + len(self._left)

    def read(self, start: int, count: int) -> bytes:
        """Return so many bytes of the block, or raise BrokenImage."""
        if start + count > self._end:
            self._grow(min(ceil_div(start + count, STEP) * STEP, self._block_size))
        return b"".join(self._slices(start, start + count))

    def _slices(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        number = bisect_right(self._starts, start) - 1
        while start < end:
            part, at = self._parts[number], self._starts[number]
            yield part[start - at : end - at]
            start = at + len(part)
            number += 1

    def _grow(self, end: int) -> None:
        """Unpack up to ``end``; the faster library does what is whole, zlib says what is wrong with anything else."""
        with suppress(self._library.error):
            self._unpack(end)
            if self._end == end and (end < self._block_size or self._is_over()):
                return
        self._begin()
        payload = read_payload(self._reader, self._record)
        self._add(inflate(zlib.decompressobj(), payload, self._record, self._block_size))

    def _unpack(self, end: int) -> None:
        while self._end < end and not self._state.eof:
            piece = self._left or self._next_piece()
            data = self._state.decompress(piece, min(PART, end - self._end))
            self._left = self._state.unconsumed_tail
            if not data and not piece:
                return
            self._add(data)

    def _is_over(self) -> bool:
        """Say whether nothing comes behind the end of the block, and the stream goes on: it is cut by a sync flush."""
        while not self._state.eof and (piece := self._left or self._next_piece()):
            if self._state.decompress(piece, 1) or self._state.unconsumed_tail:
                return False
            self._left = b""
        return not self._state.decompress(b"", 1) and not self._state.eof

    def _next_piece(self) -> bytes:
        """Return the bytes of the record that come next; none at its end."""
        count = min(PIECE, self._record.size - self._read)
        self._read += count
        return self._reader.read_at(self._record.offset + RECORD.size + self._read - count, count) if count else b""

    def _add(self, data: bytes) -> None:
        is_zero = _ZEROS.startswith(data)
        self._parts.append(memoryview(_ZEROS)[: len(data)] if is_zero else data)
        self._starts.append(self._end)
        self._end += len(data)
        self._held += 0 if is_zero else len(data)
