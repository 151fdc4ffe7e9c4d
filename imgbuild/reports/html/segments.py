"""A disk cut into what is drawn of it: the facts of an image in, its segments from the first byte to the last out.

A segment is a partition or the room between two. What tables say that cannot be (partitions that overlap, or go on
behind the end of the disk) is clipped: the drawing shows each byte once, the table beside it what was said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgbuild.documents.inspection import Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.documents.inspection import Inspection
    from imgbuild.model import Partition

MOST_SEGMENTS = 48
"""As many can be told from each other; of more the last ones become one."""

_EXTENDED = frozenset({"0x05", "0x0f", "0x85"})
_LEVELS = 8


class Segment(NamedTuple):
    """Bytes of the disk from ``start`` on; ``partition`` is ``None`` for room that belongs to none."""

    start: int
    size: int
    partition: Partition | None = None

    @property
    def end(self) -> int:
        """The byte behind the last one."""
        return self.start + self.size


class Step(NamedTuple):
    """A part of a segment, from ``left`` to ``right`` (0 to 1), of which ``level`` (0 to 1) is stored in the file.

    ``None``: it is not known.
    """

    left: float
    right: float
    level: float | None


def segments(image: Inspection) -> list[Segment]:
    """Return the segments of a disk in their order; none where there is no disk."""
    found = list(_segments(image))
    if len(found) <= MOST_SEGMENTS:
        return found
    rest = found[MOST_SEGMENTS - 1 :]
    return [*found[: MOST_SEGMENTS - 1], Segment(rest[0].start, rest[-1].end - rest[0].start)]


def _segments(image: Inspection) -> Iterator[Segment]:
    at, size = 0, image.virtual_size or 0
    for partition in sorted(image.partitions, key=lambda partition: (partition.start, partition.index)):
        start, end = max(at, partition.start), min(size, partition.start + partition.size)
        if end <= start or (partition.type_id or "").lower() in _EXTENDED:
            continue
        if start > at:
            yield Segment(at, start - at)
        yield Segment(start, end - start, partition)
        at = end
    if at < size:
        yield Segment(at, size - at)


def stored(image: Inspection, start: int, size: int) -> int | None:
    """Return about how many bytes of a range of the disk are stored in the file, ``None`` where that is not known."""
    space = image.space
    if not isinstance(space, Space) or not space.stored or None in space.stored[_pieces(space, start, size)]:
        return None
    shares = [(level or 0.0) * (right - left) for left, right, level in _levels(image, start, size)]
    return min(size, round(sum(shares)))


def steps(image: Inspection, segment: Segment) -> Sequence[Step]:
    """Return how full the file is along a segment, neighbours that look the same as one; empty where nobody knows."""
    merged: list[Step] = []
    for left, right, level in _levels(image, segment.start, segment.size):
        shown = None if level is None else -(-level * _LEVELS // 1) / _LEVELS
        start, stop = ((edge - segment.start) / segment.size for edge in (left, right))
        if merged and merged[-1].level == shown:
            merged[-1] = merged[-1]._replace(right=stop)
        else:
            merged.append(Step(start, stop, shown))
    return merged if any(step.level is not None for step in merged) else []


def _pieces(space: Space, start: int, size: int) -> slice:
    return slice(start // space.piece, -(-(start + size) // space.piece))


def _levels(image: Inspection, start: int, size: int) -> Iterator[tuple[int, int, float | None]]:
    """Give the pieces of a range: first byte, byte behind it, and the share that is stored."""
    space = image.space
    if not isinstance(space, Space):
        return
    wanted, end = _pieces(space, start, size), image.virtual_size or 0
    for index, count in enumerate(space.stored[wanted], wanted.start):
        left, right = index * space.piece, min(end, (index + 1) * space.piece)
        level = None if count is None or right <= left else min(1.0, count / (right - left))
        yield max(left, start), min(right, start + size), level
