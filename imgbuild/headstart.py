"""A head start: what is done for an image before the words of the command have been read, so before click is imported.

A process hashes the file, or a child looks into it: on the terms that are usual, for it takes 50 ms to read the words,
and the other processor would have nothing to do meanwhile. Where the words then say something else, it is given up.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from imgbuild import forking
from imgbuild.defaults import TIME_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.documents.inspection import Look
    from imgbuild.hashing import Hashing
    from imgbuild.sandbox import Child
    from imgbuild.source import Source


FRESH_SECONDS = 2.0
"""After that a child is begun anew: while a request is waited for, nobody hears what it says, and its time runs out."""


class Terms(NamedTuple):
    """On what terms a child looks into an image: its limits, and what is wanted of it, as ``state.Wanted`` has it.

    There is no folder in which it may open other files, and nobody has questions of their own.
    """

    seconds: float = TIME_LIMIT
    niceness: int = 0
    claim: str | None = None
    initramfs: bool = True
    space: bool = False
    checksums: tuple[str, ...] = ()


class HeadStart:
    """What has begun for the file of ``source`` and since when: ``hashing`` its checksums, ``early`` a look into it."""

    def __init__(self, source: Source, hashing: Hashing | None = None, early: EarlyLook | None = None) -> None:
        self.source = source
        self.hashing = hashing
        self.early = early
        self.since = time.monotonic()
        self._used = False

    def is_for(self, path: str) -> bool:
        """Say whether it is for the file at ``path``; once, for what has begun is used up with the first who asks."""
        used, self._used = self._used, self._used or self.source.path == path
        return self._used and not used

    def give_up(self) -> None:
        """End what nobody has waited for."""
        for begun in (self.hashing, self.early):
            if begun is not None:
                begun.give_up()
        self.source.close()


class EarlyLook:
    """A child that looks into an image, forked before anything that it needs was imported."""

    def __init__(self, source: Source, terms: Terms) -> None:
        self._terms = terms
        self._process, self._channel = forking.fork(partial(_look, source, terms, os.getpid()), [source.descriptor])
        self._since = time.monotonic()
        self._over = False

    def take(self, terms: Terms) -> Child[Look] | None:
        """Return the child, if these are its terms and its time has just begun; otherwise it is given up."""
        if self._over or terms != self._terms or time.monotonic() - self._since > FRESH_SECONDS:
            self.give_up()
            return None
        from imgbuild.documents.inspection import Look  # noqa: PLC0415 - a head start comes before all other imports
        from imgbuild.sandbox import Child, Limits  # noqa: PLC0415 - as above

        self._over = True
        child = Child(self._process, self._channel, Look, Limits(seconds=terms.seconds, niceness=terms.niceness))
        child.watch()
        return child

    def give_up(self) -> None:
        """End it, if nobody has taken it."""
        if not self._over:
            self._over = True
            forking.kill(self._process)
            os.close(self._channel)
            forking.wait_for(self._process)


def _look(source: Source, terms: Terms, parent: int, channel: int) -> None:
    """Do the work of the child."""
    from imgbuild import inspection, sandbox  # noqa: PLC0415 - in the child, while the parent imports other things
    from imgbuild.state import Wanted  # noqa: PLC0415 - as above

    def work(report: Callable[[Look], None]) -> None:
        wanted = Wanted(initramfs=terms.initramfs, space=terms.space, checksums=terms.checksums)
        inspection.look(source, terms.claim, report, wanted=wanted)

    limits = sandbox.Limits(seconds=terms.seconds, niceness=terms.niceness)
    sandbox.shut_in(work, limits, [source.descriptor], parent, channel)
