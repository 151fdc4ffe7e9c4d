"""Renew the checksums of a damaged file, so that what stands behind them is read: its bytes in, further changes out.

Known are VHD's footers and header, the first header of ZVHD and ZVHD2, VHDX's headers and region tables, and GPT's
primary header with its entries: those of which a reader refuses everything when the sum is wrong.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import vhd_writer
import vhdx_writer
import zvhd_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Bytes = Callable[[int, int], bytes]

SECTOR, PAGE = 512, 4096
MOST_ENTRY_BYTES = 1 << 17
VHDX_HEADER, VHDX_TABLE = 4096, 65536


def reseal(read: Bytes, size: int) -> list[tuple[int, bytes]]:
    """Return the changes that make the sums right; ``read`` gives the damaged file's bytes."""
    found = [*_gpt(read), *_vhd(read, size), *_vhdx(read), *_zvhd(read)]
    return [(at, data) for at, data in found if at >= 0 and at + len(data) <= size]


def _gpt(read: Bytes) -> Iterator[tuple[int, bytes]]:
    header = read(SECTOR, SECTOR)
    if header[:8] != b"EFI PART" or len(header) < SECTOR:
        return
    covered = min(struct.unpack_from("<I", header, 12)[0], SECTOR)
    start, count, width = struct.unpack_from("<QII", header, 72)
    entries = read(start * SECTOR, count * width) if start < 1 << 40 and count * width <= MOST_ENTRY_BYTES else b""
    body = bytearray(header)
    struct.pack_into("<I", body, 88, zlib.crc32(entries))
    struct.pack_into("<I", body, 16, 0)
    struct.pack_into("<I", body, 16, zlib.crc32(bytes(body[:covered])))
    yield SECTOR, bytes(body)


def _vhd(read: Bytes, size: int) -> Iterator[tuple[int, bytes]]:
    for at in (0, size - SECTOR):
        footer = read(at, SECTOR)
        if footer[:8] == b"conectix" and len(footer) == SECTOR:
            yield at, vhd_writer.seal(footer)
    header = read(SECTOR, 1024)
    if header[:8] == b"cxsparse" and len(header) == 1024:
        yield SECTOR, vhd_writer.seal(header, 36)


def _vhdx(read: Bytes) -> Iterator[tuple[int, bytes]]:
    if read(0, 8) != b"vhdxfile":
        return
    places = [(at, VHDX_HEADER) for at in vhdx_writer.HEADERS] + [(at, VHDX_TABLE) for at in vhdx_writer.TABLES]
    for at, length in places:
        raw = read(at, length)
        if len(raw) == length:
            yield at, vhdx_writer.seal(raw)[:8]



def _zvhd(read: Bytes) -> Iterator[tuple[int, bytes]]:
    page = read(0, PAGE)
    if page[:6] in {b"stream", b"z2strm"} and len(page) == PAGE:
        yield 0, zvhd_writer.seal(page)
