"""The one zlib stream of a ZVHD file: record number in, block out.

A block can only be inflated after all blocks before it. But the writer ends each by a sync flush, which leaves nothing
open: what comes next needs no more than the 32 KiB before it. So the stream keeps these, at most ``CHECKPOINTS`` times,
spread evenly over the records; going back starts from the nearest one before. Of a stream in which something is not so
it keeps copies of its state in their place.

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
        self._is_plain = True
        self._saved: dict[int, bytes | _Decompress] = {0: b""}
        self._broken: tuple[int, Problem] | None = None
        self._begin(0)

    def block(self, index: int) -> bytes:
        """Return the block of record ``index``; raises BrokenImage where it, or one before it, is damaged."""
        if self._broken and index >= self._broken[0]:
            raise BrokenImage(self._broken[1])
        self._go_to(index)
        return self._step()

    def _go_to(self, index: int) -> None:
        start = max(saved for saved in self._saved if saved <= index)
        if not start <= self._next <= index:
            self._begin(start)
        while self._next < index:
            self._step()

    def _begin(self, index: int) -> None:
        self._next = index
        saved = self._saved[index]
        if isinstance(saved, bytes):
            self._state = self._library.decompressobj(_RAW, zdict=saved) if saved else self._library.decompressobj()
        else:
            self._state = saved.copy()

    def _step(self) -> bytes:
        index = self._next
        record = self._records[index]
        try:
            payload = read_payload(self._reader, record)
            data = self._inflate(payload, record, index)
        except BrokenImage as error:
            self._broken = (index, error.problem)
            self._next = len(self._records)
            raise
        self._next = index + 1
        if self._next % self._spacing == 0:
            self._save(payload, data)
        return data

    def _inflate(self, payload: memoryview, record: Record, index: int) -> bytes:
        """Return the block. Where anything is not as usual, zlib has the word, and all from the start is read again."""
        if self._is_plain:
            with suppress(self._library.error):
                data: bytes = self._state.decompress(payload, ZVHD_BLOCK + 1)
                if len(data) == ZVHD_BLOCK and not self._state.eof:
                    return data
            self._is_plain, self._library, self._saved = False, zlib, {0: b""}
            self._begin(0)
            self._go_to(index)
        return inflate(self._state, payload, record, ZVHD_BLOCK)

    def _save(self, payload: memoryview, data: bytes) -> None:
        if not self._is_plain:
            self._saved[self._next] = self._state.copy()
        elif payload[-len(SYNC_FLUSH) :] == SYNC_FLUSH:
            self._saved[self._next] = data[-WINDOW:]
