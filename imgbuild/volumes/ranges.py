"""Ranges of partitions against each other and against the disk: numbers in, problems out.

Overlap and overrun mean the same in every kind of partition table (UEFI 2.10, sections 5.2.1 and 5.3.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.readers import problem
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgbuild.model import Problem

REPORTED = 16
"""How many problems of one kind a table gives at most: a table of nonsense would give thousands."""


class Field(msgspec.Struct, frozen=True):
    """A field of a partition's entry: the standard's name, its offset on the disk, its bytes."""

    name: str
    offset: int
    raw: bytes

    def problem(self, code: str, message: str) -> Problem:
        """Return a problem with the field as its evidence."""
        return problem(code, message, field=self.name, offset=self.offset, raw=self.raw)


class Range(msgspec.Struct, frozen=True):
    """Where a partition lies, in bytes of the disk, and the fields that say where it begins and ends."""

    index: int
    start: int
    size: int
    first: Field
    last: Field

    @property
    def end(self) -> int:
        """The byte after its last."""
        return self.start + self.size


def past_end(ranges: Iterable[Range], disk_size: int) -> list[Problem]:
    """Return a problem ``partition-past-end`` for each range that does not end on a disk of ``disk_size`` bytes."""
    late = [span for span in ranges if span.end > disk_size]
    return [span.last.problem("partition-past-end", f"partition {span.index} ends at byte {span.end},"
                              f" {human_size(span.end - disk_size)} after the end of the disk at {disk_size}")
            for span in late[:REPORTED]]


def overlaps(ranges: Iterable[Range]) -> list[Problem]:
    """Return a problem ``partition-overlap`` for each range that begins before one in front of it ends.

    A range that begins at 0 holds the table itself and so cannot hold only data: the first partition of an isohybrid
    covers the whole image by intent and is left out.
    """
    ordered = sorted((span for span in ranges if span.start > 0), key=lambda span: (span.start, span.index))
    problems: list[Problem] = []
    widest: Range | None = None
    for span in ordered:
        if widest is not None and span.start < widest.end:
            problems.append(span.first.problem(
                "partition-overlap", f"partition {span.index} begins at byte {span.start}, inside partition"
                f" {widest.index}, which ends at {widest.end}"))
        widest = span if widest is None or span.end > widest.end else widest
    return problems[:REPORTED]
