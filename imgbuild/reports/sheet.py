"""Text for a person: words, sentences and rows in, aligned lines out.

Values are never cut or wrapped, sentences wrap at the width of the page, and what has no room beside stands below. All
words are made printable here.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from imgbuild.reports.escape import disarmed, visible
from imgbuild.reports.page import Word
from imgbuild.reports.styled import Styled, blank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.reports.page import Page

GAP = 2
INDENT = 2
LABEL = 8
SENTENCE = 24  # columns: with fewer, a sentence has no room

_NOTHING = ("", "-")


class Sheet:
    """A page with the lines of a report."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._written = io.StringIO()

    def text(self) -> str:
        """Return what has been written."""
        return disarmed(re.sub(r" +$", "", self._written.getvalue(), flags=re.MULTILINE))

    def line(self, *words: str | Word, indent: int = 0) -> None:
        """Write words side by side, two columns between them; empty ones are left out."""
        self._put(blank(indent) + _side_by_side(*words))

    def head(self, title: str, sentence: str) -> None:
        """Write the title of a report, and a sentence beside it or below."""
        name, said = _side_by_side(Word(title, "title")), _side_by_side(sentence)
        if name.width + GAP + said.width <= self.page.width:
            self._put(name + blank(GAP) + said)
        else:
            self._put(name)
            self._hang(Styled(), said, INDENT)

    def section(self, title: str, *words: str | Word) -> None:
        """Write the head of a part: its title, and what there is to say at once, wrapped."""
        self._hang(_side_by_side(Word(title, "title")), _side_by_side(*words), INDENT + LABEL)

    def sentence(self, *words: str | Word, indent: int = 0) -> None:
        """Write a sentence, wrapped."""
        self._hang(Styled(), _side_by_side(*words), indent)

    def fact(self, label: str | Word, *sentences: str, indent: int = INDENT, width: int = LABEL,
             whole: bool = False) -> None:
        """Write a label and what stands behind it, wrapped unless it is to stay whole; what is more follows below."""
        before = blank(indent) + _side_by_side(_word(label, "faint"))
        start = max(indent + width, before.width + 1)
        for sentence in sentences:
            self._hang(before, _side_by_side(sentence), start, whole=whole)
            before = Styled()

    def ends(self, left: Sequence[str | Word], right: str | Word, more: str = "") -> None:
        """Write ``left`` and ``more`` at the start of a line and ``right`` at its end, or ``left`` above the others."""
        start, end = _side_by_side(*left, more), _side_by_side(right)
        if start.width + GAP + end.width > self.page.width:
            self._put(_side_by_side(*left))
            start = _side_by_side(more)
        between = max(GAP if start else 0, self.page.width - start.width - end.width)
        self._put(start + blank(between) + end)

    def table(self, rows: Sequence[Sequence[str | Word]], *, indent: int = INDENT, heading: bool = False,
              sentence: int | None = None) -> None:
        """Write rows in columns; one that holds nothing but ``-`` is left out.

        The column of the number ``sentence`` wraps. For as many of the last columns as have no room, what they hold
        stands below its row, behind the name that the heading has for it.
        """
        first = [_word(cell, "faint" if heading else None) for cell in rows[0]] if rows else []
        columns = [column for column in _columns([first, *rows[1:]], sentence) if not column.is_empty(heading=heading)]
        beside, below = _split(columns, self.page.width - indent)
        for column in beside:
            if column.wraps:
                column.wrap(self.page.width - indent - _least(beside) + column.least)
        for part in _parts(len(rows), together=not below) if beside else ():
            for row in part:
                self._put_row(beside, row, indent)
            for column in below if not heading or part.start else ():
                self._put_below(column, part.start, indent + 2 * GAP, heading=heading)

    def _put_below(self, column: _Column, row: int, indent: int, *, heading: bool) -> None:
        if column.cells[row].plain not in _NOTHING:
            name = column.cells[0] + blank(1) if heading else Styled()
            self._hang(Styled(), name + column.cells[row], indent)

    def _put_row(self, columns: Sequence[_Column], row: int, indent: int) -> None:
        """Write a row: its first lines side by side, then what is left of wrapped ones."""
        for line in zip_longest(*(column.lines[row] for column in columns), fillvalue=Styled()):
            drawn = blank(indent)
            for column, cell in zip(columns, line, strict=True):
                drawn += cell.padded(column.width + GAP)
            self._put(drawn)

    def _hang(self, before: Styled, said: Styled, start: int, *, whole: bool = False) -> None:
        """Write something behind what stands before it, its further lines below itself."""
        for line in [said] if whole else _wrapped(said, self.page.width - start):
            self._put(before.padded(start) + line)
            before = Styled()

    def _put(self, line: Styled) -> None:
        self._written.write(f"{line.drawn(colour=self.page.colour)}\n")


@dataclass
class _Column:
    """A column of a table; ``width`` is that of its widest line."""

    cells: list[Styled]
    wraps: bool
    width: int
    lines: list[list[Styled]]

    @property
    def least(self) -> int:
        """The columns of the page that it needs, be it wrapped."""
        return min(self.width, SENTENCE) if self.wraps else self.width

    def is_empty(self, *, heading: bool) -> bool:
        """Say whether it has nothing but a heading."""
        return all(cell.plain in _NOTHING for cell in self.cells[1 if heading else 0:])

    def wrap(self, width: int) -> None:
        """Take further lines for what is wider."""
        self.lines = [_wrapped(cell, width) for cell in self.cells]
        self.width = max(line.width for lines in self.lines for line in lines)


def _columns(rows: Sequence[Sequence[str | Word]], sentence: int | None) -> list[_Column]:
    columns = [[_side_by_side(cell) for cell in cells] for cells in zip(*rows, strict=True)]
    return [_Column(cells, number == sentence, max(cell.width for cell in cells), [[cell] for cell in cells])
            for number, cells in enumerate(columns)]


def _split(columns: list[_Column], room: int) -> tuple[list[_Column], list[_Column]]:
    """Return the columns that have room side by side, one at least, and the others."""
    fitting = len(columns)
    while fitting > 1 and _least(columns[:fitting]) > room:
        fitting -= 1
    return columns[:fitting], columns[fitting:]


def _least(columns: Sequence[_Column]) -> int:
    return sum(column.least for column in columns) + GAP * (len(columns) - 1)


def _parts(rows: int, *, together: bool) -> list[range]:
    return [range(rows)] if together else [range(row, row + 1) for row in range(rows)]


def _wrapped(sentence: Styled, width: int) -> list[Styled]:
    return sentence.lines(max(SENTENCE, width))


def _side_by_side(*words: str | Word) -> Styled:
    text = Styled()
    for word in map(_word, words):
        if word.text:
            text += (blank(GAP) if text else text) + Styled(((visible(word.text), word.style),))
    return text


def _word(word: str | Word, style: str | None = None) -> Word:
    return Word(word, style) if isinstance(word, str) else word
