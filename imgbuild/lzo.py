"""LZO1X: one compressed block in, its bytes out.

A block is a row of instructions, each a first byte, what it needs after it, and up to three literals:

 first byte  copies
    0 to 15  after no literals, literals: the first byte + 3, or 18 + a long count
             after 1 to 3 literals, 2 bytes from at most 1 KiB back
             after 4 or more literals, 3 bytes from 2 to 3 KiB back
   16 to 31  2 + bits 0 to 2 (or 9 + a long count) from 16 to 48 KiB back; a distance of 16 KiB ends the block
   32 to 63  2 + bits 0 to 4 (or 33 + a long count) from at most 16 KiB back
  64 to 255  1 + bits 5 to 7 from at most 2 KiB back

A long count stands where the bits are 0: 255 for each byte that is 0, and then the byte that is not. The first byte of
a block is special from 17 on: literals, the first byte - 17.

The kernel's description of the stream, https://www.kernel.org/doc/html/latest/staging/lzo.html (read 2026-11-28)
"""

from __future__ import annotations

_FIRST_LITERALS = 17
_NEAR, _SHORT, _FAR = 32, 64, 16
_MANY = 4
_END_DISTANCE = 16384


class LzoError(Exception):
    """The block cannot be followed; says why."""


def decompress(data: bytes, limit: int) -> bytes:
    """Return the bytes of a block, which may be at most ``limit``; what follows its end in ``data`` is left.

    Raises:
        LzoError: The block is damaged, or longer than ``limit``.
    """
    try:
        out = _decompress(data, limit)
    except IndexError:
        raise LzoError("it ends in the middle") from None
    if len(out) > limit:
        raise LzoError(f"it is longer than {limit} bytes")
    return bytes(out)


def _decompress(data: bytes, limit: int) -> bytearray:  # noqa: C901, PLR0912 - a call for each instruction takes thrice as long
    out = bytearray()
    place = literals = 0  # the place in the input, and how many literals the last instruction copied
    count = data[0] - _FIRST_LITERALS if data[0] > _FIRST_LITERALS else 0
    if count:
        place = 1
    while True:
        if count:  # literals, of this instruction or of the special first byte
            out += data[place : place + count]
            place += count
            literals = min(count, _MANY)
        code = data[place]
        place += 1
        count = code & 3
        if code >= _SHORT:
            length, distance = 1 + (code >> 5), 1 + (code >> 2 & 7) + (data[place] << 3)
            place += 1
        elif code >= _FAR:
            bits = 31 if code >= _NEAR else 7
            length = code & bits
            if not length:
                length, place = _long_count(data, place, bits)
            length += 2
            word = data[place] | data[place + 1] << 8
            place += 2
            count = word & 3
            distance = 1 + (word >> 2) if code >= _NEAR else _END_DISTANCE + ((code & 8) << 11) + (word >> 2)
            if code < _NEAR and distance == _END_DISTANCE:
                return out
        elif literals:
            length, distance = (2, 1) if literals < _MANY else (3, 2049)
            distance += (code >> 2) + (data[place] << 2)
            place += 1
        else:
            if not code:
                code, place = _long_count(data, place, 15)
            count = 3 + code
            length = distance = 0
        literals = 0
        if len(out) + length + count > limit:
            raise LzoError(f"it is longer than {limit} bytes")
        if distance:
            start = len(out) - distance
            if start < 0:
                raise LzoError(f"it copies from {distance} bytes back where there are {len(out)}")
            if distance >= length:
                out += out[start : start + length]
            else:  # what is copied is copied again
                out += (out[start:] * (length // distance + 1))[:length]


def _long_count(data: bytes, place: int, count: int) -> tuple[int, int]:
    while not data[place]:
        count += 255
        place += 1
    return count + data[place], place + 1
