"""How long work takes, for tests that say what it must not do: go on without end.

What counts is the time of the processor, so neither other programs nor a slow disk make a test fail. There is one
limit, far from what anything here takes on the slowest of machines: a loop whose bound came from a file takes longer
than any limit, and how fast the rest is stands in the benchmarks.
"""

from __future__ import annotations

import time

ENDLESS = 10.0
"""Seconds of the processor; the longest of all takes 0.7."""


class Clock:
    """Begins to count when it is made."""

    def __init__(self) -> None:
        self._started = time.process_time()

    def seconds(self) -> float:
        """Return the seconds of processor time since then."""
        return time.process_time() - self._started
