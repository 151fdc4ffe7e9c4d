"""How long work takes, for tests that say what it must not do: grow without end.

What counts is the time of the processor, so neither other programs nor a slow disk make a test fail; and where it is
long, it is divided by how much slower this machine is just now than the one that the limits were found on.
"""

from __future__ import annotations

import time

USUAL_SECONDS = 0.012
"""What the loop below takes on a machine that is not busy, in Python 3.11."""

_SHORT_SECONDS = 0.2


class Clock:
    """Begins to count when it is made."""

    def __init__(self) -> None:
        self._started = time.process_time()

    def seconds(self) -> float:
        """Return the seconds of processor time since then, of a usual machine."""
        taken = time.process_time() - self._started
        return taken if taken < _SHORT_SECONDS else taken / _slowness()


def _slowness() -> float:
    """Return how many times longer this machine takes than a usual one for the same work; at least 1."""
    started = time.process_time()
    sum(number * number for number in range(200_000))
    return max(1.0, (time.process_time() - started) / USUAL_SECONDS)
