"""Read a small file that a person named: a path and a limit in, the bytes out; requests, manifests, keys, baselines.

What a shell makes of ``<(…)`` is a pipe, and so is a FIFO: it is read to its end, as long as that takes its writer. To
open a FIFO waits for a writer, and for ever where there is none: here it is opened without waiting, and a writer has
some seconds to come.

pipe(7), "I/O on pipes and FIFOs", https://man7.org/linux/man-pages/man7/pipe.7.html
"""

from __future__ import annotations

import errno
import os
import stat

WAIT_SECONDS = 2.0
"""A shell starts reader and writer in any order, but opens the FIFO for the writer before that does anything."""

_FLAGS = (os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
          | getattr(os, "O_BINARY", 0))


def read_small(path: str, limit: int) -> bytes:
    """Return up to ``limit`` bytes of the file at ``path``; the writer of a FIFO has a moment to come.

    Raises:
        OSError: It cannot be opened or read; a FIFO that nobody writes to is such a file.
        ValueError: The path cannot be one.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        begun = _begin(descriptor, limit) if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else b""
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(descriptor, True)
        with open(descriptor, "rb", closefd=False) as file:  # which refuses a directory
            return begun + file.read(limit - len(begun))
    finally:
        os.close(descriptor)


def _begin(descriptor: int, limit: int) -> bytes:
    """Return what a pipe has for a start, nothing where its writer is there but has written nothing yet."""
    import select  # noqa: PLC0415 - few files are pipes

    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll(WAIT_SECONDS * 1000)
    try:
        begun = os.read(descriptor, limit)
    except BlockingIOError:
        return b""
    if not begun:
        raise OSError(errno.ENXIO, "it is a FIFO, and nothing was written to it")
    return begun
