"""The one zlib stream of a ZVHD file: record number in, block out.

A block can only be inflated after all blocks before it. So the stream keeps copies of its state, at most
``CHECKPOINTS`` of them, spread evenly over the records; going back starts from the nearest one before.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

from imgbuild.formats.zvhd.header import ZVHD_BLOCK
from imgbuild.formats.zvhd.records import Record, inflate, read_payload
from imgbuild.readers import BrokenImage, Reader
from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from zlib import _Decompress

    from imgbuild.model import Problem

CHECKPOINTS = 256
"""A copy holds 40 KiB (32 of them the window), so all of them hold 10 MiB."""


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
        self._checkpoints: dict[int, _Decompress] = {}
        self._state = zlib.decompressobj()
        self._next = 0
        self._broken: tuple[int, Problem] | None = None

    def block(self, index: int) -> bytes:
        """Return the block of record ``index``; raises BrokenImage where it, or one before it, is damaged."""
        if self._broken and index >= self._broken[0]:
            raise BrokenImage(self._broken[1])
        self._go_to(index)
        while self._next < index:
            self._step()
        return self._step()

    def _go_to(self, index: int) -> None:
        start = max((saved for saved in self._checkpoints if saved <= index), default=0)
        if self._next <= index and start <= self._next:
            return
        self._next = start
        saved = self._checkpoints.get(start)
        self._state = saved.copy() if saved else zlib.decompressobj()

    def _step(self) -> bytes:
        index = self._next
        if index and index % self._spacing == 0 and index not in self._checkpoints:
            self._checkpoints[index] = self._state.copy()
        record = self._records[index]
        try:
            data = inflate(self._state, read_payload(self._reader, record), record, ZVHD_BLOCK)
        except BrokenImage as error:
            self._broken = (index, error.problem)
            self._next = len(self._records)
            raise
        self._next += 1
        return data
