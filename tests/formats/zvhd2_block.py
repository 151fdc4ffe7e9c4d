"""A block of a ZVHD2 by itself: its compressed bytes in, the reader of that block out."""

from __future__ import annotations

from imgbuild.formats.zvhd.records import END_MARK, RECORD, Record
from imgbuild.formats.zvhd2.growing import Growing
from tests.volumes.table_writer import Disk

AT = 4096
"""The byte of the file where its record stands."""


def open_block(payload: bytes, size: int) -> tuple[Growing, Disk]:
    """Return the reader of block 0, of ``size`` bytes, and the file that it reads."""
    record = Record(AT, len(payload), 0)
    file = Disk(record.end).write(AT + RECORD.size, payload).write(record.end - len(END_MARK), END_MARK)
    return Growing(file, record, size), file
