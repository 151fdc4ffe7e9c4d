"""The program: ``imgbuild`` and ``python -m imgbuild``.

It ends in order on the signals that people and machines send to end it: no file is left half written, no child behind.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

from imgbuild.commands.ahead import foresee, forget
from imgbuild.commands.ending import settle, take_signals
from imgbuild.errors import Terminated
from imgbuild.leanness import leave_out

WORTH_A_SEARCH = 10_000
"""So many new objects are searched for garbage; with Python's own 700 there are forty searches before any work."""

PATIENCE = 0.0005
"""Seconds that a thread waits for one that computes. With Python's own 5 ms, what starts qemu-img beside the thread
that imports takes 20 ms."""


def main() -> None:
    """Run the command line and end with its exit status."""
    _fill_standard_streams()
    leave_out()
    gc.set_threshold(WORTH_A_SEARCH)
    sys.setswitchinterval(PATIENCE)
    try:
        take_signals()
        foresee(sys.argv[1:])
        from imgbuild.commands.program import program  # noqa: PLC0415 - when the image has been begun with

        program(prog_name="imgbuild")
    except SystemExit as ended:
        if isinstance(ended.code, int):
            _end(ended.code)
        forget()
        raise
    except (KeyboardInterrupt, Terminated) as ending:  # before there was a command to end, or while it ended
        settle()
        _end(Terminated.status_of(ending))


def _end(status: int) -> NoReturn:
    """End at once: to take the interpreter apart takes 5 ms, and the system frees all of it anyway.

    What was printed has been written by then, or could not be; nothing is left open but what was read.
    """
    forget()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _fill_standard_streams() -> None:
    """Open /dev/null in the place of a standard stream that is closed, or an image would be opened there.

    Python has noted by now which are closed: what is to be printed still fails.
    """
    for stream in range(3):
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


if __name__ == "__main__":
    main()
