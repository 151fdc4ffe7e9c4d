"""typing_extensions is left out: msgspec takes three names from it where it is installed, and 8 ms to import it.

Python has these names itself since 3.11, but htpy brings the package. The program leaves it out until HTML is asked
for; a program that has imgbuild as a library decides on its own modules.
"""

from __future__ import annotations

import sys

_NAME = "typing_extensions"


def leave_out() -> None:
    """Let an import of it fail, as if it were not installed, unless it is there already."""
    # ``None`` says that: https://docs.python.org/3/reference/import.html#the-module-cache
    sys.modules.setdefault(_NAME, None)  # type: ignore[arg-type]  # no module


def let_in() -> None:
    """Let it be imported again."""
    if sys.modules.get(_NAME, sys) is None:
        del sys.modules[_NAME]
