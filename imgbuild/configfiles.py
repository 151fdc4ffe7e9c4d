"""Where a configuration may be: the folder that somebody works in, in; paths of files, the nearest first, out.

It stands apart from ``config.py``, which reads them, so that a run without any begins at once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "imgbuild.toml"
PROJECT_FILE = "pyproject.toml"


def candidates(start: str) -> Iterator[str]:
    """Give the paths that a configuration for the folder ``start`` may have, from there upwards."""
    folder = os.path.abspath(start)
    while True:
        yield os.path.join(folder, FILE)
        yield os.path.join(folder, PROJECT_FILE)
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent


def any_there(start: str) -> bool:
    """Say whether one of them may be there: what cannot be looked at counts, for its reader says why."""
    return any(map(_may_be_there, candidates(start)))


def _may_be_there(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
