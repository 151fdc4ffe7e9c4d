"""How the work of a function grows with its input: two inputs in, the ratio of processor time out.

Wall time says what else the machine does, and processor time which machine it is; the ratio says neither. A function
whose steps are the input's bytes gives about the ratio of the sizes, one with a loop in a loop its square.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
ROUNDS = 5


def growth(work: Callable[[T], object], small: T, large: T) -> float:
    """Return how many times as long ``work`` takes for the large input as for the small one, the least of five each."""
    return min(_spent(work, large) for _ in range(ROUNDS)) / min(_spent(work, small) for _ in range(ROUNDS))


def _spent(work: Callable[[T], object], given: T) -> int:
    started = time.process_time_ns()
    work(given)
    return max(1000, time.process_time_ns() - started)
