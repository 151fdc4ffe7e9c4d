"""Where the bytes of a logical address are: chunk items in, places on this device out.

 off   hex  size  field of a chunk item, little-endian; its key's offset is the logical address where it begins
   0  0x00     8  length
  24  0x18     8  type: 0x8 RAID0, 0x10 RAID1, 0x20 DUP, 0x40 RAID10, 0x80 RAID5, 0x100 RAID6, 0x200, 0x400 RAID1C3, 4
  44  0x2C     2  num_stripes
  48  0x30        stripes: devid (8), offset (8), dev_uuid (16)

On the one device that is read here each stripe is a copy of the whole chunk (single, DUP, and what is left of RAID1 on
it). The profiles that spread a chunk need further devices, except that newer kernels allow them with one stripe.

https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.readers import broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.btrfs.superblock import Superblock

CHUNK_ITEM = 228
MAX_CHUNKS = 65536
"""A chunk has 256 MiB or more on all but small disks: 16 TiB."""

_KEY = struct.Struct("<QBQ")
_CHUNK = struct.Struct("<Q16xQ12xH2x")
_STRIPE = struct.Struct("<QQ16x")
_SPREAD = 0x8 | 0x40 | 0x80 | 0x100


class Chunk(NamedTuple):
    """A range of logical addresses, and the physical offsets (bytes) of its copies."""

    start: int
    length: int
    copies: tuple[int, ...]


class ChunkMap:
    """The chunks that are known so far, for one device."""

    def __init__(self, superblock: Superblock) -> None:
        self._devid = superblock.devid
        self._starts: list[int] = []
        self._chunks: list[Chunk] = []
        for start, raw in _system_chunks(superblock.sys_chunk_array[: superblock.sys_chunk_array_size]):
            self.add(start, raw)

    def add(self, start: int, raw: bytes) -> None:
        """Take a chunk item that begins at the logical address ``start``."""
        place = bisect_right(self._starts, start)
        if place and self._starts[place - 1] == start:
            return
        if len(self._starts) >= MAX_CHUNKS:
            raise broken("filesystem-beyond-limits", f"the btrfs file system has more than {MAX_CHUNKS} chunks: its"
                                                     " files were not looked at")
        self._starts.insert(place, start)
        self._chunks.insert(place, _chunk(start, raw, self._devid))

    def places(self, logical: int, length: int) -> list[int]:
        """Return where the copies of ``length`` bytes at a logical address are, or raise BrokenImage."""
        index = bisect_right(self._starts, logical) - 1
        chunk = self._chunks[index] if index >= 0 else None
        if chunk is None or logical + length > chunk.start + chunk.length:
            raise broken("filesystem-damaged", f"no btrfs chunk holds the {length} bytes at the logical address"
                                               f" {logical}")
        if not chunk.copies:
            raise broken("filesystem-device-missing", f"the {length} bytes at the logical address {logical} of the"
                                                      " btrfs file system are on another device")
        return [copy + logical - chunk.start for copy in chunk.copies]


def _chunk(start: int, raw: bytes, devid: int) -> Chunk:
    if len(raw) < _CHUNK.size:
        raise broken("filesystem-damaged", f"the btrfs chunk at the logical address {start} has {len(raw)} bytes only")
    length, profile, count = _CHUNK.unpack_from(raw)
    if not length or not count or len(raw) < _CHUNK.size + count * _STRIPE.size:
        raise broken("filesystem-damaged", f"the btrfs chunk at the logical address {start} has {length} bytes in"
                                           f" {count} stripes", field="num_stripes", raw=raw[44:46])
    stripes = _STRIPE.iter_unpack(raw[_CHUNK.size : _CHUNK.size + count * _STRIPE.size])
    own = tuple(offset for device, offset in stripes if device == devid)
    return Chunk(start, length, () if profile & _SPREAD and count > 1 else own)


def _system_chunks(array: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the chunks in the superblock: those that hold the chunk tree."""
    place = 0
    while place + _KEY.size + _CHUNK.size <= len(array):
        _, kind, start = _KEY.unpack_from(array, place)
        place += _KEY.size
        size = _CHUNK.size + _CHUNK.unpack_from(array, place)[2] * _STRIPE.size
        if kind != CHUNK_ITEM or place + size > len(array):
            raise broken("filesystem-damaged", "the chunks in the btrfs superblock cannot be followed",
                         field="sys_chunk_array", raw=array[place - _KEY.size : place])
        yield start, array[place : place + size]
        place += size
