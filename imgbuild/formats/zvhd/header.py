"""The header page of ZVHD and ZVHD2: 512 bytes in, fields and objections out.

Both are the vendor's compressed stream formats. No specification is published; the layout is that of the vendor's
public block driver (src/zvhd.c and src/zvhd2.c of https://github.com/huaweicloud/ims-qemu-img), which took the first
88 bytes over from VHD and turned them little-endian.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.formats.vhd.fields import (
    SECTOR,
    checksum,
    checksum_text,
    name_text,
    time_text,
    uuid_text,
    version_text,
)
from imgbuild.readers import BrokenImage, Reader, broken, problem
from imgbuild.sizes import MIB, ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.model import Problem

# Header page of ZVHD and ZVHD2: 512 bytes, little-endian, zero up to 4096. ZVHD ends its fields at 87.
#
#  off   hex  size  field
#    0  0x00     8  cookie: b"stream\0\0" (ZVHD), b"z2strm\0\0" (ZVHD2); the driver compares 6 bytes
#    8  0x08     4  features: 2
#   12  0x0c     4  format version, major << 16 | minor: 1.0
#   16  0x10     8  data offset, unused, all ones
#   24  0x18     4  timestamp, seconds since 2000-01-01T00:00:00Z
#   28  0x1c     4  creator app: b"tap\0"
#   32  0x20     4  creator version: 1.4, older writers 1.3
#   36  0x24     4  creator OS
#   40  0x28     8  orig_size: size of the source in bytes
#   48  0x30     8  curr_size: size of the disk in bytes, which the writer rounds up to whole GiB
#   56  0x38     4  geometry: cylinders << 16 | heads << 8 | sectors
#   60  0x3c     4  disk type: 4
#   64  0x40     4  checksum: ones' complement of the sum of the 508 other bytes
#   68  0x44    16  uuid
#   84  0x54     1  saved
#   85  0x55     1  hidden
#   86  0x56     1  align_64
#   87  0x57     1  zvhd2_version: 1
#   88  0x58     4  block_size in bytes: 1 MiB to 32 MiB, a power of two
#   92  0x5c     4  max_blk_num: blocks that orig_size takes
#   96  0x60     8  index_lba: byte offset of the index
#  104  0x68     8  bitmap_lba: byte offset of the bitmap
#  112  0x70     4  index_size, bytes
#  116  0x74     4  bitmap_size, bytes
#  120  0x78     4  index_seg_size, bytes
#  124  0x7c     4  bitmap_seg_size, bytes
#  128  0x80     4  index_seg_num
#  132  0x84     4  bitmap_seg_num
#  136  0x88     4  non_zero_blk_num
#  140  0x8c     1  index_contains_zero_blk
#  141  0x8d     1  compress_method: 0 zlib, 1 zstd
#  142  0x8e   370  reserved, zero
_HEADER = struct.Struct("<8sIIQI4sIIQQIII16sBBBBIIQQIIIIIIIBB")
_FIELDS = {"cookie": (0, 8), "format_version": (12, 4), "orig_size": (40, 8), "curr_size": (48, 8), "checksum": (64, 4),
           "zvhd2_version": (87, 1), "block_size": (88, 4), "max_blk_num": (92, 4), "index_lba": (96, 8),
           "bitmap_lba": (104, 8), "index_size": (112, 4), "bitmap_size": (116, 4), "non_zero_blk_num": (136, 4),
           "compress_method": (141, 1)}
HEADER_SIZE = 512
PAGE = 4096
ZVHD_BLOCK = 2 * MIB
ZLIB, ZSTD = 0, 1
MAX_BLOCKS = 4 << 20
"""How many blocks a disk may have: 8 TiB in blocks of 2 MiB, eight times what the cloud takes."""

_HIDDEN_AT = 85
_SUM_WITHOUT_HIDDEN = (0x00000001, 0x00010001)
"""Versions 0.1 and 1.1 of the creator."""
_METHODS = {ZLIB: "zlib", ZSTD: "zstd"}
_IDENTITY = ((0, 64), (68, 96), (140, 142))
"""The bytes that the first header and the footer page have in common."""


class Header(NamedTuple):
    """A header as it stands in the file at byte ``at``; sizes and offsets in bytes."""

    at: int
    raw: bytes
    cookie: bytes
    features: int
    format_version: int
    data_offset: int
    timestamp: int
    creator_app: bytes
    creator_version: int
    creator_os: int
    orig_size: int
    curr_size: int
    geometry: int
    disk_type: int
    checksum: int
    uuid: bytes
    saved: int
    hidden: int
    align_64: int
    zvhd2_version: int
    block_size: int
    max_blk_num: int
    index_lba: int
    bitmap_lba: int
    index_size: int
    bitmap_size: int
    index_seg_size: int
    bitmap_seg_size: int
    index_seg_num: int
    bitmap_seg_num: int
    non_zero_blk_num: int
    index_contains_zero_blk: int
    compress_method: int

    def complain(self, code: str, message: str, field: str) -> Problem:
        """Return a problem with ``field`` as its evidence."""
        start, length = _FIELDS[field]
        return problem(code, message, field=field, offset=self.at + start, raw=self.raw[start : start + length])

    def facts(self) -> dict[str, Any]:
        """Return the fields that both formats have, as they are shown."""
        return {
            "features": self.features,
            "format_version": version_text(self.format_version),
            "timestamp": time_text(self.timestamp),
            "creator_app": name_text(self.creator_app),
            "creator_version": version_text(self.creator_version),
            "creator_os": self.creator_os,
            "orig_size": self.orig_size,
            "curr_size": self.curr_size,
            "geometry": {"cylinders": self.geometry >> 16, "heads": self.geometry >> 8 & 0xFF,
                         "sectors": self.geometry & 0xFF},
            "disk_type": self.disk_type,
            "checksum": checksum_text(self.checksum),
            "uuid": uuid_text(self.uuid),
            "saved": self.saved,
            "hidden": self.hidden,
            "align_64": self.align_64,
        }

    def block_facts(self) -> dict[str, Any]:
        """Return the fields that only ZVHD2 has, as they are shown."""
        names = ("zvhd2_version", "block_size", "max_blk_num", "index_lba", "bitmap_lba", "index_size", "bitmap_size",
                 "index_seg_size", "bitmap_seg_size", "index_seg_num", "bitmap_seg_num", "non_zero_blk_num",
                 "index_contains_zero_blk")
        method = _METHODS.get(self.compress_method, f"unknown ({self.compress_method})")
        return {**{name: getattr(self, name) for name in names}, "compress_method": method}


def read_header(reader: Reader, at: int) -> Header:
    """Return the header at byte ``at``; raises BrokenImage ``truncated`` where the file ends before."""
    raw = reader.read_at(at, HEADER_SIZE)
    return Header(at, raw, *_HEADER.unpack_from(raw))


def check_sum(header: Header) -> Iterator[Problem]:
    """Yield a problem where the checksum is wrong.

    One exception is the driver's: writers 0.1 and 1.1 took the sum before they set ``hidden``.
    """
    right = checksum(header.raw)
    if header.checksum == right:
        return
    old = header.creator_app.startswith(b"tap") and header.creator_version in _SUM_WITHOUT_HIDDEN
    if old and header.checksum == checksum(header.raw[:_HIDDEN_AT] + b"\0" + header.raw[_HIDDEN_AT + 1 :]):
        return
    message = f"the checksum of the header is {checksum_text(header.checksum)}, but its bytes give"
    yield header.complain("checksum-mismatch", f"{message} {checksum_text(right)}", "checksum")


def check_sizes(header: Header, block_size: int) -> int:
    """Return the number of blocks that the source takes.

    Raises:
        BrokenImage: The version is unknown (``zvhd-version``), the sizes contradict each other (``zvhd-size``), or the
            disk has more blocks than a disk can have (``table-too-large``).
    """
    if header.format_version >> 16 != 1:
        message = f"the format version is {version_text(header.format_version)}, but only 1.x is known"
        raise BrokenImage(header.complain("zvhd-version", message, "format_version"))
    if not 0 < header.orig_size <= header.curr_size or header.curr_size % SECTOR:
        message = f"the disk has {header.curr_size} bytes for a source of {header.orig_size}, but it must have"
        raise BrokenImage(header.complain("zvhd-size", f"{message} room for it in whole sectors", "curr_size"))
    blocks = ceil_div(header.orig_size, block_size)
    if blocks > MAX_BLOCKS:
        message = f"a source of {header.orig_size} bytes has {blocks} blocks, but at most {MAX_BLOCKS} are read"
        raise BrokenImage(header.complain("table-too-large", message, "orig_size"))
    return blocks


def compare(first: Header, last: Header) -> Iterator[Problem]:
    """Yield a problem where the first header and the one at the end do not describe the same disk."""
    if any(first.raw[start:end] != last.raw[start:end] for start, end in _IDENTITY):
        message = "the header at the start and the one at the end differ: the file is put together from two images"
        yield problem("zvhd-headers-differ", message, field="header", offset=last.at, raw=last.raw[:32])


def cut_off(size: int, what: str) -> BrokenImage:
    """Return the objection to a file of ``size`` bytes in which ``what`` is missing at the end."""
    return broken("truncated", f"the file ends at {size} without {what}: the conversion or upload that wrote it was"
                               " most likely broken off", offset=size)
