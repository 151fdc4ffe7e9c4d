"""The structures of a VHD, 512 bytes of footer and 1024 bytes of dynamic disk header: bytes in, fields out.

"Virtual Hard Disk Image Format Specification", Microsoft, October 11, 2006 (offsets and names are its own).
https://www.microsoft.com/en-us/download/details.aspx?id=23850
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.formats.vhd.fields import (
    checksum,
    checksum_text,
    chs_size,
    name_text,
    shown,
    time_text,
    uuid_text,
    version_text,
)
from imgbuild.readers import problem

if TYPE_CHECKING:
    from imgbuild.model import Problem

# VHD footer, 512 bytes (511 before Virtual PC 2004), big-endian, last in the file; a copy comes first when the disk is
# dynamic or differencing. Section "Hard Disk Footer Format".
#
#  off   hex  size  field
#    0  0x00     8  cookie, always b"conectix"
#    8  0x08     4  features: bit 0 temporary, bit 1 always set
#   12  0x0c     4  file format version, major << 16 | minor: 1.0
#   16  0x10     8  data offset: of the dynamic disk header, all ones for fixed disks
#   24  0x18     4  time stamp, seconds since 2000-01-01T00:00:00Z
#   28  0x1c     4  creator application: "vpc ", "vs  ", "win ", "qemu", "qem2", "tap\0", ...
#   32  0x20     4  creator version
#   36  0x24     4  creator host OS: "Wi2k" or "Mac "
#   40  0x28     8  original size, bytes
#   48  0x30     8  current size, bytes
#   56  0x38     4  disk geometry: cylinders (2), heads (1), sectors per track (1)
#   60  0x3c     4  disk type: 2 fixed, 3 dynamic, 4 differencing
#   64  0x40     4  checksum: ones' complement of the sum of all other bytes
#   68  0x44    16  unique ID
#   84  0x54     1  saved state
#   85  0x55   427  reserved, zero
FOOTER = struct.Struct(">8sIIQI4sI4sQQHBBII16sB")
FOOTER_FIELDS = {"features": (8, 4), "file_format_version": (12, 4), "data_offset": (16, 8), "time_stamp": (24, 4),
                 "creator_application": (28, 4), "creator_version": (32, 4), "creator_host_os": (36, 4),
                 "original_size": (40, 8), "current_size": (48, 8), "disk_geometry": (56, 4), "disk_type": (60, 4),
                 "checksum": (64, 4), "unique_id": (68, 16), "saved_state": (84, 1)}

# Dynamic disk header, 1024 bytes, big-endian, where the footer's data offset points. Section "Dynamic Disk Header
# Format".
#
#  off   hex  size  field
#    0  0x00     8  cookie, always b"cxsparse"
#    8  0x08     8  data offset, unused, all ones
#   16  0x10     8  table offset: of the block allocation table
#   24  0x18     4  header version: 1.0
#   28  0x1c     4  max table entries
#   32  0x20     4  block size, bytes, a power of two, without the sector bitmap
#   36  0x24     4  checksum
#   40  0x28    16  parent unique ID
#   56  0x38     4  parent time stamp
#   60  0x3c     4  reserved
#   64  0x40   512  parent unicode name, UTF-16 big-endian
#  576 0x240   192  eight parent locator entries
#  768 0x300   256  reserved, zero
DYNAMIC = struct.Struct(">8sQQIIII16sI4x512s")
DYNAMIC_SIZE = 1024
DYNAMIC_COOKIE = b"cxsparse"
DYNAMIC_CHECKSUM_AT = 36
DYNAMIC_FIELDS = {"cookie": (0, 8), "table_offset": (16, 8), "header_version": (24, 4), "max_table_entries": (28, 4),
                  "block_size": (32, 4), "checksum": (36, 4), "parent_unique_id": (40, 16),
                  "parent_time_stamp": (56, 4), "parent_unicode_name": (64, 512)}

FIXED, DYNAMIC_DISK, DIFFERENCING = 2, 3, 4
_TYPES = {FIXED: "fixed", DYNAMIC_DISK: "dynamic", DIFFERENCING: "differencing"}
_NO_OFFSET = (1 << 64) - 1
VERSION_1 = 1


class Footer(NamedTuple):
    """A footer as it stands in the file at byte ``at``; sizes in bytes."""

    at: int
    raw: bytes
    features: int
    file_format_version: int
    data_offset: int
    time_stamp: int
    creator_application: bytes
    creator_version: int
    creator_host_os: bytes
    original_size: int
    current_size: int
    cylinders: int
    heads: int
    sectors_per_track: int
    disk_type: int
    checksum: int
    unique_id: bytes
    saved_state: int

    @property
    def chs_size(self) -> int | None:
        """The size in bytes that the geometry gives, ``None`` where it gives none."""
        return chs_size(self.cylinders, self.heads, self.sectors_per_track)

    @property
    def intact(self) -> bool:
        """Whether the checksum is right."""
        return checksum(self.raw) == self.checksum

    def complain(self, code: str, message: str, field: str) -> Problem:
        """Return a problem with ``field`` as its evidence."""
        start, length = FOOTER_FIELDS[field]
        return problem(code, message, field=field, offset=self.at + start, raw=self.raw[start : start + length])

    def facts(self) -> dict[str, Any]:
        """Return the fields as they are shown; those that are not set are ``None``."""
        return {
            "features": self.features,
            "file_format_version": version_text(self.file_format_version),
            "data_offset": None if self.data_offset == _NO_OFFSET else self.data_offset,
            "time_stamp": time_text(self.time_stamp),
            "creator_application": name_text(self.creator_application),
            "creator_version": version_text(self.creator_version),
            "creator_host_os": name_text(self.creator_host_os),
            "original_size": self.original_size,
            "current_size": self.current_size,
            "disk_geometry": {"cylinders": self.cylinders, "heads": self.heads,
                              "sectors_per_track": self.sectors_per_track},
            "chs_size": self.chs_size,
            "disk_type": _TYPES.get(self.disk_type, f"unknown ({self.disk_type})"),
            "checksum": checksum_text(self.checksum),
            "unique_id": uuid_text(self.unique_id),
            "saved_state": self.saved_state,
        }


class DynamicHeader(NamedTuple):
    """A dynamic disk header as it stands in the file at byte ``at``; ``block_size`` in bytes."""

    at: int
    raw: bytes
    cookie: bytes
    table_offset: int
    header_version: int
    max_table_entries: int
    block_size: int
    checksum: int
    parent_unique_id: bytes
    parent_time_stamp: int
    parent_name: bytes

    @property
    def intact(self) -> bool:
        """Whether the checksum is right."""
        return checksum(self.raw, DYNAMIC_CHECKSUM_AT) == self.checksum

    @property
    def parent_unicode_name(self) -> str:
        """The file name of the parent, as the image has it: quote it before it is shown."""
        return self.parent_name.decode("utf-16-be", errors="replace").partition("\0")[0]

    def complain(self, code: str, message: str, field: str) -> Problem:
        """Return a problem with ``field`` as its evidence."""
        start, length = DYNAMIC_FIELDS[field]
        return problem(code, message, field=field, offset=self.at + start, raw=self.raw[start : start + length])

    def facts(self) -> dict[str, Any]:
        """Return the fields as they are shown."""
        return {
            "table_offset": self.table_offset,
            "header_version": version_text(self.header_version),
            "max_table_entries": self.max_table_entries,
            "block_size": self.block_size,
            "checksum": checksum_text(self.checksum),
            "parent_unique_id": uuid_text(self.parent_unique_id),
            "parent_time_stamp": time_text(self.parent_time_stamp),
            "parent_unicode_name": shown(self.parent_unicode_name),
        }


def parse_footer(raw: bytes, at: int) -> Footer:
    """Return the fields of a footer; ``raw`` is 511 or 512 bytes that stand at byte ``at`` of the file."""
    _, *fields = FOOTER.unpack_from(raw)
    return Footer(at, raw, *fields)


def parse_dynamic(raw: bytes, at: int) -> DynamicHeader:
    """Return the fields of a dynamic disk header; ``raw`` is 1024 bytes that stand at byte ``at`` of the file."""
    cookie, _, *fields = DYNAMIC.unpack_from(raw)
    return DynamicHeader(at, raw, cookie, *fields)
