"""A reader that keeps the blocks it has read: libraries read a table in pieces of 64 bytes, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.readers import check_range, read_clipped

if TYPE_CHECKING:
    from imgbuild.readers import Reader

BLOCK = 16 * 1024
BLOCKS = 128
"""2 MiB in all."""


class CachedReader:
    """The bytes of another reader; what is shorter than a block is read in whole blocks, and those are kept."""

    def __init__(self, reader: Reader, *, block: int = BLOCK, blocks: int = BLOCKS) -> None:
        self._reader = reader
        self._block = block
        self._limit = blocks
        self._kept: dict[int, bytes] = {}

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self._reader.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        number, within = divmod(offset, self._block)
        if not 0 <= length <= self._block - within or offset < 0 or offset + length > self.size:
            return self._across(offset, length)
        return self._get(number)[within : within + length]

    def _across(self, offset: int, length: int) -> bytes:
        if length >= self._block:
            return self._reader.read_at(offset, length)
        check_range(self.size, offset, length, "the partition")
        number, within = divmod(offset, self._block)
        return (self._get(number) + self._get(number + 1))[within : within + length]

    def _get(self, number: int) -> bytes:
        data = self._kept.pop(number, None)
        if data is None:
            data = read_clipped(self._reader, number * self._block, self._block)
            if len(self._kept) >= self._limit:
                self._kept.pop(next(iter(self._kept)))
        self._kept[number] = data
        return data
