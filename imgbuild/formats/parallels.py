"""Parallels' expandable disk (.hds, .hdd): header facts; the content is not read.

Document: "Parallels Expandable Image File Format", https://www.qemu.org/docs/master/interop/parallels.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgbuild.formats.base import Container, Format, Probe
from imgbuild.formats.unread import checked_size, content_unread
from imgbuild.readers import problem

if TYPE_CHECKING:
    from imgbuild.readers import Reader

# Header, 64 bytes, little-endian
#
#  off   hex  size  field
#    0  0x00    16  magic "WithoutFreeSpace" or "WithouFreSpacExt"
#   16  0x10     4  version 2
#   20  0x14     4  heads · 24 cylinders
#   28  0x1c     4  tracks: cluster size in sectors
#   32  0x20     4  nb_bat_entries
#   36  0x24     8  nb_sectors: disk size in sectors; the older magic uses the lowest 4 bytes
#   44  0x2c     4  in_use: 0x746f6e59 while a program has it open
#   48  0x30     4  data_off in sectors · 52 flags · 56 ext_off

_HEADER = struct.Struct("<16sIIIIIQIIIQ")
_SECTOR = 512
_OLD = b"WithoutFreeSpace"
_EXTENDED = b"WithouFreSpacExt"
_IN_USE = 0x746F6E59


def matches(probe: Probe) -> bool:
    """Say whether the file begins with one of the two magics."""
    return probe.head.startswith((_OLD, _EXTENDED))


def open_parallels(reader: Reader) -> Container:
    """Return the header's facts; raises BrokenImage when the header is cut or gives no size a disk can have."""
    raw = reader.read_at(0, _HEADER.size)
    magic, version, heads, cylinders, tracks, entries, sectors, in_use, data_off, flags, _ext = _HEADER.unpack(raw)
    size = (sectors & 0xFFFFFFFF if magic == _OLD else sectors) * _SECTOR
    checked_size(size, "nb_sectors", 36, raw[36:44])
    header = {"magic": magic.decode("ascii", "replace"), "version": version, "heads": heads, "cylinders": cylinders,
              "tracks": tracks, "nb_bat_entries": entries, "nb_sectors": sectors, "in_use": in_use == _IN_USE,
              "data_off": data_off, "flags": flags}
    problems = [content_unread("Parallels disk")]
    if in_use == _IN_USE:
        problems.insert(0, problem("needs-check", "the image was not closed: its tables need a check;"
                                                  " 'qemu-img check -f parallels -r all FILE' makes one",
                                   field="in_use", offset=44, raw=raw[44:48]))
    return Container("parallels", size, header, problems, readable=False)


FORMAT = Format("parallels", "Parallels disk", ("hds", "hdd"), matches, open_parallels)
