"""The program: ``imgbuild`` and ``python -m imgbuild``."""

from __future__ import annotations

import gc

WORTH_A_SEARCH = 10_000
"""So many new objects are searched for garbage; with Python's own 700 there are forty searches before any work."""


def main() -> None:
    """Run the command line and end with its exit status."""
    gc.set_threshold(WORTH_A_SEARCH)
    from imgbuild.commands.program import program  # noqa: PLC0415 - with the threshold set

    try:
        program(prog_name="imgbuild")
    finally:
        gc.freeze()  # the end frees all of it at once, and need not look for cycles first


if __name__ == "__main__":
    main()
