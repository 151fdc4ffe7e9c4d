"""VDI, VirtualBox's disk image: header facts; the content is not read.

Document: "VDI file format" (VirtualBox forum, 2008), https://forums.virtualbox.org/viewtopic.php?t=8046, and the
header of block/vdi.c of qemu.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgbuild.formats.base import Container, Format, Probe
from imgbuild.formats.unread import checked_size, content_unread
from imgbuild.readers import problem

if TYPE_CHECKING:
    from imgbuild.readers import Reader

# Pre-header and header version 1.1, little-endian
#
#  off   hex  size  field
#    0  0x00    64  text, free
#   64  0x40     4  signature 0xbeda107f
#   68  0x44     4  version 0x00010001
#   72  0x48     4  header size
#   76  0x4c     4  image type: 1 dynamic, 2 fixed, 3 undo, 4 differencing
#   80  0x50     4  image flags
#  340 0x154     4  offset of the block map · 344 offset of the data
#  360 0x168     4  sector size
#  368 0x170     8  disk size in bytes
#  376 0x178     4  block size · 380 block extra · 384 blocks in image · 388 blocks allocated
#  392 0x188    64  UUIDs: image, last snapshot, link, parent

_SIGNATURE = b"\x7f\x10\xda\xbe"
_TYPES = {1: "dynamic", 2: "fixed", 3: "undo", 4: "differencing"}
_WITH_PARENT = (3, 4)
_HEADER_END = 456


def matches(probe: Probe) -> bool:
    """Say whether the signature stands where VDI has it."""
    return probe.at(64, 4) == _SIGNATURE


def open_vdi(reader: Reader) -> Container:
    """Return the header's facts; raises BrokenImage when the header is cut or gives no size a disk can have."""
    raw = reader.read_at(0, _HEADER_END)
    version, header_size, image_type, flags = struct.unpack_from("<IIII", raw, 68)
    disk_size, block_size, _extra, blocks, allocated = struct.unpack_from("<QIIII", raw, 368)
    checked_size(disk_size, "disk size", 368, raw[368:376])
    header = {"version": f"{version >> 16}.{version & 0xFFFF}", "header_size": header_size,
              "image_type": _TYPES.get(image_type, str(image_type)), "image_flags": flags, "disk_size": disk_size,
              "block_size": block_size, "blocks_in_image": blocks, "blocks_allocated": allocated}
    problems = [content_unread("VDI")]
    if image_type in _WITH_PARENT or any(raw[424:456]):
        problems.insert(0, problem("backing-file", f"the disk is a {header['image_type']} image over a parent;"
                                                   " it cannot stand alone", field="image type", offset=76,
                                   raw=raw[76:80]))
    return Container("vdi", disk_size, header, problems, readable=False)


FORMAT = Format("vdi", "VirtualBox disk image (VDI)", ("vdi",), matches, open_vdi)
