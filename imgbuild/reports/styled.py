"""Text in styles: parts in; widths in columns of a terminal, lines that fit and escape sequences out.

Escape sequences are those of ECMA-48, 8.3.117, "select graphic rendition":
https://ecma-international.org/publications-and-standards/standards/ecma-48/
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

CUT = "…"
"""What stands for what was cut away."""

_CODES = {"error": "1;31", "warning": "1;33", "note": "1;36", "good": "1;32", "title": "1", "faint": "2"}
_WITH_SPACE = re.compile(r" *[^ ]+ *")

# No line is broken inside a value: what stands in quotation marks, in which spaces count, and a number with its unit.
# While a place to break is looked for, a control character stands for such a space; printable text has none.
_WHOLE = re.compile(r"""(?<!\w)(['"])(?:(?!\1).)+\1(?!\w)|\d (?:[KMGT]i?B|bytes?)\b""")
_GLUE = "\x1f"


class Styled(msgspec.Struct, frozen=True):
    """Printable text, in parts that each have a style or none."""

    parts: tuple[tuple[str, str | None], ...] = ()

    @property
    def plain(self) -> str:
        """The text alone."""
        return "".join(text for text, _ in self.parts)

    @property
    def width(self) -> int:
        """The columns that it takes."""
        return columns(self.plain)

    def __bool__(self) -> bool:
        """Say whether there is any text."""
        return bool(self.parts)

    def __add__(self, other: Styled) -> Styled:
        """Return this text with the other one behind it."""
        return Styled(self.parts + other.parts)

    def padded(self, width: int) -> Styled:
        """Return the text with spaces behind it up to that width."""
        missing = width - self.width
        return self + blank(missing) if missing > 0 else self

    def drawn(self, *, colour: bool) -> str:
        """Return the text to write out, with escape sequences for the styles where there is colour."""
        if not colour:
            return self.plain
        return "".join(text if style is None else f"\x1b[{_CODES[style]}m{text}\x1b[0m" for text, style in self.parts)

    def lines(self, width: int) -> list[Styled]:
        """Return the text as lines of at most that width, at least one; a longer word stays whole."""
        glued = _WHOLE.sub(lambda value: value[0].replace(" ", _GLUE), self.plain)
        return [self._cut(start, _end_of(glued[start:end], width) + start)
                for start, end in pairwise((0, *_breaks(glued, width), len(glued)))]

    def _cut(self, start: int, end: int) -> Styled:
        """Return the characters from ``start`` to ``end``."""
        kept = []
        for text, style in self.parts:
            inside = text[max(0, start) : max(0, end)]
            if inside:
                kept.append((inside, style))
            start, end = start - len(text), end - len(text)
        return Styled(tuple(kept))


def blank(width: int) -> Styled:
    """Return so many spaces."""
    return Styled(((" " * width, None),) if width > 0 else ())


def columns(text: str) -> int:
    """Return the columns of a terminal that a printable text takes."""
    if text.replace(CUT, "-").isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - few texts need its tables

    return cell_len(text)


def _breaks(text: str, width: int) -> Iterator[int]:
    """Give the places where further lines begin."""
    taken = 0
    for word in _WITH_SPACE.finditer(text):
        if taken + columns(word[0].rstrip(" ")) > width and word.start():
            yield word.start()
            taken = 0
        taken += columns(word[0])


def _end_of(line: str, width: int) -> int:
    """Return where a line ends without the spaces that have no room."""
    return max(min(len(line), width), len(line.rstrip(" ")))
