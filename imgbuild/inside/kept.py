"""What came out of a decompressor, as far as memory allows: pieces in their order in, a reader of them out.

Blocks of zeros take no room, so a disk is held by its data. Where these are more than the limit, the first ones are
held and the last MiB; what lies between reads as zeros, and ``whole`` says so.
"""

from __future__ import annotations

from collections import deque

from imgbuild.readers import check_range
from imgbuild.sizes import MIB

BLOCK = 64 * 1024
LIMIT = 192 * MIB
"""Bytes of data that are held: the child that looks has 512 MiB for all that it does (``sandbox/limits.py``)."""

_LAST_BLOCKS = MIB // BLOCK
_ZEROS = bytes(BLOCK)


class Kept:
    """The bytes of a stream that is read once; ``size`` is what has been added until now."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.size = 0
        self.whole = True
        self._left = limit // BLOCK
        self._blocks: dict[int, bytes] = {}
        self._last: deque[tuple[int, bytes]] = deque(maxlen=_LAST_BLOCKS)
        self._rest = b""
        self._next = 0

    def add(self, piece: bytes) -> None:
        """Take the next bytes of the stream."""
        self.size += len(piece)
        data = self._rest + piece if self._rest else piece
        end = len(data) - len(data) % BLOCK
        for at in range(0, end, BLOCK):
            self._put(data[at : at + BLOCK])
        self._rest = data[end:]

    def end(self) -> None:
        """Say that the stream has ended, or is not read further."""
        if self._rest:
            self._put(self._rest)
            self._rest = b""
        self._blocks.update(self._last)
        self._last.clear()

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``; what is not held is zeros."""
        check_range(self.size, offset, length, "the decompressed data")
        first, end = offset // BLOCK, -(-(offset + length) // BLOCK)
        data = b"".join([self._block(number) for number in range(first, end)])
        return data[offset - first * BLOCK : offset - first * BLOCK + length]

    def _put(self, block: bytes) -> None:
        if block != _ZEROS:
            if self._left:
                self._left -= 1
                self._blocks[self._next] = block
            else:
                self.whole = self.whole and len(self._last) < _LAST_BLOCKS
                self._last.append((self._next, block))
        self._next += 1

    def _block(self, number: int) -> bytes:
        return self._blocks.get(number, _ZEROS).ljust(BLOCK, b"\0")


class Head:
    """The first bytes of something whose ``size`` is known or thought of; the rest reads as zeros."""

    def __init__(self, data: bytes, size: int) -> None:
        self.size = size
        self._data = data

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        check_range(self.size, offset, length, "the decompressed data")
        return self._data[offset : offset + length].ljust(length, b"\0")
