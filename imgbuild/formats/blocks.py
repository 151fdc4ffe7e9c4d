"""What the block-wise containers share: a range cut into blocks, and a small cache of unpacked blocks."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sized

Held = TypeVar("Held", bound="Sized")

MAX_DISK = 1 << 63
"""No disk has this many bytes or more: offsets in files are signed 64-bit numbers everywhere."""

MOST_COUNTED, MOST_COUNTED_BYTES = 512, 4 << 20
"""So many tables, and so many bytes of them, are looked through to say how much of a range is stored."""


def pieces(offset: int, length: int, block_size: int) -> Iterator[tuple[int, int, int]]:
    """Yield ``(block, start in the block, bytes)`` for each block that the range touches, in order."""
    end = offset + length
    while offset < end:
        block, start = divmod(offset, block_size)
        count = min(block_size - start, end - offset)
        yield block, start, count
        offset += count


def stored_bytes(offset: int, length: int, block_size: int, used: Callable[[int, int], int | None]) -> int | None:
    """Return the bytes of a range that stand in blocks of a file; ``used`` counts those from a block on, so many.

    ``None``: it would have to look through too much.
    """
    first = offset // block_size
    count = used(first, ceil_div(offset + length, block_size) - first)
    return None if count is None else min(count * block_size, length)


class BlockCache(Generic[Held]):
    """The blocks that were used last, up to ``budget`` bytes together; the newest is always kept."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._held = 0
        self._blocks: OrderedDict[int, Held] = OrderedDict()

    def get(self, block: int) -> Held | None:
        """Return the block, or ``None`` where it is not held."""
        data = self.take(block)
        if data is not None:
            self.put(block, data)
        return data

    def take(self, block: int) -> Held | None:
        """Return the block, which is not held any more: it may come back with another length."""
        data = self._blocks.pop(block, None)
        if data is not None:
            self._held -= len(data)
        return data

    def put(self, block: int, data: Held) -> None:
        """Keep the block; those that were not used for longest make room."""
        self.take(block)
        self._held += len(data)
        self._blocks[block] = data
        while self._held > self._budget and len(self._blocks) > 1:
            self._held -= len(self._blocks.popitem(last=False)[1])
