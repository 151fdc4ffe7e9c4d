"""A compressed block that gives more bytes than it may: what gives the others in, whether it is a bomb out.

A bit that flips in a compressed block often hides its end, and it goes on for some bytes or for a block or two. What
goes on for many blocks was made to fill the memory of whoever unpacks it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Callable
    from zlib import _Decompress

    from imgbuild.zstd import ZstdDecompressor

TIMES = 8
"""A bomb gives more than so many blocks."""


def is_bomb(more: Callable[[int], bytes], size: int, error: type[Exception]) -> bool:
    """Say whether a block of ``size`` bytes, of which one more has come, gives more than eight times that.

    ``more`` gives the next bytes, at most as many as it is asked for and none at the end, or raises ``error``. None of
    them are kept.
    """
    left = (TIMES - 1) * size
    with suppress(error):
        while left > 0 and (data := more(min(left, MIB))):
            left -= len(data)
    return left <= 0


def inflating(state: _Decompress) -> Callable[[int], bytes]:
    """Return what gives the next bytes of a zlib or deflate stream."""
    return lambda count: state.decompress(state.unconsumed_tail, count)


def expanding(frame: ZstdDecompressor) -> Callable[[int], bytes]:
    """Return what gives the next bytes of a zstd frame."""
    return lambda count: b"" if frame.eof else frame.decompress(b"", count)
