"""Renew the checksums of a damaged file, so that what stands behind them is read: its bytes in, further changes out.

Known are VHD's footers and header, the first header of ZVHD and ZVHD2, VHDX's headers and region tables, GPT's primary
header with its entries, and the superblock and the changed nodes of a btrfs that begins at a whole MiB of a raw disk:
those of which a reader refuses everything when the sum is wrong.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import vhd_writer
import vhdx_writer
import zvhd_writer
from images import btrfs_items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Bytes = Callable[[int, int], bytes]

SECTOR, PAGE = 512, 4096
MOST_ENTRY_BYTES = 1 << 17
VHDX_HEADER, VHDX_TABLE = 4096, 65536
BTRFS_SUPERBLOCK = 65536
MOST_BTRFS_START = 256 << 20


def reseal(read: Bytes, size: int, places: Iterable[int] = ()) -> list[tuple[int, bytes]]:
    """Return the changes that make the sums right; ``read`` gives the damaged file's bytes, damaged at ``places``."""
    found = [*_gpt(read), *_vhd(read, size), *_vhdx(read), *_zvhd(read), *_btrfs(read, size, places)]
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



def _btrfs(read: Bytes, size: int, places: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    for start in range(0, min(size, MOST_BTRFS_START), 1 << 20):
        superblock = read(start + BTRFS_SUPERBLOCK, PAGE)
        if superblock[64:72] != b"_BHRfS_M":
            continue
        yield start + BTRFS_SUPERBLOCK, btrfs_items.seal(superblock)
        pages = {place - (place - start) % PAGE for place in places}
        for at in sorted({page - back for page in pages for back in range(0, btrfs_items.NODE, PAGE)}):
            node = read(at, btrfs_items.NODE)
            if node[32:48] == superblock[32:48] and at != start + BTRFS_SUPERBLOCK:
                yield at, btrfs_items.seal(node)[:32]


def _zvhd(read: Bytes) -> Iterator[tuple[int, bytes]]:
    page = read(0, PAGE)
    if page[:6] in {b"stream", b"z2strm"} and len(page) == PAGE:
        yield 0, zvhd_writer.seal(page)
