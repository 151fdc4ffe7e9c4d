"""The header of a VDI: the first bytes of a file in, :class:`Header` out. Nothing is judged here.

"VDI file format" (VirtualBox forum, 2008), https://forums.virtualbox.org/viewtopic.php?t=8046, and the header of
block/vdi.c of qemu, whose names are used.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.formats.vhd.fields import uuid_text
from imgbuild.readers import problem, quoted
from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# Pre-header and header version 1.1, little-endian
#
#  off   hex  size  field
#    0  0x00    64  text, free
#   64  0x40     4  signature 0xbeda107f
#   68  0x44     4  version 0x00010001
#   72  0x48     4  header_size
#   76  0x4c     4  image_type: 1 dynamic, 2 static, 3 undo, 4 differencing
#   80  0x50     4  image_flags
#   84  0x54   256  description, free
#  340 0x154     4  offset_bmap
#  344 0x158     4  offset_data
#  348 0x15c     4  cylinders · 352 heads · 356 sectors
#  360 0x168     4  sector_size, 512
#  364 0x16c     4  unused
#  368 0x170     8  disk_size in bytes
#  376 0x178     4  block_size in bytes, usually 1 MiB
#  380 0x17c     4  block_extra: bytes in front of each block
#  384 0x180     4  blocks_in_image
#  388 0x184     4  blocks_allocated
#  392 0x188    16  uuid_image · 408 uuid_last_snap · 424 uuid_link · 440 uuid_parent
#
# Block map: blocks_in_image numbers of 32 bits, the number of a block behind offset_data, or one of two marks

_HEADER = struct.Struct("<64s4sIIII256sIIIIII4xQIIII16s16s16s16s")
_FIELDS = {"version": (68, 4), "image_type": (76, 4), "offset_bmap": (340, 4), "offset_data": (344, 4),
           "sector_size": (360, 4), "disk_size": (368, 8), "block_size": (376, 4), "block_extra": (380, 4),
           "blocks_in_image": (384, 4), "blocks_allocated": (388, 4), "uuid_link": (424, 16), "uuid_parent": (440, 16)}
VERSION = 0x00010001
TYPES = {1: "dynamic", 2: "static", 3: "undo", 4: "differencing"}
SECTOR = 512
DISCARDED = 0xFFFFFFFE
UNALLOCATED = 0xFFFFFFFF
"""These numbers are no blocks: the first one reads as zeros, the second one is the parent's."""


class Header(msgspec.Struct, frozen=True):
    """A header with the names of its fields; ``raw`` are its bytes."""

    raw: bytes
    text: bytes
    version: int
    header_size: int
    image_type: int
    image_flags: int
    description: bytes
    offset_bmap: int
    offset_data: int
    cylinders: int
    heads: int
    sectors: int
    sector_size: int
    disk_size: int
    block_size: int
    block_extra: int
    blocks_in_image: int
    blocks_allocated: int
    uuid_image: bytes
    uuid_last_snap: bytes
    uuid_link: bytes
    uuid_parent: bytes

    @property
    def size(self) -> int:
        """The size of the disk in bytes, in whole sectors."""
        return ceil_div(self.disk_size, SECTOR) * SECTOR

    @property
    def blocks(self) -> int:
        """How many blocks the disk needs."""
        return ceil_div(self.size, self.block_size)

    def problem(self, code: str, field: str, message: str) -> Problem:
        """Return a problem with ``field`` as its evidence."""
        start, length = _FIELDS[field]
        return problem(code, message, field=field, offset=start, raw=self.raw[start : start + length])

    def facts(self) -> dict[str, Any]:
        """Return the fields as they are shown."""
        numbers = ("header_size", "image_flags", "offset_bmap", "offset_data", "sector_size", "disk_size", "block_size",
                   "block_extra", "blocks_in_image", "blocks_allocated")
        return {"text": _shown(self.text), "version": f"{self.version >> 16}.{self.version & 0xFFFF}",
                "image_type": TYPES.get(self.image_type, str(self.image_type)),
                **{name: getattr(self, name) for name in numbers},
                **{name: uuid(getattr(self, name))
                   for name in ("uuid_image", "uuid_last_snap", "uuid_link", "uuid_parent")}}


def _shown(raw: bytes) -> str:
    return quoted(raw.partition(b"\0")[0].rstrip().decode("latin-1"))[1:-1]


def uuid(raw: bytes) -> str | None:
    """Return an UUID as VirtualBox shows it, its first three numbers little-endian; ``None`` where there is none."""
    return uuid_text(raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]) if any(raw) else None


def read_header(reader: Reader) -> Header:
    """Return the header; raises BrokenImage ``truncated`` where the file ends inside it."""
    raw = reader.read_at(0, _HEADER.size)
    text, _signature, *fields = _HEADER.unpack(raw)
    return Header(raw, text, *fields)
