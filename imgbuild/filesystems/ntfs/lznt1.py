"""LZNT1, the compression of NTFS: the stored bytes of a unit in, its plain bytes out.

A unit is a row of chunks of 4096 plain bytes. A chunk begins with two bytes: the low twelve bits are the length of what
follows less one, the highest bit says that it is compressed, and the three between are 3; a zero ends the unit. In a
compressed chunk a byte of eight flags comes before eight tokens, the lowest first: a plain byte (0), or a pair (1): how
far back (less one) and how long (less three) in sixteen bits, of which the distance takes as many as the position in
the chunk needs, at least four.

[MS-XCA]: Xpress Compression Algorithm, section 2.5 "LZNT1 Algorithm Details",
https://learn.microsoft.com/openspecs/windows_protocols/ms-xca/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.readers import broken

if TYPE_CHECKING:
    from imgbuild.readers import BrokenImage

CHUNK = 4096

_COMPRESSED = 0x8000
_LENGTH = 0x0FFF


def expand(data: bytes, size: int) -> bytes:
    """Return the ``size`` plain bytes of a unit; what its chunks do not fill is zeros."""
    out = bytearray()
    place = 0
    while place + 2 <= len(data) and len(out) < size:
        header = int.from_bytes(data[place : place + 2], "little")
        if header == 0:
            break
        end = place + 2 + (header & _LENGTH) + 1
        if end > len(data):
            raise _damaged("ends within a chunk")
        chunk = data[place + 2 : end]
        out += (_expanded(chunk) if header & _COMPRESSED else chunk).ljust(CHUNK, b"\0")
        place = end
    return bytes(out[:size].ljust(size, b"\0"))


def _expanded(chunk: bytes) -> bytes:
    out = bytearray()
    place = 0
    while place < len(chunk):
        flags = chunk[place]
        place += 1
        for bit in range(8):
            if place >= len(chunk):
                break
            if not flags >> bit & 1:
                out.append(chunk[place])
                place += 1
            else:
                _copy(out, chunk[place : place + 2])
                place += 2
    return bytes(out)


def _copy(out: bytearray, pair: bytes) -> None:
    value = int.from_bytes(pair, "little")
    # The bits of the length: 12 at the start, one less each time that the position passes a power of two from 16 on.
    bits = 12 - max(0, (len(out) - 1).bit_length() - 4)
    back, count = (value >> bits) + 1, (value & (1 << bits) - 1) + 3
    if len(pair) < 2 or back > len(out) or len(out) + count > CHUNK:  # noqa: PLR2004 - a pair
        raise _damaged(f"copies {count} bytes from {back} before the place {len(out)} of a chunk")
    pattern = bytes(out[-back:])[:count]
    out += (pattern * (count // len(pattern) + 1))[:count]


def _damaged(what: str) -> BrokenImage:
    return broken("filesystem-damaged", f"NTFS: a compressed unit {what}")
