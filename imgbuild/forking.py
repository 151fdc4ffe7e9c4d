"""Fork children of this program: a function in; a process and the pipe that it answers by out.

A child keeps the descriptors that it is given and no other, is silent on the terminal, and ends at once on the signals
that end a program. Nothing of the parent runs twice in it: no buffers are flushed, no exit handlers called.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

EXIT_DONE, EXIT_FAILED, EXIT_MEMORY = 0, 70, 71
_ENDING = tuple(number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)))
_FIRST_FREE = 3  # after standard input, output and error
_MANY = 4096


def fork(work: Callable[[int], None], keep: Iterable[int]) -> tuple[int, int]:
    """Fork a child that runs ``work`` with the descriptor that it is to write its answer to.

    Returns its process id, and the descriptor that the answer is read from.
    """
    reading, writing = os.pipe()
    with _no_signals():  # one that came in between would run the parent's handlers, and its code, in the child
        try:
            process = os.fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        if process == 0:
            _be_child(work, writing, {*keep, writing})
    os.close(writing)
    return process, reading


def wait_for(process: int) -> int:
    """Return the status with which a child ended, as wait(2) has it.

    Where SIGCHLD is ignored the system keeps no status: the child then counts as done, for what it had to say about its
    end it has said, and a child that said nothing leaves no answer.
    """
    try:
        return os.waitpid(process, 0)[1]
    except ChildProcessError:
        return EXIT_DONE


def has_ended(process: int, seconds: float) -> bool:
    """Wait for the end of a child, at most so long, and say whether it has come; true where the system cannot tell."""
    import select  # noqa: PLC0415 - this comes before all other imports

    try:
        handle = os.pidfd_open(process)
    except (AttributeError, OSError):
        return True
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(handle)


def kill(process: int) -> None:
    """End a child at once."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _be_child(work: Callable[[int], None], channel: int, kept: set[int]) -> NoReturn:
    status = EXIT_FAILED
    try:
        gc.freeze()  # what came from the parent is not looked through again, nor its files closed by chance
        _close_all_but(kept)
        _take_signals()
        _be_quiet()
        work(channel)
        status = EXIT_DONE
    except MemoryError:
        status = EXIT_MEMORY
    except BaseException:  # noqa: BLE001 - the child never returns into the parent's code
        if os.environ.get("IMGBUILD_TRACEBACK"):
            sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


@contextlib.contextmanager
def _no_signals() -> Iterator[None]:
    """Hold back the signals that end a program."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _take_signals() -> None:
    """End at once on the signals that end a program, whatever the parent does on them."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def _close_all_but(kept: set[int]) -> None:
    """Close the files of the parent: its terminal, its output, sockets of a program that has us as a library."""
    try:
        opened = {int(name) for name in os.listdir("/dev/fd")}
    except OSError:
        opened = set(range(_MANY))
    for descriptor in opened - kept:
        if descriptor >= _FIRST_FREE:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _be_quiet() -> None:
    """Let nothing that a library prints reach the terminal, unless a traceback is asked for."""
    if not os.environ.get("IMGBUILD_TRACEBACK"):
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
