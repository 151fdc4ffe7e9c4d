"""The headers of VMDK extents: bytes in, fields by their names in the standard out.

Three kinds of sparse extent exist: "KDMV" (hosted products, streamOptimized), "COWD" (ESX before VMFS 6), and seSparse
(ESX since), which is not documented and therefore only named.

"VMware Virtual Disk Format 1.1", VMware, 2007, sections "Hosted Sparse Extents", "Stream-Optimized Compressed Sparse
Extents", "ESX Server Sparse Extents"; with what practice adds:
https://github.com/libyal/libvmdk/blob/main/documentation/VMWare%20Virtual%20Disk%20Format%20(VMDK).asciidoc
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.formats.vmdk import SPARSE_MAGIC
from imgbuild.formats.vmdk.descriptor import SECTOR
from imgbuild.readers import BrokenImage, problem, read_clipped
from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# Hosted sparse extent header, 512 bytes, little-endian; all offsets and sizes in sectors of 512 bytes
#
#  off   hex  size  field
#    0  0x00     4  magicNumber "KDMV"
#    4  0x04     4  version 1 to 3
#    8  0x08     4  flags; bit 0: check bytes, 1: redundant tables, 2: zeroed grains, 16: compressed, 17: markers
#   12  0x0c     8  capacity
#   20  0x14     8  grainSize
#   28  0x1c     8  descriptorOffset
#   36  0x24     8  descriptorSize
#   44  0x2c     4  numGTEsPerGT
#   48  0x30     8  rgdOffset
#   56  0x38     8  gdOffset; 2**64 - 1: the footer has it
#   64  0x40     8  overHead
#   72  0x48     1  uncleanShutdown
#   73  0x49     4  singleEndLineChar, nonEndLineChar, doubleEndLineChar1, doubleEndLineChar2
#   77  0x4d     2  compressAlgorithm: 0 none, 1 deflate
#
# A streamOptimized file ends with three sectors: a marker of type 3, the footer, which is such a header, and a marker
# of type 0. A marker: 0 value (8), 8 size (4, 0), 12 type (4).

KDMV = struct.Struct("<4sIIQQQQIQQQB4sH")
AT_END = (1 << 64) - 1
DEFLATE = 1
CHECK_BYTES = b"\n \r\n"
_FIELDS = {"version": (4, 4), "flags": (8, 4), "capacity": (12, 8), "grainSize": (20, 8), "descriptorOffset": (28, 8),
           "descriptorSize": (36, 8), "numGTEsPerGT": (44, 4), "rgdOffset": (48, 8), "gdOffset": (56, 8),
           "overHead": (64, 8), "uncleanShutdown": (72, 1), "singleEndLineChar": (73, 4), "compressAlgorithm": (77, 2)}
_MARKER = struct.Struct("<QII")
_FOOTER_MARKER, _END_MARKER = 3, 0


class Flags:
    """Bits of the flags."""

    CHECK_BYTES = 1 << 0
    REDUNDANT = 1 << 1
    ZEROED_GRAINS = 1 << 2
    COMPRESSED = 1 << 16
    MARKERS = 1 << 17


class Header(msgspec.Struct, frozen=True):
    """A hosted sparse extent header, or a footer, as it stands at byte ``at`` of its file."""

    at: int
    raw: bytes
    version: int
    flags: int
    capacity: int
    grain_size: int
    descriptor_offset: int
    descriptor_size: int
    num_gtes_per_gt: int
    rgd_offset: int
    gd_offset: int
    over_head: int
    unclean_shutdown: int
    check_bytes: bytes
    compress_algorithm: int

    @property
    def compressed(self) -> bool:
        """Whether the grains are compressed."""
        return self.compress_algorithm == DEFLATE

    @property
    def directory_entries(self) -> int:
        """The entries of the grain directory that the capacity needs."""
        return ceil_div(self.capacity, self.grain_size * self.num_gtes_per_gt)

    def problem(self, code: str, field: str, message: str) -> Problem:
        """Return a problem with ``field`` as its evidence."""
        start, length = _FIELDS[field]
        return problem(code, message, field=field, offset=self.at + start, raw=self.raw[start : start + length])

    def facts(self) -> dict[str, Any]:
        """Return the fields by their names in the standard."""
        return {"version": self.version, "flags": self.flags, "capacity": self.capacity, "grainSize": self.grain_size,
                "descriptorOffset": self.descriptor_offset, "descriptorSize": self.descriptor_size,
                "numGTEsPerGT": self.num_gtes_per_gt, "rgdOffset": self.rgd_offset,
                "gdOffset": None if self.gd_offset == AT_END else self.gd_offset, "overHead": self.over_head,
                "uncleanShutdown": bool(self.unclean_shutdown), "compressAlgorithm": self.compress_algorithm}


def read_header(file: Reader, at: int = 0) -> Header:
    """Return the header that stands at byte ``at``; raises BrokenImage ``truncated`` where the file ends inside it."""
    raw = file.read_at(at, KDMV.size)
    _magic, *fields = KDMV.unpack(raw)
    return Header(at, raw, *fields)


def read_footer(file: Reader, header: Header) -> Header:
    """Return the footer, which has the last word wherever ``header`` says that there is one.

    Raises:
        BrokenImage: The file does not end with a footer (``truncated``).
    """
    at = ceil_div(file.size, SECTOR) * SECTOR - 3 * SECTOR
    sectors = read_clipped(file, at, 3 * SECTOR).ljust(3 * SECTOR, b"\0") if at > 0 else bytes(3 * SECTOR)
    first, last = _MARKER.unpack_from(sectors), _MARKER.unpack_from(sectors, 2 * SECTOR)
    if first[1:] != (0, _FOOTER_MARKER) or last != (0, 0, _END_MARKER) or sectors[SECTOR:][:4] != SPARSE_MAGIC:
        raise BrokenImage(header.problem("truncated", "gdOffset", "gdOffset says that the file ends with a footer, but"
                                         " it does not: it was cut off, or something was put behind it"))
    return read_header(file, at + SECTOR)


# ESX Server sparse extent header, 2048 bytes, little-endian; offsets and sizes in sectors
#
#  off   hex  size  field
#    0  0x00     4  magicNumber "COWD"
#    4  0x04     4  version 1
#    8  0x08     4  flags
#   12  0x0c     4  numSectors
#   16  0x10     4  grainSize
#   20  0x14     4  gdOffset
#   24  0x18     4  numGDEntries
#   28  0x1c     4  freeSector
#   32  0x20     4  cylinders · 36 heads · 40 sectors, of a disk without a parent

_COWD = struct.Struct("<4s10I")
_COWD_FIELDS = ("version", "flags", "numSectors", "grainSize", "gdOffset", "numGDEntries", "freeSector", "cylinders",
                "heads", "sectors")
COWD_TABLE_ENTRIES = 4096


def read_cowd(file: Reader) -> dict[str, int]:
    """Return the fields of an ESX Server sparse extent; raises BrokenImage ``truncated`` where the file ends inside."""
    return dict(zip(_COWD_FIELDS, _COWD.unpack(file.read_at(0, _COWD.size))[1:], strict=True))


# seSparse constant header, 512 bytes, little-endian numbers of 64 bits, as block/vmdk.c of qemu has them:
# magic, version, capacity, grain size, grain table size, flags

_SE = struct.Struct("<6Q")
_SE_FIELDS = ("version", "capacity", "grainSize", "grainTableSize", "flags")


def read_se(file: Reader) -> dict[str, int]:
    """Return the first fields of a seSparse extent; raises BrokenImage ``truncated`` where the file ends inside."""
    return dict(zip(_SE_FIELDS, _SE.unpack(file.read_at(0, _SE.size))[1:], strict=True))
