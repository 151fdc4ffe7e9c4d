"""A verdict: yes, no or unseen, with the evidence in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Verdict(NamedTuple):
    """``value`` is ``None`` where it could not be seen; ``why`` is a sentence without control characters."""

    value: bool | None
    why: str


def best(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the first yes, else the first unseen, else the first no; there must be one."""
    for value in (True, None):
        for verdict in verdicts:
            if verdict.value is value:
                return verdict
    return verdicts[0]
