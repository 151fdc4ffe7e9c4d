"""The bytes of a logical volume: segments over stripes in, a reader out."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import msgspec

from imgbuild.readers import BrokenImage, check_range

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.readers import Reader


class Segment(msgspec.Struct, frozen=True):
    """A run of bytes of a volume over stripes: pairs of a reader and the byte in it where the stripe starts.

    Bytes go round the stripes in pieces of ``stripe_size`` bytes.
    """

    start: int
    size: int
    stripe_size: int
    stripes: tuple[tuple[Reader, int], ...]

    def place(self, offset: int) -> tuple[Reader, int, int]:
        """Return the reader, the offset in it and how many bytes follow there, for ``offset`` into the segment."""
        if len(self.stripes) == 1:
            reader, base = self.stripes[0]
            return reader, base + offset, self.size - offset
        piece, within = divmod(offset, self.stripe_size)
        row, column = divmod(piece, len(self.stripes))
        reader, base = self.stripes[column]
        return reader, base + row * self.stripe_size + within, self.stripe_size - within


class MappedVolume:
    """A logical volume that can be read; its segments follow one another from byte 0 on."""

    def __init__(self, segments: list[Segment]) -> None:
        self._segments = segments
        self._starts = [segment.start for segment in segments]

    @property
    def size(self) -> int:
        """The size of the volume in bytes."""
        return self._segments[-1].start + self._segments[-1].size if self._segments else 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        check_range(self.size, offset, length, "the logical volume")
        pieces = []
        while length:
            segment = self._segments[bisect_right(self._starts, offset) - 1]
            reader, place, run = segment.place(offset - segment.start)
            taken = min(run, length)
            pieces.append(reader.read_at(place, taken))
            offset, length = offset + taken, length - taken
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class UnreadableVolume:
    """A logical volume whose bytes cannot be read; every read raises BrokenImage with the reason."""

    def __init__(self, size: int, reason: Problem) -> None:
        self.size = size
        self._reason = reason

    def read_at(self, _offset: int, _length: int) -> bytes:
        """Raise BrokenImage with the reason."""
        raise BrokenImage(self._reason)
