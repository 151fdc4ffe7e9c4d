"""Text for a person, drawn with rich: words, sentences and rows in, aligned lines out.

Values are never cut or wrapped, sentences wrap at the width of the page, and what has no room beside stands below. All
words are made printable here, before rich sees them, and it sees them as ``Text``: nothing in them is markup.

Whoever imports this module imports rich's texts, so text is drawn only by modules that are imported when text is asked
for. Its console takes four times as long to import, and is only asked for colours.
"""

from __future__ import annotations

import io
import re
from itertools import zip_longest
from typing import TYPE_CHECKING, cast

import msgspec
from rich.style import Style
from rich.text import Text

from imgbuild.reports.escape import disarmed, visible
from imgbuild.reports.page import Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from imgbuild.reports.page import Page

GAP = 2
INDENT = 2
LABEL = 8
SENTENCE = 24  # columns: with fewer, a sentence has no room

_STYLES = {
    None: Style.null(), "error": Style(color="red", bold=True), "warning": Style(color="yellow", bold=True),
    "note": Style(color="cyan", bold=True), "good": Style(color="green", bold=True), "title": Style(bold=True),
    "faint": Style(dim=True),
}

# The console is wider than anything that is drawn on it, so that rich cuts nothing; sentences are wrapped before.
_BOUNDLESS = 1 << 30
_NOBODY = cast("Console", None)  # wrapping asks for a console, and has a use for it where lines are to be filled

# No line is broken inside a value: what stands in quotation marks, in which spaces count, and a number with its unit.
# While rich looks for a place to break, a private character stands for such a space; printable text has none.
_WHOLE = re.compile(r"""(?<!\w)(['"])(?:(?!\1).)+\1(?!\w)|\d (?:[KMGT]i?B|bytes?)\b""")
_GLUE = "\ue000"
_NOTHING = ("", "-")


