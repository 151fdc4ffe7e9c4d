"""An LVM2 physical volume with linear volumes in a plain file: no device-mapper, no root.

The on-disk structures (label, physical volume header, metadata area, text metadata) are laid down directly, which is
all that an offline reader needs. Layout and checksum: LVM2's lib/format_text/layout.h and lib/misc/crc.c,
https://sourceware.org/lvm2/.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
SECTOR = 512
EXTENT = 4 * MIB
DATA_START = MIB  # bytes before the first extent
_CRC_START = 0xF597A6CF
_CRC_TABLE = (
    0x00000000,
    0x1DB71064,
    0x3B6E20C8,
    0x26D930AC,
    0x76DC4190,
    0x6B6B51F4,
    0x4DB26158,
    0x5005713C,
    0xEDB88320,
    0xF00F9344,
    0xD6D6A3E8,
    0xCB61B38C,
    0x9B64C2B0,
    0x86D3D2D4,
    0xA00AE278,
    0xBDBDF21C,
)
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Linear:
    """A linear volume: its size in MiB (a multiple of 4) and the file whose bytes it holds."""

    name: str
    mib: int
    content: Path | None = None


def write_physical_volume(path: Path, mib: int, group: str, volumes: list[Linear]) -> list[tuple[int, Path]]:
    """Write the structures to ``path``; return where (bytes into it) the content of the volumes belongs."""
    text = _metadata(mib, group, volumes)
    with path.open("wb") as file:
        file.truncate(mib * MIB)
        file.seek(SECTOR)
        file.write(_label(mib * MIB, _identifier("pv" + group)))
        file.seek(4096)
        file.write(_metadata_header(text) + text)
    starts = [DATA_START + extent * EXTENT for extent in _first_extents(volumes)]
    return [(start, volume.content) for start, volume in zip(starts, volumes, strict=True) if volume.content]


def _first_extents(volumes: list[Linear]) -> list[int]:
    starts, total = [], 0
    for volume in volumes:
        starts.append(total)
        total += volume.mib * MIB // EXTENT
    return starts


def _label(size: int, identifier: str) -> bytes:
    header = identifier.encode() + struct.pack("<Q", size)
    header += struct.pack("<QQQQ", DATA_START, 0, 0, 0)
    header += struct.pack("<QQQQ", 4096, DATA_START - 4096, 0, 0)
    header += struct.pack("<IIQQ", 2, 1, 0, 0)
    tail = (struct.pack("<I", 32) + b"LVM2 001" + header).ljust(SECTOR - 20, b"\0")
    return b"LABELONE" + struct.pack("<QI", 1, _crc(tail)) + tail


def _metadata_header(text: bytes) -> bytes:
    body = b" LVM2 x[5A%r0N*>" + struct.pack("<IQQ", 1, 4096, DATA_START - 4096)
    body += struct.pack("<QQII", SECTOR, len(text), _crc(text), 0)
    body = body.ljust(SECTOR - 4, b"\0")
    return struct.pack("<I", _crc(body)) + body


def _metadata(mib: int, group: str, volumes: list[Linear]) -> bytes:
    extents = (mib * MIB - DATA_START) // EXTENT
    bodies = "".join(_volume(volume, first) for volume, first in zip(volumes, _first_extents(volumes), strict=True))
    return (
        f"""{group} {{
id = "{_dashed(_identifier("vg" + group))}"
seqno = 1
format = "lvm2"
status = ["RESIZEABLE", "READ", "WRITE"]
flags = []
extent_size = {EXTENT // SECTOR}
max_lv = 0
max_pv = 0
metadata_copies = 0
physical_volumes {{
pv0 {{
id = "{_dashed(_identifier("pv" + group))}"
device = "/dev/sda2"
status = ["ALLOCATABLE"]
flags = []
dev_size = {mib * MIB // SECTOR}
pe_start = {DATA_START // SECTOR}
pe_count = {extents}
}}
}}
logical_volumes {{
{bodies}}}
}}
contents = "Text Format Volume Group"
version = 1
description = ""
creation_host = "builder"
creation_time = 1700000000
""".encode()
        + b"\0"
    )


def _volume(volume: Linear, first: int) -> str:
    return f"""{volume.name} {{
id = "{_dashed(_identifier("lv" + volume.name))}"
status = ["READ", "WRITE", "VISIBLE"]
flags = []
segment_count = 1
segment1 {{
start_extent = 0
extent_count = {volume.mib * MIB // EXTENT}
type = "striped"
stripe_count = 1
stripes = [
"pv0", {first}
]
}}
}}
"""


def _identifier(seed: str) -> str:
    total = sum(map(ord, seed))
    return "".join(_ALPHABET[(total * (place + 7) + place * place) % len(_ALPHABET)] for place in range(32))


def _dashed(identifier: str) -> str:
    cuts = (0, 6, 10, 14, 18, 22, 26, 32)
    return "-".join(identifier[start:end] for start, end in pairwise(cuts))


def _crc(data: bytes) -> int:
    value = _CRC_START
    for byte in data:
        value ^= byte
        value = (value >> 4) ^ _CRC_TABLE[value & 15]
        value = (value >> 4) ^ _CRC_TABLE[value & 15]
    return value & 0xFFFFFFFF
