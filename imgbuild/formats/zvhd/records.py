"""The data records of ZVHD and ZVHD2: a record's bytes in, its checked fields or one block of the disk out.

Layout as in the vendor's public block driver, src/zvhd.c, src/zvhd2.c and src/comp_wrapper.c of
https://github.com/huaweicloud/ims-qemu-img.
"""

from __future__ import annotations

import struct
import zlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imgbuild.formats.base import Container
from imgbuild.formats.blocks import BlockCache, pieces, stored_bytes
from imgbuild.formats.bombs import TIMES, expanding, inflating, is_bomb
from imgbuild.formats.zvhd.header import PAGE
from imgbuild.readers import BrokenImage, Reader, broken, check_range
from imgbuild.sizes import MIB, ceil_div

if TYPE_CHECKING:
    from collections.abc import Callable
    from zlib import _Decompress

# Data record, little-endian, at a multiple of 4096, its length a multiple of 4096.
#
#  off   hex  size  field
#    0  0x00    12  prefix, always b"hwstream bg\0"
#   12  0x0c     4  size of the compressed block, n bytes
#   16  0x10     4  curr_blk: number of the block on the disk
#   20  0x14    28  reserved
#   48  0x30     n  compressed block
#   -4            4  b"end\0", the last four bytes of the record
RECORD = struct.Struct("<12sII28x")
PREFIX = b"hwstream bg\0"
END_MARK = b"end\0"
CACHE_BYTES = 20 * MIB
"""Of a Debian on ext4 25 blocks of 2 MiB are looked at. With this few of them are unpacked twice, which takes no longer
than new memory for all of them would."""
_MIN_WINDOW_LOG = 23
"""Zstandard asks decoders to support windows of 8 MiB (RFC 8878, 3.1.1.1.2); more only where a block is larger."""


class Record(NamedTuple):
    """A record at byte ``offset`` of the file, with ``size`` bytes of compressed data of block ``block``."""

    offset: int
    size: int
    block: int

    @property
    def length(self) -> int:
        """The bytes that the record takes, padding included."""
        return ceil_div(RECORD.size + self.size + len(END_MARK), PAGE) * PAGE

    @property
    def end(self) -> int:
        """The byte of the file behind the record."""
        return self.offset + self.length


def parse_record(raw: bytes, offset: int, block_size: int) -> Record:
    """Return the record whose first 48 bytes are ``raw``, or raise BrokenImage ``zvhd-record``."""
    prefix, size, block = RECORD.unpack_from(raw)
    if prefix != PREFIX:
        raise broken("zvhd-record", f"a record was expected at byte {offset}, but it begins with {prefix!r}",
                     field="prefix", offset=offset, raw=prefix)
    if not 0 < size <= 2 * block_size:
        raise broken("zvhd-record", f"the record at byte {offset} holds {size} compressed bytes, but it must hold 1 to"
                                    f" {2 * block_size}", field="size", offset=offset + 12, raw=raw[12:16])
    return Record(offset, size, block)


def check_end_mark(record: Record, mark: bytes) -> None:
    """Raise BrokenImage ``zvhd-record`` unless ``mark``, the last four bytes of the record, is the end mark."""
    if mark != END_MARK:
        raise broken("zvhd-record", f"the record at byte {record.offset} ends with {mark!r}, but it must end with"
                                    f" {END_MARK!r}", field="end", offset=record.end - len(END_MARK), raw=mark)


def read_payload(reader: Reader, record: Record) -> memoryview:
    """Return the compressed bytes of the record, its end mark checked."""
    raw = reader.read_at(record.offset, record.length)
    check_end_mark(record, raw[-len(END_MARK) :])
    return memoryview(raw)[RECORD.size : RECORD.size + record.size]


def inflate(state: _Decompress, payload: memoryview, record: Record, block_size: int) -> bytes:
    """Return the block that ``payload`` continues the zlib stream of ``state`` with.

    The writer cuts its streams by a sync flush. One that comes to its end is refused, as the driver does.
    """
    try:
        data = state.decompress(payload, block_size + 1)
    except zlib.error as error:
        raise _damaged(record, f"cannot be inflated: {error}") from error
    if state.eof:
        raise _damaged(record, "ends its zlib stream, but a block must be cut by a sync flush")
    return _whole(data, record, block_size, partial(is_bomb, inflating(state), block_size, zlib.error))


