"""What a cache of what was read somewhere asks for: a path in, what changes with the file or the folder there out."""

from __future__ import annotations

import os
import stat

Stamp = tuple[object, ...]
KEPT = 32
"""So many books, and lists of what is in them, are kept: those of all clouds, and of some changes."""


def stamp_of(path: str | None) -> Stamp:
    """Return what is another once the file at ``path``, or one in the folder there, was written, moved or replaced.

    Of a pipe, which can be read only once, it is the path alone; of what cannot be looked at, too.
    """
    if path is None:
        return ()
    try:
        names = sorted(os.listdir(path)) if os.path.isdir(path) else []
        whole = os.path.abspath(path)
    except (OSError, ValueError):  # it is said by those who read it
        return (path,)
    return (whole, *map(stamp_of_file, (path, *(os.path.join(path, name) for name in names))))


def stamp_of_file(path: str) -> Stamp:
    """Return the same of what is no folder, at less cost: the folder is not in it that a path begins in."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return (path,)
    if not stat.S_ISREG(status.st_mode):
        return (path, status.st_ino)
    return (path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
