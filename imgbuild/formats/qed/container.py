"""Open a QED disk: its header and tables in, a :class:`Container` out."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.formats.base import Container
from imgbuild.formats.clusters import Layout, check_clusters
from imgbuild.formats.served import SECTOR, checked_size, quoted, served
from imgbuild.readers import problem, read_clipped
from imgbuild.sizes import KIB, MIB, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# Header, 64 bytes, little-endian
#
#  off   hex  size  field
#    0  0x00     4  magic "QED\0"
#    4  0x04     4  cluster_size in bytes, a power of two from 4 KiB to 64 MiB
#    8  0x08     4  table_size in clusters, 1, 2, 4, 8 or 16: of the L1 table and of each L2 table
#   12  0x0c     4  header_size in clusters
#   16  0x10     8  features: bit 0 backing file, bit 1 needs a check, bit 2 the backing file is raw
#   24  0x18     8  compat_features
#   32  0x20     8  autoclear_features
#   40  0x28     8  l1_table_offset
#   48  0x30     8  image_size: the disk in bytes, whole sectors
#   56  0x38     4  backing_filename_offset
#   60  0x3c     4  backing_filename_size
# Table entries, 8 bytes: 0 not allocated, 1 (L2) zeros, else the offset of a table or a cluster
_HEADER = struct.Struct("<4sIIIQQQQQII")
_FIELDS = {"cluster_size": (4, 4), "table_size": (8, 4), "header_size": (12, 4), "features": (16, 8),
           "l1_table_offset": (40, 8), "image_size": (48, 8), "backing_filename_offset": (56, 4),
           "backing_filename_size": (60, 4)}
_BACKING_FILE, _NEED_CHECK, _BACKING_FORMAT_NO_PROBE = 1 << 0, 1 << 1, 1 << 2
_KNOWN = _BACKING_FILE | _NEED_CHECK | _BACKING_FORMAT_NO_PROBE
_NAME_LIMIT = 1023
_MIN_CLUSTER, _MAX_CLUSTER, _MAX_TABLE = 4 * KIB, 64 * MIB, 16
_ENTRY = 8
_ZERO_CLUSTER = 1


class Header(NamedTuple):
    """The fields of the header; sizes and offsets in bytes unless said otherwise above."""

    raw: bytes
    magic: bytes
    cluster_size: int
    table_size: int
    header_size: int
    features: int
    compat_features: int
    autoclear_features: int
    l1_table_offset: int
    image_size: int
    backing_filename_offset: int
    backing_filename_size: int

    @property
    def table_bytes(self) -> int:
        """The bytes of a table."""
        return self.table_size * self.cluster_size

    @property
    def most(self) -> int:
        """The bytes of the largest disk that the tables can map."""
        return (self.table_bytes // _ENTRY) ** 2 * self.cluster_size

    def complain(self, code: str, field: str, message: str) -> Problem:
        """Return a problem with ``field`` as its evidence."""
        start, length = _FIELDS[field]
        return problem(code, message, field=field, offset=start, raw=self.raw[start : start + length])

    def facts(self) -> dict[str, Any]:
        """Return the fields as they are shown."""
        return {name: value for name, value in self._asdict().items() if name not in ("raw", "magic")}


def open_qed(reader: Reader) -> Container:
    """Return the header's facts; raises BrokenImage when the header is cut or gives no size a disk can have."""
    raw = reader.read_at(0, _HEADER.size)
    header = Header(raw, *_HEADER.unpack(raw))
    checked_size(header.image_size, "image_size", 48, raw[48:56])
    problems = [*_references(reader, header), *_fields(reader.size, header)]
    if not problems:
        problems += check_clusters(reader, _layout(header))
    if header.features & _NEED_CHECK:
        problems.append(header.complain("needs-check", "features", "the image was not closed: its tables need a check;"
                                        " 'qemu-img check -f qed -r all FILE' makes one"))
    return served(Container("qed", header.image_size, header.facts(), problems), "QED")


def _references(reader: Reader, header: Header) -> Iterator[Problem]:
    if header.features & _BACKING_FILE:
        length = min(header.backing_filename_size, _NAME_LIMIT)
        name = quoted(read_clipped(reader, header.backing_filename_offset, length))
        yield header.complain("backing-file", "features", f"the disk is a delta over {name}; it cannot stand alone")
    unknown = [bit for bit in range(64) if (header.features & ~_KNOWN) >> bit & 1]
    if unknown:
        yield header.complain("unknown-feature", "features", "the image needs features that are not known: bits"
                              f" {', '.join(map(str, unknown))}; bits 0 to 2 are defined")


def _fields(file_size: int, header: Header) -> Iterator[Problem]:
    if not _is_power(header.cluster_size, _MIN_CLUSTER, _MAX_CLUSTER):
        yield header.complain("header-invalid", "cluster_size", f"cluster_size is {header.cluster_size}; a power of two"
                              f" from {human_size(_MIN_CLUSTER)} to {human_size(_MAX_CLUSTER)} is good")
    elif not _is_power(header.table_size, 1, _MAX_TABLE):
        yield header.complain("header-invalid", "table_size", f"table_size is {header.table_size} clusters; 1, 2, 4, 8"
                              " or 16 are good")
    else:
        yield from _places(file_size, header)


def _is_power(value: int, least: int, most: int) -> bool:
    return least <= value <= most and value & (value - 1) == 0


def _places(file_size: int, header: Header) -> Iterator[Problem]:
    start, end = header.l1_table_offset, header.l1_table_offset + header.table_bytes
    header_end = header.header_size * header.cluster_size
    if not header.header_size:
        yield header.complain("header-invalid", "header_size", "header_size is 0 clusters; 1 or more are good")
    elif header_end > file_size:
        yield header.complain("truncated", "header_size", f"the header ends at byte {header_end}, but the file at"
                              f" {file_size}")
    elif header.table_bytes > file_size:
        yield header.complain("table-too-large", "table_size", f"the L1 table would take {header.table_bytes} bytes;"
                              f" the file has {file_size}")
    elif start % header.cluster_size or start < header_end:
        yield header.complain("table-misplaced", "l1_table_offset", f"l1_table_offset is {start}; a multiple of the"
                              f" cluster size {header.cluster_size}, after the header, is needed")
    elif end > file_size:
        yield header.complain("truncated", "l1_table_offset", f"the L1 table is at {start} to {end}, but the file ends"
                              f" at {file_size}")
    if header.image_size % SECTOR:
        yield header.complain("header-invalid", "image_size", f"the disk has {header.image_size} bytes; a QED has whole"
                              " sectors of 512 bytes")
    elif header.image_size > header.most:
        yield header.complain("table-too-small", "image_size", f"the disk has {header.image_size} bytes, but tables"
                              f" of {header.table_bytes} bytes map {header.most} at most")


def _layout(header: Header) -> Layout:
    def extent(entry: int) -> tuple[int, int]:
        return (0, 0) if entry == _ZERO_CLUSTER else (entry, header.cluster_size)

    entries = header.table_bytes // _ENTRY
    return Layout("little", header.l1_table_offset, entries, entries, header.cluster_size, header.cluster_size,
                  header.image_size, extent)
