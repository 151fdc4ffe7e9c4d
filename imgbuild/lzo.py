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
    return _Block(data, limit).run()


class _Block:
    """A block on its way: ``place`` in the input, and ``literals``, how many the last instruction copied."""

    def __init__(self, data: bytes, limit: int) -> None:
        self._data = data
        self._limit = limit
        self._place = 0
        self._literals = 0
        self._out = bytearray()

    def run(self) -> bytes:
        try:
            first = self._data[0]
            if first > _FIRST_LITERALS:
                self._place = 1
                self._copy_literals(first - _FIRST_LITERALS)
            while self._step(self._byte()):
                pass
        except IndexError:
            raise LzoError("it ends in the middle") from None
        return bytes(self._out)

    def _byte(self) -> int:
        self._place += 1
        return self._data[self._place - 1]

    def _word(self) -> int:
        return self._byte() | self._byte() << 8

    def _step(self, code: int) -> bool:
        """Follow one instruction; say whether there is another."""
        if code >= _SHORT:
            self._copy(1 + (code >> 5), 1 + (code >> 2 & 7) + (self._byte() << 3), code & 3)
        elif code >= _NEAR:
            length, word = 2 + self._count(code & 31, 31), self._word()
            self._copy(length, 1 + (word >> 2), word & 3)
        elif code >= _FAR:
            length, word = 2 + self._count(code & 7, 7), self._word()
            distance = _END_DISTANCE + ((code & 8) << 11) + (word >> 2)
            if distance == _END_DISTANCE:
                return False
            self._copy(length, distance, word & 3)
        else:
            self._low(code)
        return True

    def _low(self, code: int) -> None:
        if not self._literals:
            self._copy_literals(3 + self._count(code, 15))
        elif self._literals < _MANY:
            self._copy(2, 1 + (code >> 2) + (self._byte() << 2), code & 3)
        else:
            self._copy(3, 2049 + (code >> 2) + (self._byte() << 2), code & 3)

    def _count(self, bits: int, most: int) -> int:
        if bits:
            return bits
        while not (last := self._byte()):
            most += 255
            if most > self._limit:
                raise LzoError(f"it is longer than {self._limit} bytes")
        return most + last

    def _copy_literals(self, count: int) -> None:
        piece = self._data[self._place : self._place + count]
        if len(piece) < count:
            raise LzoError("it ends in the middle")
        self._place += count
        self._literals = min(count, _MANY)
        self._add(piece)

    def _copy(self, length: int, distance: int, literals: int) -> None:
        start = len(self._out) - distance
        if start < 0:
            raise LzoError(f"it copies from {distance} bytes back where there are {len(self._out)}")
        if length > self._limit:
            raise LzoError(f"it is longer than {self._limit} bytes")
        piece = self._out[start : start + length]
        if distance < length:  # what is copied is copied again
            piece = (piece * (length // distance + 1))[:length]
        self._add(piece)
        self._literals = 0
        if literals:
            self._copy_literals(literals)

    def _add(self, piece: bytes | bytearray) -> None:
        self._out += piece
        if len(self._out) > self._limit:
            raise LzoError(f"it is longer than {self._limit} bytes")
