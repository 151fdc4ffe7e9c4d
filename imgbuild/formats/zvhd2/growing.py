"""A compressed block that is unpacked from its start on, as far as it is asked for: its record in, its bytes out.

A look at a disk asks for a directory here and a file there; to unpack all of each block takes twice as long. What was
unpacked is kept, with what is needed to go on.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from imgbuild import fastzlib
from imgbuild.formats.zvhd.records import inflate
from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from imgbuild.formats.zvhd.records import Record

STEP = 128 * 1024
"""So many bytes are unpacked at once, at least: to go on, what is left of the record is copied."""


class Growing:
    """A block in a zlib stream of its own."""

    def __init__(self, payload: memoryview, record: Record, block_size: int) -> None:
        self._payload = self._left = payload
        self._record = record
        self._block_size = block_size
        self._library = fastzlib.library()
        self._state = self._library.decompressobj()
        self._data = b""

    def __len__(self) -> int:
        """Return the bytes that it holds."""
        return len(self._data) + len(self._payload)

    def read(self, start: int, count: int) -> bytes:
        """Return so many bytes of the block, or raise BrokenImage."""
        if start + count > len(self._data):
            self._grow(min(ceil_div(start + count, STEP) * STEP, self._block_size))
        return self._data[start : start + count]

    def _grow(self, end: int) -> None:
        """Unpack up to ``end``; the faster library does what is whole, zlib says what is wrong with anything else."""
        whole = end == self._block_size  # then one byte more, for there must be none
        data = self._data
        with suppress(self._library.error):
            data += self._state.decompress(self._left, end + whole - len(data))
            self._left = self._state.unconsumed_tail
        if len(data) != end or (whole and self._state.eof):
            self._state, self._left = self._library.decompressobj(), memoryview(b"")  # nothing goes on from here
            data = inflate(zlib.decompressobj(), self._payload, self._record, self._block_size)
        if len(data) == self._block_size:
            self._payload = self._left = memoryview(b"")
        self._data = data
