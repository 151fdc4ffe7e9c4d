"""Run work in a forked child that is shut in.

In: a function that reports values as it learns them, and limits. Out: the last value that was reported, why the child
ended early if it did, and what held it. The child is forked before any thread starts, keeps the descriptors that it is
given and no other, and answers over a pipe in frames of 4 bytes length (big-endian) and MessagePack: first what is in
force, before it has seen a byte of the image, then the values. What it had reported before it died stays. On a system
without ``fork`` the work runs in this process and ``in_force`` is empty.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar

import msgspec

from imgbuild import forking
from imgbuild.forking import EXIT_DONE, EXIT_MEMORY
from imgbuild.model import Problem
from imgbuild.sandbox.limits import Limits, limit
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

FRAME_LIMIT = 64 * MIB
GRACE_SECONDS = 2.0
GARBLED = Problem(code="inspection-died", message="the answer of the inspection is not understood, so the image may"
                  " have taken it over; what it said before is kept")

KILLED = Problem(code="inspection-died", message="the inspection of the image was killed by another program, or by the"
                 " system for want of memory (signal SIGKILL)")


class Outcome(msgspec.Struct, Generic[T], frozen=True):
    """What the child left: its last value, the problem that ended it early, and what held it (``fork``, …)."""

    value: T | None
    problem: Problem | None
    in_force: tuple[str, ...]


class Child(Generic[T]):
    """A forked child at work; :meth:`watch` takes in what it says, :meth:`result` waits for it."""

    def __init__(self, process: int, channel: int, kind: type[T], limits: Limits) -> None:
        self._process = process
        self._limits = limits
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._in_force: tuple[str, ...] = ("fork",)
        self._value: T | None = None
        self._garbled = False
        self._reported = threading.Condition()
        self._ended = False
        self._was_killed = False
        self._silent_since = 0.0
        self._deadline = time.monotonic() + limits.seconds + GRACE_SECONDS
        self._drain = threading.Thread(target=self._collect, args=(channel,), daemon=True)

    def watch(self) -> None:
        """Drain the pipe while the parent does other work, or the child would wait for room in it; once is enough."""
        if self._drain.ident is None:
            self._drain.start()

    def first(self, is_it: Callable[[T], bool]) -> T | None:
        """Wait for a reported value that ``is_it``, and return the first that is seen; ``None`` if none comes."""
        self.watch()
        with self._reported:
            self._reported.wait_for(lambda: self._ended or (self._value is not None and is_it(self._value)),
                                    max(0.0, self._deadline - time.monotonic()))
            return self._value if self._value is not None and is_it(self._value) else None

    def result(self, within: float | None = None) -> Outcome[T]:
        """Wait for the child, at most for its time limit or ``within`` seconds, and return what it reported."""
        self.watch()
        left = max(0.0, self._deadline - time.monotonic())
        self._drain.join(left if within is None else min(left, within))
        if self._drain.is_alive():
            self.kill()
        elif not forking.has_ended(self._process, max(0.0, self._deadline - time.monotonic())):
            self.kill()  # it has closed its pipe, and stayed
        status = forking.wait_for(self._process)
        self._drain.join()
        return Outcome(self._value, GARBLED if self._garbled else self._ending(status), self._in_force)

    def _ending(self, status: int) -> Problem | None:
        in_time = self._silent_since < self._deadline - GRACE_SECONDS
        return ending(status, self._limits, by_others=in_time and not self._was_killed)

    def kill(self) -> None:
        """End the child at once."""
        self._was_killed = True
        forking.kill(self._process)

    def _collect(self, channel: int) -> None:
        with open(channel, "rb") as pipe:
            answer = frames(pipe)
            try:
                for first in islice(answer, 1):
                    self._in_force = msgspec.msgpack.decode(first, type=tuple[str, ...])
                for frame in answer:
                    self._learn(self._decoder.decode(frame))
            except (msgspec.MsgspecError, ValueError, RecursionError):
                self._garbled = True
                self.kill()
        self._silent_since = time.monotonic()
        self._learn(self._value, ended=True)

    def _learn(self, value: T | None, *, ended: bool = False) -> None:
        with self._reported:
            self._value, self._ended = value, ended
            self._reported.notify_all()


def frames(pipe: BinaryIO) -> Iterator[bytes]:
    """Yield the frames that a child sends, until it ends; raises ValueError for one that is too large."""
    while len(header := pipe.read(4)) == 4:  # noqa: PLR2004 - the frame's length field
        length = int.from_bytes(header, "big")
        if length > FRAME_LIMIT:
            raise ValueError(f"a frame of {length} bytes")
        if len(frame := pipe.read(length)) < length:
            return
        yield frame


def start(work: Callable[[Callable[[T], None]], None], kind: type[T], limits: Limits,
          keep: Sequence[int] = ()) -> Child[T]:
    """Fork a child as :func:`fork` does, and watch it."""
    child = fork(work, kind, limits, keep)
    child.watch()
    return child


def fork(work: Callable[[Callable[[T], None]], None], kind: type[T], limits: Limits,
         keep: Sequence[int] = ()) -> Child[T]:
    """Fork a child that runs ``work(report)`` under ``limits``; ``kind`` is the type of the reported values.

    The child keeps the descriptors in ``keep`` open and no others; in folders among them it may open files for reading.
    It ends with the thread that started it. Nobody takes in what it says before :meth:`Child.watch`, which starts a
    thread: where several children are forked, all of them are forked first.
    """
    _confinement()  # imported here, once for all children
    return Child(*forking.fork(partial(shut_in, work, limits, keep, os.getpid()), keep), kind, limits)


def shut_in(work: Callable[[Callable[[T], None]], None], limits: Limits, keep: Sequence[int], parent: int,
            channel: int) -> None:
    """Run ``work(report)`` in this process, which ``parent`` has forked, and answer over ``channel``.

    It works under the limits, with the descriptors in ``keep``, and says first what is in force.
    """
    limit(limits)
    in_force = ("fork", "rlimits", *_confinement()(keep, parent))
    with open(channel, "wb") as pipe:
        _send(pipe, in_force)
        work(lambda value: _send(pipe, value))


def run(work: Callable[[Callable[[T], None]], None], kind: type[T], limits: Limits,
        keep: Sequence[int] = ()) -> Outcome[T]:
    """Run ``work`` in a child, or in this process where the system has no ``fork``, and wait for it."""
    if hasattr(os, "fork"):
        return start(work, kind, limits, keep).result()
    last: list[T] = []
    work(last.append)
    return Outcome(last[-1] if last else None, None, ())


def _confinement() -> Callable[[Sequence[int], int], tuple[str, ...]]:
    """Return what shuts the child in: nothing where the system is not Linux or Python came without ctypes."""
    if sys.platform == "linux":
        with contextlib.suppress(ImportError):
            from imgbuild.sandbox.reader import confine_reader  # noqa: PLC0415 - Linux only

            return confine_reader
    return lambda _keep, _parent: ()


def _send(pipe: BinaryIO, value: object) -> None:
    frame = msgspec.msgpack.encode(value)
    pipe.write(len(frame).to_bytes(4, "big") + frame)
    pipe.flush()


def ending(status: int, limits: Limits, *, by_others: bool) -> Problem | None:
    """Return what was wrong with the end of a child, by its status as wait(2) has it.

    ``by_others`` says that its time was not over and that nobody here has ended it.
    """
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return KILLED if number == signal.SIGKILL and by_others else _killed(number, limits)
    code = os.WEXITSTATUS(status)
    if code == EXIT_MEMORY:
        return Problem(code="inspection-memory",
                       message=f"reading the image needs over {limits.memory // MIB} MiB of memory; it was stopped")
    if code != EXIT_DONE:
        return Problem(code="inspection-died", message="the inspection of the image failed; what it had learnt is kept")
    return None


def _killed(number: int, limits: Limits) -> Problem:
    if number in (signal.SIGALRM, signal.SIGXCPU, signal.SIGKILL):
        return Problem(code="inspection-timeout",
                       message=f"reading the image took over {limits.seconds:g} s; it was stopped")
    if number == signal.SIGSYS:
        return Problem(code="inspection-died", message="the inspection of the image was stopped by the kernel (signal"
                       " SIGSYS): it made a system call that reading never needs, so the image may have taken it over")
    name = signal.Signals(number).name if number in signal.valid_signals() else str(number)
    return Problem(code="inspection-died", message=f"the inspection of the image ended by signal {name}")
