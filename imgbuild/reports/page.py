"""What a report is made on, and the words that stand there; drawing them is for ``sheet.py``, which imports rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Page(msgspec.Struct, frozen=True):
    """What a report is made on, and how much is to be said.

    Attributes:
        width: Columns in which sentences wrap.
        colour: Whether styles become escape sequences.
        verbose: Whether more is shown than most people want.
        quiet: Whether nothing but the first line is.
    """

    width: int = 80
    colour: bool = False
    verbose: bool = False
    quiet: bool = False


class Word(msgspec.Struct, frozen=True):
    """A text with a style: error, warning, note, good, title, faint or none."""

    text: str
    style: str | None = None


def counted(count: int, noun: str) -> str:
    """Return ``1 error``, ``2 errors``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def flat(parts: Iterable[str | None], joint: str = ", ") -> str:
    """Join the parts that there are."""
    return joint.join(part for part in parts if part)
