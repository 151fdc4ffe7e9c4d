"""QCOW version 1, the forerunner of qcow2: header facts; the content is not read.

Document: "QEMU Copy-On-Write file format",
https://github.com/libyal/libqcow/blob/main/documentation/QEMU%20Copy-On-Write%20file%20format.asciidoc
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgbuild.formats.base import Container, Format, Probe
from imgbuild.formats.unread import checked_size, content_unread
from imgbuild.readers import problem, read_clipped

if TYPE_CHECKING:
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
#   32  0x20     1  cluster_bits · 33 l2_bits
#   36  0x24     4  crypt_method: 0 none, 1 AES
#   40  0x28     8  l1_table_offset

_HEADER = struct.Struct(">4sIQIIQBBxxIQ")
_NAME_LIMIT = 1023


def matches(probe: Probe) -> bool:
    """Say whether the file begins as a QCOW of version 1; other versions are the matter of qcow2."""
    return probe.at(0, 8) == b"QFI\xfb\0\0\0\x01"


def open_qcow1(reader: Reader) -> Container:
    """Return the header's facts; raises BrokenImage when the header is cut or gives no size a disk can have."""
    raw = reader.read_at(0, _HEADER.size)
    _magic, version, name_offset, name_size, _mtime, size, cluster_bits, l2_bits, crypt, l1 = _HEADER.unpack(raw)
    checked_size(size, "size", 24, raw[24:32])
    header = {"version": version, "backing_file_offset": name_offset, "backing_file_size": name_size, "size": size,
              "cluster_bits": cluster_bits, "l2_bits": l2_bits, "crypt_method": crypt, "l1_table_offset": l1}
    problems = [*_references(reader, raw, name_offset, name_size), content_unread("QCOW")]
    if crypt:
        problems.insert(0, problem("encrypted", f"the disk is encrypted (crypt_method {crypt}); an image must be plain",
                                   field="crypt_method", offset=36, raw=raw[36:40]))
    return Container("qcow", size, header, problems, readable=False)


def _references(reader: Reader, raw: bytes, offset: int, size: int) -> list[Problem]:
    if offset == 0:
        return []
    name = read_clipped(reader, offset, min(size, _NAME_LIMIT)).decode("utf-8", "replace")
    return [problem("backing-file", f"the disk is a delta over {name!r}; it cannot stand alone",
                    field="backing_file_offset", offset=8, raw=raw[8:16])]


FORMAT = Format("qcow", "QCOW version 1", ("qcow",), matches, open_qcow1)
