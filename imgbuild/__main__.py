"""The program: ``imgbuild`` and ``python -m imgbuild``."""

from __future__ import annotations

import gc
import os

WORTH_A_SEARCH = 10_000
"""So many new objects are searched for garbage; with Python's own 700 there are forty searches before any work."""


def main() -> None:
    """Run the command line and end with its exit status."""
    _fill_standard_streams()
    gc.set_threshold(WORTH_A_SEARCH)
    from imgbuild.commands.program import program  # noqa: PLC0415 - with the threshold set

    try:
        program(prog_name="imgbuild")
    finally:
        gc.freeze()  # the end frees all of it at once, and need not look for cycles first


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
