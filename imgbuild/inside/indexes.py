"""The size of what a compressed file holds, where the format has it written down: a file in, bytes or ``None`` out.

xz has an index at its end, a zstd frame may say its size at its beginning. gzip has the size modulo 2**32 of its last
member alone, bzip2 nothing; to believe the former is how sizes of 4 GiB and more go wrong.

The .xz File Format 1.2.1, sections 2.1.2 and 4, https://tukaani.org/xz/xz-file-format.txt
RFC 8878, section 3.1.1, https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from imgbuild.formats.blocks import MAX_DISK
from imgbuild.readers import BrokenImage
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from imgbuild.readers import Reader

MOST_INDEX = MIB
MOST_STREAMS = 1024
MOST_BLOCKS = 16_384

_XZ_FOOTER, _XZ_HEADER = 12, 12
_ZSTD = 0xFD2FB528
_SKIPPABLE = 0x184D2A50
_NUMBER_BYTES = 9


def size_inside(reader: Reader, name: str) -> int | None:
    """Return the size of what the file holds, ``None`` where it is not written down or cannot be followed."""
    ask = {"xz": _xz, "zstd": _zstd}.get(name)
    try:
        size = None if ask is None else ask(reader)
    except (BrokenImage, IndexError):
        return None
    return size if size is not None and size < MAX_DISK else None


def _xz(reader: Reader) -> int | None:
    """Add up the indexes of all streams, from the last to the first."""
    total, end = 0, reader.size
    for _ in range(MOST_STREAMS):
        end = _without_padding(reader, end)
        found = _xz_stream(reader, end)
        if found is None:
            return None
        size, end = found
        total += size
        if end == 0:
            return total
    return None


def _without_padding(reader: Reader, end: int) -> int:
    for _ in range(MOST_STREAMS):
        if end < _XZ_FOOTER or any(reader.read_at(end - 4, 4)):
            break
        end -= 4
    return end


def _xz_stream(reader: Reader, end: int) -> tuple[int, int] | None:
    """Return the size of what the stream before ``end`` holds, and where that begins."""
    footer = reader.read_at(end - _XZ_FOOTER, _XZ_FOOTER)
    length = (int.from_bytes(footer[4:8], "little") + 1) * 4
    sound = footer[10:] == b"YZ" and zlib.crc32(footer[4:10]) == int.from_bytes(footer[:4], "little")
    if not sound or length > MOST_INDEX or length < 8:  # noqa: PLR2004 - indicator, count, padding, sum
        return None
    index = reader.read_at(end - _XZ_FOOTER - length, length)
    if index[0] != 0 or zlib.crc32(index[:-4]) != int.from_bytes(index[-4:], "little"):
        return None
    packed, size = _records(index)
    start = end - _XZ_FOOTER - length - packed - _XZ_HEADER
    return (size, start) if start >= 0 else None


def _records(index: bytes) -> tuple[int, int]:
    """Return the bytes that the blocks take, and those that they hold."""
    count, at = _number(index, 1)
    packed = size = 0
    for _ in range(count):
        unpadded, at = _number(index, at)
        held, at = _number(index, at)
        packed += -(-unpadded // 4) * 4
        size += held
    return packed, size


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits in each byte, the lowest first, and where the next one begins."""
    value = 0
    for shift in range(_NUMBER_BYTES):
        byte = data[at + shift]
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follow
            return value, at + shift + 1
    raise IndexError(at)


def _zstd(reader: Reader) -> int | None:
    """Add up what the frames say, and walk over their blocks, whose sizes stand in front of them."""
    total = offset = blocks = 0
    while offset < reader.size:
        magic = int.from_bytes(reader.read_at(offset, 4), "little")
        if magic & ~0xF == _SKIPPABLE:
            offset += 8 + int.from_bytes(reader.read_at(offset + 4, 4), "little")
            continue
        size, start, has_sum = _zstd_header(reader, offset) if magic == _ZSTD else (None, 0, False)
        if size is None:
            return None
        total += size
        last, offset = False, start
        while not last:
            last, offset = _zstd_block(reader, offset)
            blocks += 1
            if blocks > MOST_BLOCKS:
                return None
        offset += 4 * has_sum
    return total


def _zstd_header(reader: Reader, offset: int) -> tuple[int | None, int, bool]:
    """Return what a frame says that it holds, where its first block is, and whether it ends with a sum."""
    descriptor = reader.read_at(offset + 4, 1)[0]
    single = descriptor >> 5 & 1
    at = offset + 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3]
    length = (single, 2, 4, 8)[descriptor >> 6]
    size = int.from_bytes(reader.read_at(at, length), "little") + (256 if length == 2 else 0)  # noqa: PLR2004 - RFC
    return size if length else None, at + length, bool(descriptor >> 2 & 1)


def _zstd_block(reader: Reader, offset: int) -> tuple[bool, int]:
    """Return whether a block is the last of its frame, and where the next one begins."""
    header = int.from_bytes(reader.read_at(offset, 3), "little")
    size = 1 if header >> 1 & 3 == 1 else header >> 3  # a block of one byte that is repeated has that byte alone
    return bool(header & 1), offset + 3 + size
