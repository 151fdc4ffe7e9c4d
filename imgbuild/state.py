"""What the steps of an inspection hand on to each other, and what they report of it.

The facts known so far, the container, the disk in it, its partition table, the blocks with a file system, the guest.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from imgbuild import chain
from imgbuild.documents.inspection import Inspection, Look
from imgbuild.documents.run import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from imgbuild.chain import Link
    from imgbuild.folder import ImageFolder
    from imgbuild.formats.base import Container
    from imgbuild.guests import readiness
    from imgbuild.guests.assertions import Question
    from imgbuild.guests.layout import Block, Guest
    from imgbuild.inside import Part
    from imgbuild.model import Problem
    from imgbuild.readers import BrokenImage, Reader
    from imgbuild.source import Source
    from imgbuild.volumes.base import PartitionTable


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of a look: ``initramfs`` whether such archives may be opened, ``space`` where the disk has data.

    ``questions`` are what a person's own rules ask of the guest, ``checksums`` the algorithms to hash with what is
    inside of a compressed file, which is then read to its end.
    """

    initramfs: bool = True
    questions: Sequence[Question] = ()
    space: bool = False
    checksums: Sequence[str] = ()


USUAL = Wanted()


class State:
    """What the steps hand on to each other."""

    def __init__(self, source: Source | Part, claim: str | None, report: Callable[[Look], None],
                 folder: ImageFolder | None, wanted: Wanted) -> None:
        self.source = source
        self.claim = claim
        self.folder = folder
        self.content: Reader | Problem | None = None
        self.facts = Inspection(path=source.name, size=source.size)
        self.container: Container | None = None
        self.parents: tuple[Link, ...] = ()
        self.disk: Reader | None = None
        self.table: PartitionTable | None = None
        self.blocks: list[Block] = []
        self.guest: Guest | None = None
        self.wanted = wanted
        self.around: str | None = None
        self.whole = True
        self.view: readiness.View | None = None
        self.failed = False
        self.opened = False
        self._problems: list[Problem] = []
        self._report = report
        self._steps: list[Step] = []
        self._started = time.monotonic()

    def learn(self, **facts: Any) -> None:  # noqa: ANN401 - the fields of Inspection, which checks nothing here
        """Add facts, by the names of their fields."""
        self.facts = msgspec.structs.replace(self.facts, **facts)

    def object(self, *problems: Problem) -> None:
        """Add problems; of a file that is cut only the first statement, for all that is missing follows from it."""
        for new in problems:
            again = new.code == "truncated" and any(known.code == "truncated" for known in self._problems)
            if new not in self._problems and not again:
                self._problems.append(new)

    def say(self, code: str, message: str) -> None:
        """Give the problem of that code another message, for more is known now."""
        self._problems = [msgspec.structs.replace(known, message=message) if known.code == code else known
                          for known in self._problems]

    def fail(self, broken: BrokenImage) -> None:
        """Add the problem of something that could not be read, so that nobody takes it for empty."""
        self.failed = True
        self.object(broken.problem)

    def report(self) -> None:
        """Send what is known; a container also objects while it is read, so its problems are asked for each time."""
        if self.container is not None:
            self.object(*chain.objections(self.container, self.parents))
        self.learn(problems=tuple(self._problems))
        seconds, reads, bytes_read = self._cost()
        self._report(Look(facts=self.facts, reads=reads, bytes_read=bytes_read, seconds=seconds, opened=self.opened,
                          steps=tuple(self._steps)))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note what a step costs, of which the time for the initramfs archives is a step of its own."""
        before, unpacking = self._cost(), self._unpacking()
        try:
            yield
        finally:
            seconds, reads, bytes_read = (now - then for now, then in zip(self._cost(), before, strict=True))
            unpacked = self._unpacking() - unpacking
            self._steps.append(Step(name=name, seconds=seconds - unpacked, reads=int(reads),
                                    bytes_read=int(bytes_read)))
            if unpacked:
                self._steps.append(Step(name="initramfs", seconds=unpacked))

    def _cost(self) -> tuple[float, int, int]:
        """Return seconds, reads and bytes read until now."""
        places: list[Source | Part | ImageFolder] = [self.source] if self.folder is None else [self.source, self.folder]
        return (time.monotonic() - self._started, sum(place.reads for place in places),
                sum(place.bytes_read for place in places))

    def _unpacking(self) -> float:
        return 0.0 if self.view is None else self.view.unpacking
