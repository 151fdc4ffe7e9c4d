"""Open a ZVHD2: header, footer page, bitmap and index in, a :class:`Container` out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Container
from imgbuild.formats.zvhd.header import (
    PAGE,
    ZLIB,
    ZSTD,
    Header,
    check_sizes,
    check_sum,
    compare,
    cut_off,
    read_header,
)
from imgbuild.formats.zvhd.records import END_MARK, BlockDisk, Unpacked, check_end_mark, read_payload, unzstd
from imgbuild.formats.zvhd2 import COOKIE
from imgbuild.formats.zvhd2.growing import Growing
from imgbuild.formats.zvhd2.index import Index
from imgbuild.readers import BrokenImage, Reader
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.formats.zvhd.records import Block

MIN_BLOCK = MIB
MAX_BLOCK = 32 * MIB


def open_zvhd2(reader: Reader) -> Container:
    """Read the header, the footer page, the bitmap and the index of the ZVHD2 file in ``reader``.

    Raises:
        BrokenImage: The file is shorter than the header (``truncated``).
    """
    first = read_header(reader, 0)
    bare = Container("zvhd2", first.curr_size, {**first.facts(), **first.block_facts()}, [*check_sum(first)])
    try:
        return _open_whole(reader, first, bare)
    except BrokenImage as error:
        bare.problems.append(error.problem)
        bare.readable = False
        return bare


def _open_whole(reader: Reader, first: Header, bare: Container) -> Container:
    last = _read_last(reader)
    bare.virtual_size = last.curr_size
    bare.header = {**last.facts(), **last.block_facts()}
    bare.problems.extend(compare(first, last))
    index = Index(reader, last, _check_last(last))
    bare.problems.extend(index.check())
    return BlockDisk(bare, last.orig_size, last.block_size, _opener(reader, last, index), index.between)


def _read_last(reader: Reader) -> Header:
    if reader.size < 2 * PAGE or reader.size % PAGE:
        raise cut_off(reader.size, "a whole footer page")
    last = read_header(reader, reader.size - PAGE)
    if not last.cookie.startswith(COOKIE) or not last.bitmap_lba:
        raise cut_off(reader.size, "a footer page")
    for objection in check_sum(last):
        raise BrokenImage(objection)
    return last


def _check_last(last: Header) -> int:
    """Return the number of blocks of the source, or raise BrokenImage where the footer page contradicts itself."""
    if last.zvhd2_version != 1:
        message = f"the ZVHD2 version is {last.zvhd2_version}, but only 1 is known"
        raise BrokenImage(last.complain("zvhd-version", message, "zvhd2_version"))
    size = last.block_size
    if not MIN_BLOCK <= size <= MAX_BLOCK or size & (size - 1):
        message = f"the block size is {size} bytes, but it must be a power of two from 1 MiB to 32 MiB"
        raise BrokenImage(last.complain("block-size-invalid", message, "block_size"))
    if last.compress_method not in {ZLIB, ZSTD}:
        message = f"the compression method is {last.compress_method}, but only 0 (zlib) and 1 (zstd) are known"
        raise BrokenImage(last.complain("zvhd-compression", message, "compress_method"))
    blocks = check_sizes(last, size)
    if last.max_blk_num != blocks:
        message = f"the footer counts {last.max_blk_num} blocks, but {last.orig_size} bytes take {blocks}"
        raise BrokenImage(last.complain("zvhd-block-count", message, "max_blk_num"))
    if last.non_zero_blk_num > blocks:
        message = f"the footer counts {last.non_zero_blk_num} blocks with data, but the disk has {blocks}"
        raise BrokenImage(last.complain("zvhd-block-count", message, "non_zero_blk_num"))
    return blocks


def _opener(reader: Reader, last: Header, index: Index) -> Callable[[int], Block | None]:
    def open_block(block: int) -> Block | None:
        record = index.record(block)
        if record is None:
            return None
        if last.compress_method == ZSTD:
            return Unpacked(unzstd(read_payload(reader, record), record, last.block_size))
        check_end_mark(record, reader.read_at(record.end - len(END_MARK), len(END_MARK)))
        opened = Growing(reader, record, last.block_size)
        if block == 0:
            opened.read(last.block_size - 1, 1)  # a block that goes on behind its end shows it there alone
        return opened

    return open_block
