"""A flow of bytes that is read once, from front to end: pieces in, exact reads with a look ahead out.

Two flows make an initramfs: the file, and what a decompressor makes of a part of it. Neither is ever held whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Unreadable(Exception):  # noqa: N818 - it is a statement on the archive, not an error of ours
    """The archive cannot be followed from here on; says why."""


class Flow:
    """Bytes that come in pieces; an empty piece is passed over, the end of the pieces is the end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._buffer = b""
        self._at = 0

    def peek(self, count: int) -> bytes:
        """Return the next bytes without taking them: ``count``, or fewer before the end."""
        there = len(self._buffer) - self._at
        if there < count:
            pieces = [self._buffer[self._at :]]
            while there < count and (piece := self._next()):
                pieces.append(piece)
                there += len(piece)
            self._buffer, self._at = b"".join(pieces), 0
        return self._buffer[self._at : self._at + count]

    def read(self, count: int) -> bytes:
        """Take ``count`` bytes; raises Unreadable where there are fewer."""
        data = self.peek(count)
        if len(data) < count:
            raise Unreadable("it ends in the middle")
        self._at += count
        return data

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes, without keeping them; raises Unreadable where there are fewer."""
        left = count - (len(self._buffer) - self._at)
        while left > 0:
            self._buffer, self._at = self._next(), 0
            if not self._buffer:
                raise Unreadable("it ends in the middle")
            left -= len(self._buffer)
        self._at = len(self._buffer) + left

    def skip_zeros(self) -> bool:
        """Pass over zero bytes; return whether something comes after them."""
        while self.peek(1):
            rest = self._buffer[self._at :]
            # To compare costs a tenth of looking for the first one, which a GiB of them makes felt.
            rest = b"" if rest == bytes(len(rest)) else rest.lstrip(b"\0")
            self._at = len(self._buffer) - len(rest)
            if rest:
                return True
        return False

    def take(self) -> bytes:
        """Take what is there already, else the next piece; nothing at the end."""
        data = self._buffer[self._at :] or self._next()
        self._buffer, self._at = b"", 0
        return data

    def give_back(self, data: bytes) -> None:
        """Put bytes in front again."""
        self._buffer, self._at = data + self._buffer[self._at :], 0

    def _next(self) -> bytes:
        return next(filter(None, self._pieces), b"")
