"""The index and the bitmap of a ZVHD2 file: the footer page in, the place of any block's record out.

Bitmap: bit k of byte j is block 8j + k, 1 where the block has a record. Index: entries of 16 bytes, little-endian,
``{u64 file offset, u32 block number, u32 record length}``; entry n is that of the n-th set bit, or of block n where
``index_contains_zero_blk`` is set (then an offset of 0 means a zero block). Both come in segments without gaps.

Layout: src/zvhd2.c of the vendor's public block driver, https://github.com/huaweicloud/ims-qemu-img.
"""

from __future__ import annotations

import struct
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.formats.zvhd.header import PAGE, Header
from imgbuild.formats.zvhd.records import END_MARK, RECORD, Record, check_end_mark, parse_record
from imgbuild.readers import BrokenImage, Reader, broken, problem
from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.model import Problem

ENTRY = struct.Struct("<QII")
_CHUNK = 4096
"""Entries that are read at once when the whole index is checked."""


class Entry(NamedTuple):
    """The index entry of ``block``: its record takes ``length`` bytes from ``offset``; ``number`` repeats the block."""

    at: int
    block: int
    offset: int
    number: int
    length: int

    @property
    def end(self) -> int:
        """The byte of the file behind the record."""
        return self.offset + self.length


class Index:
    """Where the records of a ZVHD2 file are; the bitmap is held, index entries are read one by one."""

    def __init__(self, reader: Reader, header: Header, blocks: int) -> None:
        _check_places(reader, header, blocks)
        self._reader = reader
        self._header = header
        self._blocks = blocks
        self._bitmap = reader.read_at(header.bitmap_lba, ceil_div(blocks, 8))
        self._count = _population(self._bitmap)
        _check_counts(header, self._bitmap, blocks)

    def record(self, block: int) -> Record | None:
        """Return the record of ``block``, its header checked against the index, or ``None`` for a zero block."""
        bit = self._bitmap[block // 8] >> block % 8 & 1
        if self._header.index_contains_zero_blk:
            entry = self._entry(block, block)
            return self._open(entry) if entry.offset else None
        return self._open(self._entry(self._rank(block), block)) if bit else None

    def between(self, first: int, count: int) -> int:
        """Return how many of so many blocks from ``first`` on have a record, by the bitmap."""
        bits = int.from_bytes(self._bitmap[first // 8 : ceil_div(first + count, 8)], "little") >> first % 8
        return (bits & (1 << count) - 1).bit_count()

    def check(self) -> Iterator[Problem]:
        """Yield the first thing that is wrong with the entries and the headers and end marks of their records."""
        end, ahead = PAGE, b""
        try:
            for entry in self._entries():
                if self._header.index_contains_zero_blk and not self._agrees(entry):
                    yield self._complain(entry, "the index and the bitmap disagree on whether it is zero")
                    return
                if entry.offset or not self._header.index_contains_zero_blk:
                    record = self._open(entry, ahead if entry.offset == end else b"")
                    # Most often the next record follows: its header is read along.
                    mark = self._reader.read_at(record.end - len(END_MARK), len(END_MARK) + RECORD.size)
                    ahead = mark[len(END_MARK) :]
                    check_end_mark(record, mark[: len(END_MARK)])
                    if entry.offset < end:
                        yield self._complain(entry, f"its record at byte {entry.offset} overlaps the one before it")
                        return
                    end = entry.end
        except BrokenImage as error:
            yield error.problem

    def _entries(self) -> Iterator[Entry]:
        whole = self._header.index_contains_zero_blk
        total, used = self._blocks if whole else self._count, _set_bits(self._bitmap)
        for first in range(0, total, _CHUNK):
            count = min(_CHUNK, total - first)
            at = self._header.index_lba + first * ENTRY.size
            raw = self._reader.read_at(at, count * ENTRY.size)
            if whole and _is_zero(raw) and _is_zero(self._bitmap[first // 8 : ceil_div(first + count, 8)]):
                continue
            blocks = range(first, first + count) if whole else islice(used, count)
            for number, (block, fields) in enumerate(zip(blocks, ENTRY.iter_unpack(raw), strict=True)):
                yield Entry(at + number * ENTRY.size, block, *fields)

    def _entry(self, position: int, block: int) -> Entry:
        at = self._header.index_lba + position * ENTRY.size
        return Entry(at, block, *ENTRY.unpack(self._reader.read_at(at, ENTRY.size)))

    def _rank(self, block: int) -> int:
        byte, bit = divmod(block, 8)
        return _population(self._bitmap[:byte]) + (self._bitmap[byte] & (1 << bit) - 1).bit_count()

    def _agrees(self, entry: Entry) -> bool:
        return bool(entry.offset) == bool(self._bitmap[entry.block // 8] >> entry.block % 8 & 1)

    def _open(self, entry: Entry, raw: bytes = b"") -> Record:
        """Return the record of an entry, whose header is ``raw`` where it has been read."""
        if entry.number != entry.block:
            raise BrokenImage(self._complain(entry, f"its index entry is that of block {entry.number}"))
        if entry.offset < PAGE or entry.offset % PAGE or entry.end > self._reader.size - PAGE:
            raise BrokenImage(self._complain(entry, f"its record is said to be at bytes {entry.offset} to {entry.end},"
                                                    " but it must be whole pages between header and footer page"))
        raw = raw or self._reader.read_at(entry.offset, RECORD.size)
        record = parse_record(raw, entry.offset, self._header.block_size)
        if record.block != entry.block or record.length != entry.length:
            raise BrokenImage(self._complain(entry, f"its record at byte {entry.offset} is of block {record.block} and"
                                                    f" {record.length} bytes long, the index says {entry.length}"))
        return record

    def _complain(self, entry: Entry, what: str) -> Problem:
        raw = ENTRY.pack(entry.offset, entry.number, entry.length)
        return problem("zvhd-index", f"block {entry.block}: {what}", field="index", offset=entry.at, raw=raw)


def _check_places(reader: Reader, header: Header, blocks: int) -> None:
    entries = blocks if header.index_contains_zero_blk else header.non_zero_blk_num
    _check_place(reader, header, "index", header.index_lba, header.index_size, entries * ENTRY.size)
    _check_place(reader, header, "bitmap", header.bitmap_lba, header.bitmap_size, ceil_div(blocks, 8))
    if header.index_lba < header.bitmap_lba + header.bitmap_size and \
            header.bitmap_lba < header.index_lba + header.index_size:
        raise BrokenImage(header.complain("zvhd-index", "the index and the bitmap overlap", "index_lba"))


def _check_place(reader: Reader, header: Header, name: str, start: int, size: int, needed: int) -> None:
    if size < needed:
        message = f"the {name} has {size} bytes, but the disk needs {needed}"
        raise BrokenImage(header.complain("zvhd-index", message, f"{name}_size"))
    if size and (start < PAGE or start + size > reader.size - PAGE):
        message = f"the {name} is said to be at bytes {start} to {start + size}, but the file has room from {PAGE} to"
        raise BrokenImage(header.complain("zvhd-index", f"{message} {reader.size - PAGE}", f"{name}_lba"))


def _check_counts(header: Header, bitmap: bytes, blocks: int) -> None:
    count = _population(bitmap)
    if header.non_zero_blk_num != count:
        message = f"the footer counts {header.non_zero_blk_num} blocks with data, the bitmap {count}"
        raise BrokenImage(header.complain("zvhd-block-count", message, "non_zero_blk_num"))
    if blocks % 8 and bitmap[-1] >> blocks % 8:
        raise broken("zvhd-block-count", f"the bitmap has blocks behind the last one, {blocks - 1}", field="bitmap",
                     offset=header.bitmap_lba + len(bitmap) - 1, raw=bitmap[-1:])


def _is_zero(data: bytes) -> bool:
    return data.count(0) == len(data)


def _population(bits: bytes) -> int:
    return int.from_bytes(bits, "little").bit_count()


def _set_bits(bitmap: bytes) -> Iterator[int]:
    for index, byte in enumerate(bitmap):
        if byte:
            yield from (index * 8 + bit for bit in range(8) if byte >> bit & 1)