class Sheet:
    """A page with the lines of a report."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._written = io.StringIO()
        self._console = _console(self._written) if page.colour else None

    def text(self) -> str:
        """Return what has been written."""
        return disarmed(re.sub(r" +$", "", self._written.getvalue(), flags=re.MULTILINE))

    def line(self, *words: str | Word, indent: int = 0) -> None:
        """Write words side by side, two columns between them; empty ones are left out."""
        self._put(Text(" " * indent) + _side_by_side(*words))

    def head(self, title: str, sentence: str) -> None:
        """Write the title of a report, and a sentence beside it or below."""
        name, said = _side_by_side(Word(title, "title")), _side_by_side(sentence)
        if name.cell_len + GAP + said.cell_len <= self.page.width:
            self._put(name.append(" " * GAP) + said)
        else:
            self._put(name)
            self._hang(Text(), said, INDENT)

    def section(self, title: str, *words: str | Word) -> None:
        """Write the head of a part: its title, and what there is to say at once, wrapped."""
        self._hang(_side_by_side(Word(title, "title")), _side_by_side(*words), INDENT + LABEL)

    def sentence(self, *words: str | Word, indent: int = 0) -> None:
        """Write a sentence, wrapped."""
        self._hang(Text(), _side_by_side(*words), indent)

    def fact(self, label: str | Word, *sentences: str, indent: int = INDENT, width: int = LABEL,
             whole: bool = False) -> None:
        """Write a label and what stands behind it, wrapped unless it is to stay whole; what is more follows below."""
        before = Text(" " * indent) + _side_by_side(_word(label, "faint"))
        start = max(indent + width, before.cell_len + 1)
        for sentence in sentences:
            self._hang(before, _side_by_side(sentence), start, whole=whole)
            before = Text()

    def ends(self, left: Sequence[str | Word], right: str | Word, more: str = "") -> None:
        """Write ``left`` and ``more`` at the start of a line and ``right`` at its end, or ``left`` above the others."""
        start, end = _side_by_side(*left, more), _side_by_side(right)
        if start.cell_len + GAP + end.cell_len > self.page.width:
            self._put(_side_by_side(*left))
            start = _side_by_side(more)
        start.pad_right(max(GAP if start else 0, self.page.width - start.cell_len - end.cell_len))
        self._put(start + end)

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
                self._wrap(column, self.page.width - indent - _least(beside) + column.least)
        for row in range(len(rows)):
            for line in _beside(beside, row):
                self._put(Text(" " * indent) + line)
            for column in below if not heading or row else ():
                self._put_below(column, row, indent + 2 * GAP, heading=heading)

    def _put_below(self, column: _Column, row: int, indent: int, *, heading: bool) -> None:
        if column.cells[row].plain not in _NOTHING:
            name = column.cells[0].copy().append(" ") if heading else Text()
            self._hang(Text(), name + column.cells[row], indent)

    def _wrap(self, column: _Column, width: int) -> None:
        wrapped = [self._lines(cell, width) for cell in column.cells]
        column.cells = [Text("\n").join(lines) for lines in wrapped]
        column.width = max(line.cell_len for lines in wrapped for line in lines)

    def _hang(self, before: Text, said: Text, start: int, *, whole: bool = False) -> None:
        """Write something behind what stands before it, its further lines below itself."""
        for line in [said] if whole else self._lines(said, self.page.width - start):
            before.pad_right(start - before.cell_len)
            self._put(before + line)
            before = Text()

    def _lines(self, sentence: Text, width: int) -> list[Text]:
        """Return a sentence as lines of at most ``width`` columns, at least one; a longer word stays whole."""
        if sentence.cell_len <= width:
            return [sentence]
        glued = sentence.copy()
        glued.plain = _WHOLE.sub(lambda value: value[0].replace(" ", _GLUE), glued.plain)
        glued.overflow = "ignore"
        lines = list(glued.wrap(_NOBODY, max(SENTENCE, width))) or [Text()]
        for line in lines:
            line.plain = line.plain.replace(_GLUE, " ")
        return lines

    def _put(self, drawn: Text) -> None:
        if self._console is None:
            self._written.write(f"{drawn.plain}\n")  # all that a console would make of it
        else:
            self._console.print(drawn, soft_wrap=True)


class _Column(msgspec.Struct):
    """A column of a table; ``width`` is that of its widest line."""

    cells: list[Text]
    wraps: bool
    width: int

    @property
    def least(self) -> int:
        """The columns of the page that it needs, be it wrapped."""
        return min(self.width, SENTENCE) if self.wraps else self.width

    def is_empty(self, *, heading: bool) -> bool:
        """Say whether it has nothing but a heading."""
        return all(cell.plain in _NOTHING for cell in self.cells[1 if heading else 0:])


def _columns(rows: Sequence[Sequence[str | Word]], sentence: int | None) -> list[_Column]:
    columns = [[_side_by_side(cell) for cell in cells] for cells in zip(*rows, strict=True)]
    return [_Column(cells, number == sentence, max(cell.cell_len for cell in cells))
            for number, cells in enumerate(columns)]


def _console(written: io.StringIO) -> Console:
    """Return what makes colours of styles. All is said here, so that rich asks neither environment nor terminal."""
    from rich.console import Console  # noqa: PLC0415 - most output has no colours

    return Console(file=written, width=_BOUNDLESS, height=1, color_system="standard", no_color=False,
                   force_terminal=True, force_interactive=False, force_jupyter=False, legacy_windows=False,
                   markup=False, highlight=False, emoji=False)


def _split(columns: list[_Column], room: int) -> tuple[list[_Column], list[_Column]]:
    """Return the columns that have room side by side, one at least, and the others."""
    fitting = len(columns)
    while fitting > 1 and _least(columns[:fitting]) > room:
        fitting -= 1
    return columns[:fitting], columns[fitting:]


def _least(columns: Sequence[_Column]) -> int:
    return sum(column.least for column in columns) + GAP * (len(columns) - 1)


def _beside(columns: Sequence[_Column], row: int) -> Iterator[Text]:
    """Yield the lines of a row."""
    cells = [column.cells[row].split("\n", allow_blank=True) for column in columns]
    for parts in zip_longest(*cells, fillvalue=Text()):
        line = Text()
        for column, part in zip(columns, parts, strict=True):
            line.append_text(part).pad_right(column.width - part.cell_len + GAP)
        yield line


def _side_by_side(*words: str | Word) -> Text:
    text = Text()
    for word in map(_word, words):
        if word.text:
            text.append(" " * GAP if text else "").append(visible(word.text), _STYLES[word.style])
    return text


def _word(word: str | Word, style: str | None = None) -> Word:
    return Word(word, style) if isinstance(word, str) else word
