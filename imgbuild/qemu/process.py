"""Start a qemu program shut in: its words and one descriptor in, the running child or its output out.

The name of the image is in no argument: a program is given ``/dev/fd/N``, our own descriptor that it inherits, so that
no ``-o``, ``json:``, ``nbd:`` or comma in a name can mean anything, and what it reads is the file that was inspected.
See CVE-2015-5162 on why it has limits.
"""

from __future__ import annotations

import os
import sys
import time
from functools import cache
from typing import TYPE_CHECKING, Literal

from imgbuild.sizes import MIB

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

CPU_SECONDS = 10
MEMORY_BYTES = 1024 * MIB
OUTPUT_BYTES = 4 * MIB
OPEN_FILES = 64

_RUNNING: list[subprocess.Popen[bytes]] = []

Failure = Literal["not-asked", "not-run", "refused", "died"]


class NoAnswerError(Exception):
    """The child gave no answer; carries how, a sentence, and what held it."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.sandbox: tuple[str, ...] = ()


@cache
def find(program: str = "qemu-img") -> str | None:
    """Return the absolute path of a program, or ``None`` where it is not installed."""
    places = (os.path.abspath(os.path.join(folder, program)) for folder in os.get_exec_path())
    return next((path for path in places if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def run(arguments: Sequence[str], descriptor: int | None, timeout: float) -> tuple[bytes, tuple[str, ...]]:
    """Run qemu-img shut in, and return what it wrote to standard output, and what held it; ``timeout`` in seconds.

    Raises:
        NoAnswerError: It could not be started, refused the image, or died over it.
    """
    child, held = start([find() or "qemu-img", *arguments], descriptor)
    _RUNNING.append(child)
    try:
        with child:
            try:
                output, complaints = _collect(child, time.monotonic() + timeout)
            finally:
                _RUNNING.remove(child)
                child.kill()
        if child.returncode != 0:
            raise failure_of(child.returncode, complaints, "qemu-img: ", f"Could not open '{arguments[-1]}': ")
    except NoAnswerError as failed:
        failed.sandbox = held
        raise
    return output, held


def stop() -> None:
    """End what runs, for nobody waits for its answer any more."""
    for child in tuple(_RUNNING):
        child.kill()


def start(words: Sequence[str], descriptor: int | None,
          sockets: str | None = None) -> tuple[subprocess.Popen[bytes], tuple[str, ...]]:
    """Start a program shut in, and return it with what holds it.

    ``descriptor`` is the one file that it gets from us, ``sockets`` a folder in which it may make a socket.

    Raises:
        NoAnswerError: It cannot be started.
    """
    import subprocess  # noqa: PLC0415 - not for those who ask for the version of imgbuild only

    from imgbuild.sandbox.program import Reach, start_confined  # noqa: PLC0415 - as above

    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "MALLOC_ARENA_MAX": "1"}
    inherited = () if descriptor is None else (descriptor,)

    def popen() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - no shell, and no word of the arguments is from outside
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=inherited,
            env=environment, cwd="/")

    try:
        child, held = start_confined(popen, Reach(words[0], descriptor, sockets))
    except OSError as error:
        raise NoAnswerError("not-run", f"it cannot be started: {error.strerror}") from error
    return child, (*_limit(child.pid), *held)


def _limit(pid: int) -> tuple[str, ...]:
    """Put limits on the child from outside: a function run between fork and exec could deadlock beside our threads."""
    if sys.platform != "linux":
        return ()
    import resource  # noqa: PLC0415 - there is none on Windows

    limits = {resource.RLIMIT_AS: MEMORY_BYTES, resource.RLIMIT_CPU: CPU_SECONDS, resource.RLIMIT_FSIZE: 0,
              resource.RLIMIT_NOFILE: OPEN_FILES, resource.RLIMIT_CORE: 0}
    for which, value in limits.items():
        try:
            hard = resource.prlimit(pid, which)[1]
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.prlimit(pid, which, (bound, bound))
        except ProcessLookupError:  # it has ended already
            break
    return ("rlimits",)


def _collect(child: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    """Read both streams to their ends, at most OUTPUT_BYTES of them."""
    import selectors  # noqa: PLC0415 - as above

    assert child.stdout is not None  # noqa: S101 - both are pipes
    assert child.stderr is not None  # noqa: S101 - as above
    parts: dict[int, list[bytes]] = {child.stdout.fileno(): [], child.stderr.fileno(): []}
    left = OUTPUT_BYTES
    with selectors.DefaultSelector() as selector:
        for stream in parts:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise NoAnswerError("died", "it took too long and was stopped")
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                parts[key.fd].append(data)
                left -= len(data)
                if not data:
                    selector.unregister(key.fd)
            if left < 0:
                raise NoAnswerError("died", f"it wrote over {OUTPUT_BYTES // MIB} MiB and was stopped")
    child.wait()
    output, complaints = (b"".join(part) for part in parts.values())
    return output, complaints


def failure_of(status: int, complaints: bytes, *prefixes: str) -> NoAnswerError:
    """Return how a program failed that ended with ``status`` and these complaints.

    ``prefixes`` are what it puts before its reason, in their order; they are left out.
    """
    if status < 0:
        return NoAnswerError("died", f"signal {_signal_name(-status)}")
    lines = complaints.decode("utf-8", "replace").strip().splitlines() or [f"exit status {status}"]
    reason = lines[0]
    for prefix in prefixes:
        reason = reason.removeprefix(prefix)
    # What cannot be opened although it is open says nothing about what it holds.
    return NoAnswerError("not-run" if reason.startswith("Could not open '") else "refused", repr(reason[:200])[1:-1])


def _signal_name(number: int) -> str:
    import signal  # noqa: PLC0415 - as above

    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
