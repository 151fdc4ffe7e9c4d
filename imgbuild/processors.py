"""Where threads run: the numbers of threads in, this one moved away from them.

Two threads that take turns stay on one processor of two, while a third keeps the other for itself however far it steps
back by nice(1): the system moves threads where one waits for long, and these wait for moments, but a fifth of the time.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from threading import get_native_id
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PROCESSOR = 36
"""Field 39 of /proc/PID/task/TID/stat, counted from the third, behind the name: where it ran last. proc(5)"""


def step_aside(threads: Iterable[int]) -> None:
    """Move this thread to a processor that none of ``threads`` runs on, if it shares one and there is such; Linux only.

    It is bound to none: where the system moves it next is for the system to say.
    """
    if sys.platform != "linux":
        return
    taken = {processor_of(thread) for thread in threads}
    with suppress(OSError):  # whoever shut the program in may have kept that to himself
        allowed = os.sched_getaffinity(0)
        if processor_of(get_native_id()) in taken and allowed - taken:
            try:
                os.sched_setaffinity(0, allowed - taken)
            finally:
                os.sched_setaffinity(0, allowed)


def processor_of(thread: int) -> int:
    """Return the processor that a thread of this process ran on last; -1 where that cannot be told."""
    try:
        with open(f"/proc/self/task/{thread}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[_PROCESSOR])
    except (OSError, IndexError, ValueError):
        return -1


def usable() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