def unzstd(payload: memoryview, record: Record, block_size: int) -> bytes:
    """Return the block in the one zstd frame that ``payload`` is."""
    from imgbuild.zstd import DecompressionParameter, ZstdDecompressor, ZstdError  # noqa: PLC0415 - late: 5 ms to load

    window_log = max(_MIN_WINDOW_LOG, block_size.bit_length() - 1)
    frame = ZstdDecompressor(options={DecompressionParameter.window_log_max: window_log})
    try:
        data = frame.decompress(payload, block_size + 1)
    except ZstdError as error:
        raise _damaged(record, f"cannot be decompressed: {error}") from error
    _whole(data, record, block_size, partial(is_bomb, expanding(frame), block_size, ZstdError))
    if not frame.eof or frame.unused_data:
        raise _damaged(record, "is not one zstd frame")
    return data


def _whole(data: bytes, record: Record, block_size: int, goes_on: Callable[[], bool]) -> bytes:
    if len(data) > block_size:
        if goes_on():
            raise broken("decompression-bomb", f"the record at byte {record.offset} expands to more than {TIMES} blocks"
                                               f" of {block_size} bytes", field="data", offset=record.offset)
        raise _damaged(record, f"does not end within the {block_size} bytes of a block")
    if len(data) < block_size:
        raise _damaged(record, f"expands to {len(data)} bytes, but a block has {block_size}")
    return data


def _damaged(record: Record, what: str) -> BrokenImage:
    message = f"block {record.block} in the record at byte {record.offset} {what}"
    return broken("zvhd-block-damaged", message, field="data", offset=record.offset)


class Block(Protocol):
    """A block of a disk."""

    def __len__(self) -> int:
        """Return the bytes that it holds."""
        ...

    def read(self, start: int, count: int) -> bytes:
        """Return so many bytes from ``start`` on, or raise BrokenImage."""
        ...


class Unpacked:
    """A block that is unpacked whole."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __len__(self) -> int:
        """Return the bytes that it holds."""
        return len(self._data)

    def read(self, start: int, count: int) -> bytes:
        """Return so many bytes from ``start`` on."""
        return self._data[start : start + count]


class BlockDisk(Container):
    """A disk in compressed blocks: ``open_block`` gives one of ``block_size`` bytes, or ``None`` where it is zero.

    Nothing of the disk lies behind ``orig_size``, in bytes; it reads as zero from there on. ``used`` counts the blocks
    that have a record, from a block on so many.
    """

    def __init__(self, bare: Container, orig_size: int, block_size: int,
                 open_block: Callable[[int], Block | None], used: Callable[[int, int], int]) -> None:
        super().__init__(bare.format, bare.virtual_size, bare.header, bare.problems)
        self.orig_size = orig_size
        self.block_size = block_size
        self.open_block = open_block
        self.used = used
        self.cache: BlockCache[Block] = BlockCache(CACHE_BYTES)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the virtual disk from ``offset``, or raise BrokenImage."""
        check_range(self.size, offset, length, "the virtual disk")
        return b"".join([self._piece(*piece) for piece in pieces(offset, length, self.block_size)])

    def stored(self, offset: int, length: int) -> int | None:
        """Return how many bytes of a range are in blocks that have a record."""
        inside = min(length, max(0, self.orig_size - offset))
        return stored_bytes(offset, inside, self.block_size, self.used) if inside else 0

    def _piece(self, number: int, start: int, count: int) -> bytes:
        if number * self.block_size >= self.orig_size:
            return bytes(count)
        block = self.cache.take(number)
        if block is None:
            block = self.open_block(number)
            if block is None:
                return bytes(count)
            self._check_rest(number, block)
        data = block.read(start, count)
        self.cache.put(number, block)
        return data

    def _check_rest(self, number: int, block: Block) -> None:
        used = self.orig_size - number * self.block_size
        if used < self.block_size and any(block.read(used, self.block_size - used)):
            raise broken("zvhd-block-damaged", f"block {number} has data behind the end of the source at"
                                               f" {self.orig_size}, where there must be zeros", field="data")
