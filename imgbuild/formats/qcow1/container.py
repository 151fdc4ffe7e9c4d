"""Open a QCOW of version 1: its header and tables in, a :class:`Container` out."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.formats.base import Container
from imgbuild.formats.clusters import Layout, check_clusters
from imgbuild.formats.served import SECTOR, checked_size, quoted, served
from imgbuild.readers import problem, read_clipped
from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# Header, 48 bytes, big-endian
#
#  off   hex  size  field
#    0  0x00     4  magic "QFI\xfb"
#    4  0x04     4  version 1
#    8  0x08     8  backing_file_offset, 0 without
#   16  0x10     4  backing_file_size
#   20  0x14     4  mtime
#   24  0x18     8  size of the disk in bytes
#   32  0x20     1  cluster_bits, 9 to 16
#   33  0x21     1  l2_bits, 6 to 13: the entries of an L2 table
#   34  0x22     2  padding
#   36  0x24     4  crypt_method: 0 none, 1 AES
#   40  0x28     8  l1_table_offset
# Table entries, 8 bytes: 0 not allocated, else the offset of a table or a cluster. L2: bit 63 compressed; the offset is
# in bits 0 to 62 - cluster_bits then, the length above it
_HEADER = struct.Struct(">4sIQIIQBBHIQ")
_FIELDS = {"backing_file_offset": (8, 8), "backing_file_size": (16, 4), "size": (24, 8), "cluster_bits": (32, 1),
           "l2_bits": (33, 1), "crypt_method": (36, 4), "l1_table_offset": (40, 8)}
_NAME_LIMIT = 1023
_CLUSTER_BITS = range(9, 17)
_L2_BITS = range(6, 14)
_ENTRY = 8
_COMPRESSED = 1 << 63


class Header(NamedTuple):
    """The fields of the header; ``size`` in bytes."""

    raw: bytes
    magic: bytes
    version: int
    backing_file_offset: int
    backing_file_size: int
    mtime: int
    size: int
    cluster_bits: int
    l2_bits: int
    padding: int
    crypt_method: int
    l1_table_offset: int

    @property
    def l1_entries(self) -> int:
        """The entries of the L1 table, which has no size field."""
        return ceil_div(self.size, 1 << self.cluster_bits + self.l2_bits)

    def complain(self, code: str, field: str, message: str) -> Problem:
        """Return a problem with ``field`` as its evidence."""
        start, length = _FIELDS[field]
        return problem(code, message, field=field, offset=start, raw=self.raw[start : start + length])

    def facts(self) -> dict[str, Any]:
        """Return the fields as they are shown."""
        return {name: value for name, value in self._asdict().items() if name not in ("raw", "magic", "padding")}


def open_qcow1(reader: Reader) -> Container:
    """Return the header's facts; raises BrokenImage when the header is cut or gives no size a disk can have."""
    raw = reader.read_at(0, _HEADER.size)
    header = Header(raw, *_HEADER.unpack(raw))
    checked_size(header.size, "size", 24, raw[24:32])
    problems = [*_obstacles(reader, header), *_fields(reader.size, header)]
    if not problems:
        problems += check_clusters(reader, _layout(header))
    if header.size % SECTOR:
        problems.append(header.complain("unaligned-size", "size", f"the virtual disk has {header.size} bytes; disks"
                                        " have a multiple of 512"))
    return served(Container("qcow", header.size, header.facts(), problems), "QCOW")


def _obstacles(reader: Reader, header: Header) -> Iterator[Problem]:
    if header.backing_file_offset:
        name = quoted(read_clipped(reader, header.backing_file_offset, min(header.backing_file_size, _NAME_LIMIT)))
        yield header.complain("backing-file", "backing_file_offset",
                              f"the disk is a delta over {name}; it cannot stand alone")
        if header.backing_file_size > _NAME_LIMIT:
            yield header.complain("header-invalid", "backing_file_size", f"backing_file_size is"
                                  f" {header.backing_file_size}; {_NAME_LIMIT} bytes is the longest name")
    if header.crypt_method == 1:
        yield header.complain("encrypted", "crypt_method", "crypt_method is 1 (AES); 0 is no encryption")
    elif header.crypt_method:
        yield header.complain("encrypted", "crypt_method", f"crypt_method is {header.crypt_method} (not known); 0 is no"
                              " encryption")


def _fields(file_size: int, header: Header) -> Iterator[Problem]:
    if header.cluster_bits not in _CLUSTER_BITS:
        yield header.complain("header-invalid", "cluster_bits", f"cluster_bits is {header.cluster_bits}; 9 to 16 are"
                              " good")
    elif header.l2_bits not in _L2_BITS:
        yield header.complain("header-invalid", "l2_bits", f"l2_bits is {header.l2_bits}; 6 to 13 are good")
    else:
        yield from _l1_table(file_size, header)


def _l1_table(file_size: int, header: Header) -> Iterator[Problem]:
    length = header.l1_entries * _ENTRY
    start, end = header.l1_table_offset, header.l1_table_offset + length
    if length > file_size:
        yield header.complain("table-too-large", "size", f"the L1 table would take {length} bytes; the file has"
                              f" {file_size}")
    elif start < _HEADER.size:
        yield header.complain("header-invalid", "l1_table_offset", f"l1_table_offset is {start}; the table stands after"
                              f" the header of {_HEADER.size} bytes")
    elif end > file_size:
        yield header.complain("truncated", "l1_table_offset", f"the L1 table is at {start} to {end}, but the file ends"
                              f" at {file_size}")


def _layout(header: Header) -> Layout:
    cluster_size = 1 << header.cluster_bits
    length_at = 63 - header.cluster_bits

    def extent(entry: int) -> tuple[int, int]:
        if entry & _COMPRESSED:
            return entry & (1 << length_at) - 1, entry >> length_at & cluster_size - 1
        return entry, cluster_size

    return Layout("big", header.l1_table_offset, header.l1_entries, 1 << header.l2_bits, cluster_size, SECTOR,
                  header.size, extent)
