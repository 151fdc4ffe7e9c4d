"""Open a ZVHD: header page, records and end mark in, a :class:`Container` out."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from imgbuild.formats.base import Container
from imgbuild.formats.zvhd import COOKIE
from imgbuild.formats.zvhd.header import (
    PAGE,
    ZVHD_BLOCK,
    Header,
    check_sizes,
    check_sum,
    compare,
    cut_off,
    read_header,
)
from imgbuild.formats.zvhd.records import END_MARK, RECORD, BlockDisk, Record, Unpacked, check_end_mark, parse_record
from imgbuild.formats.zvhd.stream import Records, Stream
from imgbuild.readers import BrokenImage, Reader, broken, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.formats.zvhd.records import Block
    from imgbuild.model import Problem


def open_zvhd(reader: Reader) -> Container:
    """Read the header and the places of all records of the ZVHD file in ``reader``.

    Raises:
        BrokenImage: The file is shorter than the header (``truncated``).
    """
    header = read_header(reader, 0)
    bare = Container("zvhd", header.curr_size, header.facts())
    try:
        return _open_whole(reader, header, bare)
    except BrokenImage as error:
        bare.problems.append(error.problem)
        bare.readable = False
        return bare


def _open_whole(reader: Reader, header: Header, bare: Container) -> Container:
    for objection in check_sum(header):
        raise BrokenImage(objection)
    records, end = _walk(reader, check_sizes(header, ZVHD_BLOCK))
    bare.problems.extend(_check_end(reader, header, end))
    bare.header["non_zero_blk_num"] = len(records)
    return BlockDisk(bare, header.orig_size, ZVHD_BLOCK, _opener(reader, records), records.between)


def _walk(reader: Reader, blocks: int) -> tuple[Records, int]:
    """Return the records and the byte where the end mark stands."""
    records, offset, past = Records(), PAGE, 0
    raw = _next_header(reader, offset)
    while not raw.startswith(COOKIE):
        record = parse_record(raw, offset, ZVHD_BLOCK)
        _check_number(record, past, blocks)
        raw = _next_header(reader, record.end, len(END_MARK))
        check_end_mark(record, raw[: len(END_MARK)])
        raw = raw[len(END_MARK) :]
        records.add(record)
        offset, past = record.end, record.block + 1
    return records, offset


def _next_header(reader: Reader, offset: int, before: int = 0) -> bytes:
    """Return the first bytes of the record or page at ``offset``, with the last ``before`` of the record in front."""
    if offset + RECORD.size > reader.size:
        raise cut_off(reader.size, "the copy of the header that marks its end")
    return reader.read_at(offset - before, before + RECORD.size)


def _check_number(record: Record, past: int, blocks: int) -> None:
    if not past <= record.block < blocks:
        raw = record.block.to_bytes(4, "little")
        message = f"the record at byte {record.offset} is of block {record.block}, but here a number from {past} up"
        raise broken("zvhd-record", f"{message} and below {blocks} must stand", field="curr_blk",
                     offset=record.offset + 16, raw=raw)


def _check_end(reader: Reader, header: Header, end: int) -> Iterator[Problem]:
    if end + PAGE > reader.size:
        raise cut_off(reader.size, "the whole copy of the header that marks its end")
    yield from compare(header, read_header(reader, end))
    if end + PAGE < reader.size:
        message = f"{reader.size - end - PAGE} bytes stand behind the end mark"
        yield problem("zvhd-data-after-end", message, field="end_mark", offset=end + PAGE)


def _opener(reader: Reader, records: Records) -> Callable[[int], Block | None]:
    stream = Stream(reader, records)

    def open_block(block: int) -> Block | None:
        index = bisect_left(records.blocks, block)
        found = index < len(records) and records.blocks[index] == block
        return Unpacked(stream.block(index)) if found else None

    return open_block
