"""The one zlib stream of a ZVHD file: record number in, block out.

A block can only be inflated after all blocks before it. But the writer ends each by a sync flush, which leaves nothing
open: what comes next needs no more than the 32 KiB before it. So the stream keeps these, at most ``CHECKPOINTS`` times,
spread evenly over the records; going back starts from the nearest one before. What is read first is always read from
the start on, and what is read again must be the same: bytes that look like a flush and are none show here. Then, and
where anything else is not as usual, zlib reads all anew and keeps copies of its state.

DEFLATE, RFC 1951; the flush is an empty stored block, https://www.zlib.net/manual.html
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left
from contextlib import suppress
from typing import TYPE_CHECKING

from imgbuild import fastzlib
from imgbuild.formats.zvhd.header import ZVHD_BLOCK
from imgbuild.formats.zvhd.records import Record, inflate, read_payload
from imgbuild.readers import BrokenImage, Reader
from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from zlib import _Decompress

    from imgbuild.model import Problem

WINDOW = 1 << zlib.MAX_WBITS
"""Bytes that a stream can refer back to."""
CHECKPOINTS = 256
"""All of them hold 8 MiB; 10 MiB where they are copies of the state."""
SYNC_FLUSH = b"\0\0\xff\xff"
_RAW = -zlib.MAX_WBITS


class Records:
    """Where the records are: three arrays with one entry each for a record, in rising order of offset and block."""

    def __init__(self) -> None:
        self.offsets = array("Q")
        self.sizes = array("I")
        self.blocks = array("I")

    def __len__(self) -> int:
        return len(self.blocks)

    def add(self, record: Record) -> None:
        """Put a record behind the others."""
        self.offsets.append(record.offset)
        self.sizes.append(record.size)
        self.blocks.append(record.block)

    def between(self, first: int, count: int) -> int:
        """Return how many of so many blocks from ``first`` on have a record."""
        return bisect_left(self.blocks, first + count) - bisect_left(self.blocks, first)

    def __getitem__(self, index: int) -> Record:
        return Record(self.offsets[index], self.sizes[index], self.blocks[index])


class Stream:
    """The blocks of a ZVHD file, in any order, at the least cost that one stream allows."""

    def __init__(self, reader: Reader, records: Records, checkpoints: int = CHECKPOINTS) -> None:
        self._reader = reader
        self._records = records
        self._spacing = max(1, ceil_div(len(records), checkpoints))
        self._library = fastzlib.library()
        self._front = self._library.decompressobj()
        self._sums = array("q")
        self._windows: dict[int, bytes] = {}
        self._back: _Decompress | None = None
        self._next = 0
        self._exact: _ExactStream | None = None

    def block(self, index: int) -> bytes:
        """Return the block of record ``index``; raises BrokenImage where it, or one before it, is damaged."""
        if self._exact is None:
            with suppress(_UnusualError, self._library.error):
                return self._again(index) if index < len(self._sums) else self._on_to(index)
            self._exact = _ExactStream(self._reader, self._records, self._spacing)
        return self._exact.block(index)

    def _on_to(self, index: int) -> bytes:
        """Read on from the furthest record."""
        while True:
            data, is_flushed = self._inflate(self._front, len(self._sums))
            self._sums.append(hash(data))
            if len(self._sums) % self._spacing == 0:
                if not is_flushed:
                    raise _UnusualError
                self._windows[len(self._sums)] = data[-WINDOW:]
            if len(self._sums) > index:
                return data

    def _again(self, index: int) -> bytes:
        """Read a record that was read before."""
        start = index - index % self._spacing  # up to the furthest record each of these has its window
        if self._back is None or not start <= self._next <= index:
            self._back, self._next = self._begun(start), start
        while True:
            data, _ = self._inflate(self._back, self._next)
            if hash(data) != self._sums[self._next]:
                raise _UnusualError
            self._next += 1
            if self._next > index:
                return data

    def _begun(self, start: int) -> _Decompress:
        window = self._windows.get(start)
        state: _Decompress = (self._library.decompressobj() if window is None
                              else self._library.decompressobj(_RAW, zdict=window))
        return state

    def _inflate(self, state: _Decompress, index: int) -> tuple[bytes, bool]:
        """Return the block of a record, and whether a flush ends it."""
        payload = read_payload(self._reader, self._records[index])
        data = state.decompress(payload, ZVHD_BLOCK + 1)
        if len(data) != ZVHD_BLOCK or state.eof:
            raise _UnusualError
        return data, payload[-len(SYNC_FLUSH) :] == SYNC_FLUSH


class _UnusualError(Exception):
    """The stream is damaged, or none that the usual writer makes."""


class _ExactStream:
    """The same for any stream that zlib reads: with copies of its state."""

    def __init__(self, reader: Reader, records: Records, spacing: int) -> None:
        self._reader = reader
        self._records = records
        self._spacing = spacing
        self._saved: dict[int, _Decompress] = {}
        self._state = zlib.decompressobj()
        self._next = 0
        self._broken: tuple[int, Problem] | None = None

    def block(self, index: int) -> bytes:
        if self._broken and index >= self._broken[0]:
            raise BrokenImage(self._broken[1])
        self._go_to(index)
        while self._next < index:
            self._step()
        return self._step()

    def _go_to(self, index: int) -> None:
        start = max((saved for saved in self._saved if saved <= index), default=0)
        if start <= self._next <= index:
            return
        self._next = start
        saved = self._saved.get(start)
        self._state = saved.copy() if saved else zlib.decompressobj()

    def _step(self) -> bytes:
        index = self._next
        if index and index % self._spacing == 0 and index not in self._saved:
            self._saved[index] = self._state.copy()
        record = self._records[index]
        try:
            data = inflate(self._state, read_payload(self._reader, record), record, ZVHD_BLOCK)
        except BrokenImage as error:
            self._broken = (index, error.problem)
            self._next = len(self._records)
            raise
        self._next += 1
        return data
