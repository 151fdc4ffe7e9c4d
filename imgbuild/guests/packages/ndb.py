"""The file ``Packages.db`` of RPM's own database, which SUSE takes: its bytes in, the headers out. Little-endian.

  off  size  field                                  a slot, 16 bytes each from 32 on, over all slot pages of 4096 bytes
    0     4  "RpmP"                                   0  "Slot"
    4     4  version, 0                               4  package number
    8     4  generation                               8  first block, 0 for a free slot; blocks have 16 bytes
   12     4  number of slot pages                    12  number of blocks

A blob begins with "BlbS", package number, time and length (4 bytes each); its data follow.

rpm, https://github.com/rpm-software-management/rpm/blob/master/lib/backend/ndb/rpmpkg.c
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgbuild.guests.packages.base import Unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE, _SLOT, _BLOCK, _FIRST = 4096, 16, 16, 32


def headers(data: bytes) -> Iterator[bytes]:
    """Yield the blobs of the file; raises Unseen where it is none or does not hold together."""
    if len(data) < _PAGE or data[:4] != b"RpmP" or data[4:8] != bytes(4):
        raise Unseen("it is no database of RPM's own kind")
    end = struct.unpack_from("<I", data, 12)[0] * _PAGE
    if not _PAGE <= end <= len(data):
        raise Unseen("its slots go past its end")
    budget = len(data)
    for start in range(_FIRST, end, _SLOT):
        magic, number, first, _ = struct.unpack_from("<4sIII", data, start)
        if magic != b"Slot":
            raise Unseen("a slot has no mark")
        if first:
            blob = _blob(data, number, first * _BLOCK)
            budget -= len(blob)
            if budget < 0:
                raise Unseen("its blocks are used more than once")
            yield blob


def _blob(data: bytes, number: int, start: int) -> bytes:
    if start + 16 > len(data):
        raise Unseen("a slot leads past the end")
    magic, owner, _, length = struct.unpack_from("<4sIII", data, start)
    if magic != b"BlbS" or owner != number or start + 16 + length > len(data):
        raise Unseen("a slot leads to no package")
    return data[start + 16 : start + 16 + length]
