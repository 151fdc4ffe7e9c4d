"""The label of an LVM2 physical volume: a reader in, its identity and its copies of the metadata out.

 off   hex  size  field of the label header, in one of the first four sectors, little-endian
   0  0x00     8  id, "LABELONE"
   8  0x08     8  sector_xl, the sector it is in
  16  0x10     4  crc_xl, over the sector from offset 20 on
  20  0x14     4  offset_xl, where the physical volume header begins, from the start of the sector
  24  0x18     8  type, "LVM2 001"

 off   hex  size  field of the physical volume header
   0  0x00    32  pv_uuid
  32  0x20     8  device_size_xl, in bytes
  40  0x28        disk_areas_xl: offset 8, size 8, for the data; a zero row; the same for the metadata; a zero row

 off   hex  size  field of the metadata area header, 512 bytes
   0  0x00     4  checksum_xl, over the rest
   4  0x04    16  magic
  20  0x14     4  version, 1
  24  0x18     8  start, of this area in bytes
  32  0x20     8  size, of this area in bytes
  40  0x28        raw_locns: offset 8, size 8, checksum 4, flags 4 (bit 0: ignored); a zero row

The text lies ``offset`` bytes after the area's start and wraps from its end to the byte after its header.

LVM2, lib/format_text/layout.h and lib/label/label.h, https://sourceware.org/git/?p=lvm2.git;a=tree;f=lib/format_text
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import msgspec

from imgbuild.readers import BrokenImage, Reader, broken, read_clipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.model import Problem

SECTOR = 512
LABEL_SECTORS = 4
MAX_AREAS = 8
MAX_TEXT = 4 << 20
"""Bytes of metadata text: a group of a thousand volumes has about 0.5 MiB."""

_LABEL = struct.Struct("<8sQII8s")
_AREA = struct.Struct("<QQ")
_METADATA = struct.Struct("<I16sIQQ")
_LOCATION = struct.Struct("<QQII")
_MAGIC = b"\x20LVM2\x20x[5A%r0N*>"
_IGNORED = 1


class PhysicalVolume(msgspec.Struct):
    """A physical volume: its identifier (32 letters), its bytes, and the metadata texts that it holds."""

    uuid: str
    reader: Reader
    texts: list[str] = []
    problems: list[Problem] = []


def crc(data: bytes) -> int:
    """Return LVM2's checksum: CRC-32 with a start value of its own and without the final inversion."""
    return zlib.crc32(data, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def read_label(reader: Reader) -> PhysicalVolume:
    """Read the label of a physical volume and the metadata areas that it names.

    A damaged metadata area is a problem of the volume; another one may hold the same text.

    Raises:
        BrokenImage: ``lvm-label-damaged`` where there is no valid label.
    """
    sector, header = _find_label(reader)
    offset = _LABEL.unpack_from(sector)[3]
    volume = PhysicalVolume(header[:32].decode("ascii", errors="replace"), reader)
    for start, size in _metadata_areas(sector, offset + 40):
        try:
            volume.texts += _texts(reader, start, size)
        except BrokenImage as error:
            volume.problems.append(error.problem)
    return volume


def _find_label(reader: Reader) -> tuple[bytes, bytes]:
    head = read_clipped(reader, 0, LABEL_SECTORS * SECTOR)
    for start in range(0, len(head) - SECTOR + 1, SECTOR):
        sector = head[start : start + SECTOR]
        identity, _, checksum, offset, kind = _LABEL.unpack_from(sector)
        if (identity, kind) != (b"LABELONE", b"LVM2 001"):
            continue
        if crc(sector[20:]) != checksum or offset + 40 > SECTOR:
            raise broken("lvm-label-damaged", "the checksum of the LVM label does not match", field="crc_xl",
                         raw=sector[16:20])
        return sector, sector[offset:]
    raise broken("lvm-label-damaged", f"there is no LVM label in the first {LABEL_SECTORS} sectors")


def _metadata_areas(sector: bytes, position: int) -> list[tuple[int, int]]:
    """Return the second list of areas in the header: the first names the data."""
    lists: list[list[tuple[int, int]]] = [[]]
    for place in range(position, SECTOR - _AREA.size + 1, _AREA.size):
        start, size = _AREA.unpack_from(sector, place)
        if start or size:
            lists[-1].append((start, size))
        else:
            lists.append([])
    return lists[1][:MAX_AREAS] if len(lists) > 1 else []


def _texts(reader: Reader, start: int, size: int) -> Iterator[str]:
    header = reader.read_at(start, SECTOR)
    checksum, magic, version, own_start, own_size = _METADATA.unpack_from(header)
    if crc(header[4:]) != checksum or magic != _MAGIC or version != 1 or own_start != start:
        raise broken("lvm-metadata-damaged", f"the LVM metadata area at byte {start} has no valid header",
                     field="checksum_xl", raw=header[:4])
    size = min(size, own_size) if size else own_size
    offset, length, text_crc, flags = _LOCATION.unpack_from(header, 40)
    if not offset or flags & _IGNORED:
        return
    if not SECTOR <= offset < size or not 0 < length <= min(size - SECTOR, MAX_TEXT):
        raise broken("lvm-metadata-damaged", f"the LVM metadata text should be {length} bytes at {offset} of an area of"
                                             f" {size}", field="raw_locns", raw=header[40:64])
    text = _circular(reader, start, size, offset, length)
    if crc(text) != text_crc:
        raise broken("lvm-metadata-damaged", "the checksum of the LVM metadata text does not match", field="raw_locns",
                     raw=header[40:64])
    yield text.decode("utf-8", errors="replace")


def _circular(reader: Reader, start: int, size: int, offset: int, length: int) -> bytes:
    first = min(length, size - offset)
    return reader.read_at(start + offset, first) + reader.read_at(start + SECTOR, length - first)
