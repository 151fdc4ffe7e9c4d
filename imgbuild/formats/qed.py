"""QED, QEMU's enhanced disk: header facts; the content is not read.

Document: "QED Image File Format Specification", https://www.qemu.org/docs/master/interop/qed_spec.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgbuild.formats.base import Container, Format, Probe
from imgbuild.formats.unread import checked_size, content_unread
from imgbuild.readers import problem, read_clipped

if TYPE_CHECKING:
    from imgbuild.readers import Reader

# Header, 64 bytes, little-endian
#
#  off   hex  size  field
#    0  0x00     4  magic "QED\0"
#    4  0x04     4  cluster_size in bytes
#    8  0x08     4  table_size in clusters · 12 header_size in clusters
#   16  0x10     8  features: bit 0 backing file, bit 1 needs a check
#   24  0x18     8  compat_features · 32 autoclear_features
#   40  0x28     8  l1_table_offset
#   48  0x30     8  image_size: the disk in bytes
#   56  0x38     4  backing_filename_offset · 60 backing_filename_size

_HEADER = struct.Struct("<4sIIIQQQQQII")
_BACKING_FILE = 1
_NEED_CHECK = 2
_NAME_LIMIT = 1023


def matches(probe: Probe) -> bool:
    """Say whether the file begins as QED does."""
    return probe.head.startswith(b"QED\0")


def open_qed(reader: Reader) -> Container:
    """Return the header's facts; raises BrokenImage when the header is cut or gives no size a disk can have."""
    raw = reader.read_at(0, _HEADER.size)
    (_magic, cluster_size, table_size, header_size, features, compat, autoclear, l1, image_size, name_offset,
     name_size) = _HEADER.unpack(raw)
    checked_size(image_size, "image_size", 48, raw[48:56])
    header = {"cluster_size": cluster_size, "table_size": table_size, "header_size": header_size,
              "features": features, "compat_features": compat, "autoclear_features": autoclear,
              "l1_table_offset": l1, "image_size": image_size}
    problems = [content_unread("QED")]
    if features & _NEED_CHECK:
        problems.insert(0, problem("needs-check", "the image was not closed: its tables need a check;"
                                                  " 'qemu-img check -f qed -r all FILE' makes one",
                                   field="features", offset=16, raw=raw[16:24]))
    if features & _BACKING_FILE:
        name = read_clipped(reader, name_offset, min(name_size, _NAME_LIMIT)).decode("utf-8", "replace")
        problems.insert(0, problem("backing-file", f"the disk is a delta over {name!r}; it cannot stand alone",
                                   field="features", offset=16, raw=raw[16:24]))
    return Container("qed", image_size, header, problems, readable=False)


FORMAT = Format("qed", "QEMU enhanced disk (QED)", ("qed",), matches, open_qed)
