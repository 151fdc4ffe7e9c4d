"""A writer of ZVHD and ZVHD2 for tests: a raw disk in, the file that the vendor's driver would write out.

It follows src/zvhd.c, src/zvhd2.c and src/comp_wrapper.c of https://github.com/huaweicloud/ims-qemu-img down to what
the driver's buffer leaves in the padding, so that its files can be compared with real ones byte for byte.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgbuild.zstd import compress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

PAGE = 4096
GIB = 1 << 30
BLOCK = 1 << 21
INDEX_SEGMENT = 512 * 1024
BITMAP_SEGMENT = 4096
HEADER = struct.Struct("<8sIIQI4sIIQQIII16sBBBBIIQQIIIIIIIBB")
RECORD = struct.Struct("<12sII28x")
ENTRY = struct.Struct("<QII")


@dataclass
class Options:
    """What a file can differ in; sizes in bytes."""

    timestamp: int = 0
    uuid: bytes = bytes(range(16))
    block_size: int = BLOCK
    index_segment: int = INDEX_SEGMENT
    index_contains_zero_blk: int = 0
    compress_method: int = 1
    payloads: list[bytes] | None = None
    """Packed blocks to take, in order, instead of packing: compressors differ between versions."""


def write_zvhd(disk: BinaryIO, out: BinaryIO, options: Options | None = None) -> None:
    options = options or Options()
    page = _header(b"stream", disk, options, tail=b"")
    out.write(page)
    pack, buffer = _zlib(), _Buffer()
    for order, (number, block) in enumerate(_blocks(disk, BLOCK)):
        packed = options.payloads[order] if options.payloads else pack(block)
        out.write(buffer.record(number, packed))
    out.write(page)


def write_zvhd2(disk: BinaryIO, out: BinaryIO, options: Options | None = None) -> None:
    options = options or Options()
    blocks = -(-_size(disk) // options.block_size)
    out.write(_header(b"z2strm", disk, options, tail=_tail(options, blocks)))
    entries, buffer = {}, _Buffer()
    for number, block in _blocks(disk, options.block_size):
        packed = options.payloads[len(entries)] if options.payloads else _pack(block, options)
        record = buffer.record(number, packed)
        entries[number] = (out.tell(), number, len(record))
        out.write(record)
    page = bytearray(_header(b"z2strm", disk, options, tail=_tail(options, blocks)))
    struct.pack_into("<I", page, 136, len(entries))
    out.write(page)
    index, bitmap = _index(entries, blocks, options), _bitmap(entries, blocks)
    places = (out.tell(), out.tell() + len(index))
    out.write(index + bitmap)
    tail = _tail(options, blocks, places, len(index), len(bitmap), len(entries))
    out.write(_header(b"z2strm", disk, options, tail))


def seal(page: bytes) -> bytes:
    """Return a header page with its checksum renewed."""
    total = sum(page[:512]) - sum(page[64:68])
    return page[:64] + struct.pack("<I", ~total & 0xFFFFFFFF) + page[68:]


class _Buffer:
    """The driver's buffer: it packs behind the first page, moves the result forward, and clears what it wrote."""

    def __init__(self) -> None:
        self._bytes = bytearray(PAGE + 4 * BLOCK)

    def record(self, number: int, packed: bytes) -> bytes:
        self._grow(len(packed))
        length = -(-(RECORD.size + len(packed) + 4) // PAGE) * PAGE
        self._bytes[PAGE : PAGE + len(packed)] = packed
        self._bytes[: RECORD.size + len(packed)] = RECORD.pack(b"hwstream bg", len(packed), number) + packed
        self._bytes[length - 4 : length] = b"end\0"
        record = bytes(self._bytes[:length])
        self._bytes[:length] = bytes(length)
        return record

    def _grow(self, size: int) -> None:
        missing = 2 * PAGE + size - len(self._bytes)
        if missing > 0:
            self._bytes.extend(bytes(missing))


def _pack(block: bytes, options: Options) -> bytes:
    return compress(block, 0) if options.compress_method else _zlib()(block)


def _zlib() -> Callable[[bytes], bytes]:
    """Return a packer whose blocks follow one another in one stream, each cut by a sync flush."""
    stream = zlib.compressobj(1, zlib.DEFLATED, 15, 8)
    return lambda block: stream.compress(block) + stream.flush(zlib.Z_SYNC_FLUSH)


def _size(disk: BinaryIO) -> int:
    return disk.seek(0, 2)


def _blocks(disk: BinaryIO, block_size: int) -> Iterator[tuple[int, bytes]]:
    for number in range(-(-_size(disk) // block_size)):
        disk.seek(number * block_size)
        block = disk.read(block_size)
        if block.count(0) != len(block):
            yield number, block.ljust(block_size, b"\0")


def _header(cookie: bytes, disk: BinaryIO, options: Options, tail: bytes) -> bytes:
    size = _size(disk)
    head = struct.pack("<8sIIQI4sIIQQIII16sBBB", cookie, 2, 0x10000, (1 << 64) - 1, options.timestamp, b"tap",
                       0x10004, 0, size, -(-size // GIB) * GIB, _geometry(size), 4, 0, options.uuid, 0, 0, 0)
    return seal((head + tail).ljust(PAGE, b"\0"))


def _tail(options: Options, blocks: int, places: tuple[int, int] = (0, 0), index_size: int = 0, bitmap_size: int = 0,
          used: int = 0) -> bytes:
    segment = options.index_segment if bitmap_size else 0
    segments = index_size // options.index_segment, bitmap_size // BITMAP_SEGMENT
    return struct.pack("<BIIQQIIIIIIIBB", 1, options.block_size, blocks, *places, index_size, bitmap_size, segment,
                       BITMAP_SEGMENT if segment else 0, *segments, used, options.index_contains_zero_blk,
                       options.compress_method)


def _index(entries: dict[int, tuple[int, int, int]], blocks: int, options: Options) -> bytes:
    whole = [entries.get(number, (0, 0, 0)) for number in range(blocks)]
    rows = whole if options.index_contains_zero_blk else entries.values()
    return _padded(b"".join(ENTRY.pack(*row) for row in rows), options.index_segment)


def _bitmap(entries: dict[int, tuple[int, int, int]], blocks: int) -> bytes:
    bits = sum(1 << number for number in entries)
    return _padded(bits.to_bytes(-(-blocks // 8), "little"), BITMAP_SEGMENT)


def _padded(data: bytes, unit: int) -> bytes:
    return data.ljust(-(-len(data) // unit) * unit, b"\0")


def _geometry(size: int) -> int:
    sectors = min(max(-(-size // 512), 1), 65535 * 16 * 255)
    if sectors >= 65535 * 16 * 63:
        return _chs(sectors // 255, 16, 255)
    tracks = sectors // 17
    heads = max((tracks + 1023) // 1024, 4)
    if tracks < heads * 1024 and heads <= 16:
        return _chs(tracks, heads, 17)
    tracks = sectors // 31
    return _chs(tracks, 16, 31) if tracks < 16 * 1024 else _chs(sectors // 63, 16, 63)


def _chs(tracks: int, heads: int, sectors: int) -> int:
    return tracks // heads << 16 | heads << 8 | sectors
