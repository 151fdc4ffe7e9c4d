"""The children that read a disk: a job and its shares in, for each share its pieces out.

A child unpacks into pages that it shares with this process, a MiB after the other, and says over its pipe what is in
the next one; over another it hears that one is free again. So a disk is copied once on its way to be hashed, and a
child is never further ahead than its pages. Nothing that it says is taken on trust: a number that cannot be, silence
and its end are problems.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from itertools import islice
from mmap import mmap
from threading import Timer
from typing import TYPE_CHECKING, Annotated

import msgspec

from imgbuild import forking, sandbox
from imgbuild.content.pieces import read_through
from imgbuild.model import Problem
from imgbuild.readers import BrokenImage
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgbuild.content.pieces import Job, Pieces

PAGES = 8
"""MiB that a child may be ahead: two stripes of the usual size, so that it unpacks one while the other is hashed."""
_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Length = Annotated[int, msgspec.Meta(ge=0, le=MIB)]
_FREE = b"\0"


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What a child says: so many zeros come, so many bytes are in its next page, or it objects.

    After a problem that is the ``last`` nothing comes.
    """

    zeros: _Count = 0
    data: _Length = 0
    problem: Problem | None = None
    last: bool = False


class _Child:
    """A child at work on a share."""

    def __init__(self, job: Job, limits: sandbox.Limits, keep: Sequence[int]) -> None:
        self._limits = limits
        self._deadline = time.monotonic() + limits.seconds
        self._was_killed = False
        self._pages = mmap(-1, PAGES * MIB)
        hearing, self._freeing = os.pipe()
        work = partial(_tell, job, self._pages, hearing)
        kept = [*keep, *(() if job.folder is None else (job.folder.descriptor,)), hearing]
        try:
            self._process, channel = forking.fork(partial(sandbox.shut_in, work, limits, kept, os.getpid()), kept)
        except BaseException:
            os.close(self._freeing)
            raise
        finally:
            os.close(hearing)
        self._pipe = open(channel, "rb")  # noqa: SIM115 - it is closed with the child
        os.set_blocking(self._freeing, False)  # it is full only where a child frees more than it has
        self._status: int | None = None

    def pieces(self) -> Pieces:
        """Yield what it reads, each piece until the next is asked for; raises BrokenImage where it cannot go on."""
        decoder, pages, filled = msgspec.msgpack.Decoder(Said), memoryview(self._pages), 0
        try:
            for frame in islice(sandbox.frames(self._pipe), 1, None):  # the first says what is in force
                said = decoder.decode(frame)
                yield from _problems_in(said)
                if said.zeros:
                    yield said.zeros
                elif said.data:
                    start = filled % PAGES * MIB
                    yield pages[start : start + said.data]
                    filled += 1
                    self._free()
        except (msgspec.MsgspecError, ValueError, RecursionError, BlockingIOError):
            raise BrokenImage(sandbox.GARBLED) from None
        if (problem := self._end()) is not None:
            raise BrokenImage(problem)

    def kill(self) -> None:
        """End it at once, if it is still there."""
        if self._status is None:
            self._was_killed = True
            forking.kill(self._process)

    def close(self) -> None:
        """End it, and let go of what belongs to it."""
        self.kill()
        self._end()
        self._pipe.close()
        os.close(self._freeing)

    def _free(self) -> None:
        with suppress(BrokenPipeError):  # it has ended: whether too early is seen when the next piece is asked for
            os.write(self._freeing, _FREE)

    def _end(self) -> Problem | None:
        if self._status is None:
            self._status = forking.wait_for(self._process)
        in_time = time.monotonic() < self._deadline
        return sandbox.ending(self._status, self._limits, by_others=in_time and not self._was_killed)


def _problems_in(said: Said) -> Iterator[Problem]:
    if said.problem is not None and said.last:
        raise BrokenImage(said.problem)
    if said.problem is not None:
        yield said.problem


@contextmanager
def reading(jobs: Sequence[Job], limits: sandbox.Limits, keep: Sequence[int]) -> Iterator[list[Pieces]]:
    """Fork a child for each job, and give what each of them reads; they are ended when nobody listens any more.

    ``keep`` are the descriptors that they all work with. A child that does not end in its time is ended from here.
    """
    with ExitStack() as stack:
        children = [stack.enter_context(closing(_Child(job, limits, keep))) for job in jobs]
        timer = Timer(limits.seconds + sandbox.GRACE_SECONDS, _kill_all, [children])
        timer.daemon = True
        timer.start()
        stack.callback(timer.join)
        stack.callback(timer.cancel)
        yield [child.pieces() for child in children]


def _kill_all(children: Sequence[_Child]) -> None:
    for child in children:
        child.kill()


def _tell(job: Job, pages: mmap, hearing: int, report: Callable[[Said], None]) -> None:
    """Do the work of a child."""
    filled = 0
    try:
        for piece in read_through(job):
            if isinstance(piece, Problem):
                report(Said(problem=piece))
            elif isinstance(piece, int):
                report(Said(zeros=piece))
            else:
                if filled >= PAGES and not os.read(hearing, 1):
                    return
                start = filled % PAGES * MIB
                pages[start : start + len(piece)] = piece
                report(Said(data=len(piece)))
                filled += 1
    except BrokenImage as failure:
        report(Said(problem=failure.problem, last=True))
