"""Run work on an untrusted file in a limited child process.

In: a function that reports values as it learns them, and limits. Out: the last value that was reported, and why the
child ended early if it did. The child is forked before any thread starts, inherits the open descriptor of the image,
and answers over a pipe in frames of 4 bytes length (big-endian) and MessagePack. What it had reported before it died
stays. On a system without ``fork`` the work runs in this process and ``in_force`` is empty.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Generic, NoReturn, TypeVar

import msgspec

from imgbuild.model import Problem
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

FRAME_LIMIT = 64 * MIB
EXIT_DONE, EXIT_FAILED, EXIT_MEMORY = 0, 70, 71
GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class Limits:
    """What the child may use: bytes of address space, seconds of wall and processor time, open files."""

    memory: int = 512 * MIB
    seconds: float = 30.0
    open_files: int = 64


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What the child left: its last value, the problem that ended it early, and the limits in force."""

    value: T | None
    problem: Problem | None
    in_force: tuple[str, ...]


class Child(Generic[T]):
    """A forked child at work; :meth:`result` waits for it."""

    def __init__(self, process: int, channel: int, kind: type[T], limits: Limits) -> None:
        self._process = process
        self._limits = limits
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._frame = b""
        self._deadline = time.monotonic() + limits.seconds + GRACE_SECONDS
        # The pipe is drained while the parent does other work, or the child would wait for room in it.
        self._drain = threading.Thread(target=self._collect, args=(channel,), daemon=True)
        self._drain.start()

    def result(self) -> Outcome[T]:
        """Wait for the child, at most for its time limit, and return what it reported."""
        self._drain.join(max(0.0, self._deadline - time.monotonic()))
        if self._drain.is_alive():
            self.kill()
        _, status = os.waitpid(self._process, 0)
        self._drain.join()
        value = self._decoder.decode(self._frame) if self._frame else None
        return Outcome(value, _ending(status, self._limits), ("fork", "rlimits"))

    def kill(self) -> None:
        """End the child at once."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process, signal.SIGKILL)

    def _collect(self, channel: int) -> None:
        with open(channel, "rb") as pipe:
            while len(header := pipe.read(4)) == 4:  # noqa: PLR2004 - the frame's length field
                length = int.from_bytes(header, "big")
                if length > FRAME_LIMIT or len(frame := pipe.read(length)) < length:
                    return
                self._frame = frame


def start(work: Callable[[Callable[[T], None]], None], kind: type[T], limits: Limits) -> Child[T]:
    """Fork a child that runs ``work(report)`` under ``limits``; ``kind`` is the type of the reported values."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _be_child(work, writing, limits)
    os.close(writing)
    return Child(process, reading, kind, limits)


def run(work: Callable[[Callable[[T], None]], None], kind: type[T], limits: Limits) -> Outcome[T]:
    """Run ``work`` in a child, or in this process where the system has no ``fork``, and wait for it."""
    if hasattr(os, "fork"):
        return start(work, kind, limits).result()
    last: list[T] = []
    work(last.append)
    return Outcome(last[-1] if last else None, None, ())


def _be_child(work: Callable[[Callable[[T], None]], None], channel: int, limits: Limits) -> NoReturn:
    status = EXIT_FAILED
    try:
        _be_quiet()
        _limit(limits)
        with open(channel, "wb") as pipe:
            work(lambda value: _send(pipe, value))
        status = EXIT_DONE
    except MemoryError:
        status = EXIT_MEMORY
    except BaseException:  # noqa: BLE001 - the child never returns into the parent's code
        if os.environ.get("IMGBUILD_TRACEBACK"):
            sys.excepthook(*sys.exc_info())
    finally:
        # Nothing of the parent runs twice: no buffers are flushed, no exit handlers called.
        os._exit(status)


def _be_quiet() -> None:
    """Let nothing that a library prints reach the terminal, unless a traceback is asked for."""
    if not os.environ.get("IMGBUILD_TRACEBACK"):
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)


def _send(pipe: BinaryIO, value: object) -> None:
    frame = msgspec.msgpack.encode(value)
    pipe.write(len(frame).to_bytes(4, "big") + frame)
    pipe.flush()


def _limit(limits: Limits) -> None:
    import resource  # noqa: PLC0415 - POSIX only, and only the child needs it

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.seconds)
    seconds = int(limits.seconds) + 1
    wanted = ((resource.RLIMIT_AS, _address_space(limits.memory)), (resource.RLIMIT_CPU, seconds),
              (resource.RLIMIT_NOFILE, limits.open_files), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0))
    for which, value in wanted:
        _, hard = resource.getrlimit(which)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (ceiling, ceiling))


def _address_space(memory: int) -> int:
    """Return the limit on address space: ``memory``, but at least half of it beyond what the parent has mapped."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            mapped = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return memory
    return max(memory, mapped + memory // 2)


def _ending(status: int, limits: Limits) -> Problem | None:
    if os.WIFSIGNALED(status):
        return _killed(os.WTERMSIG(status), limits)
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
    name = signal.Signals(number).name if number in signal.valid_signals() else str(number)
    return Problem(code="inspection-died", message=f"the inspection of the image ended by signal {name}")
