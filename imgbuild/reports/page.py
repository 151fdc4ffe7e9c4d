"""Lines of text in columns: words in, lines for a person out. All words are made printable here, once and for all.

Values are never cut or wrapped; sentences wrap at the width of the page. Drawn without rich, which is imported for the
progress bar only: its tables cost 26 ms of the 120 ms that a whole inspection may take, and cut what is too wide.
"""

from __future__ import annotations

import textwrap
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imgbuild.reports.escape import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GAP = 2
LABEL = 8
NARROWEST = 24

# SGR parameters, ECMA-48 section 8.3.117.
_STYLES = {"error": "1;31", "warning": "1;33", "note": "1;36", "good": "1;32", "title": "1", "faint": "2"}
_WIDE = ("W", "F")


@dataclass(frozen=True)
class Word:
    """A text with a style: error, warning, note, good, title, faint or none."""

    text: str
    style: str | None = None


@dataclass
class Page:
    """The lines of a report.

    Attributes:
        width: Columns in which sentences wrap.
        colour: Whether styles become escape sequences.
        verbose: Whether more is shown than most people want.
        quiet: Whether nothing but the first line is.
        lines: What has been written.
    """

    width: int = 80
    colour: bool = False
    verbose: bool = False
    quiet: bool = False
    lines: list[str] = field(default_factory=list)

    def line(self, *words: str | Word, indent: int = 0) -> None:
        """Write words side by side, two columns between them; empty ones are left out."""
        shown = [self._styled(word) for word in map(_word, words) if word.text]
        self.lines.append((" " * indent + (" " * GAP).join(shown)).rstrip())

    def section(self, title: str, *words: str | Word) -> None:
        """Write the head of a part: its title, and what there is to say at once."""
        self.line(Word(f"{title:<{LABEL}}", "title"), *words)

    def ends(self, left: str | Word, right: str | Word, *more: str | Word) -> None:
        """Write ``left`` and ``more`` at the start of a line and ``right`` at its end, or behind them."""
        words = [_word(word) for word in (left, *more, right)]
        taken = sum(cells(visible(word.text)) for word in words) + GAP * len(more)
        space = " " * max(GAP, self.width - taken)
        shown = [self._styled(word) for word in words]
        self.lines.append(((" " * GAP).join(shown[:-1]) + space + shown[-1]).rstrip())

    def fact(self, label: str, *sentences: str, indent: int = 2, width: int = LABEL) -> None:
        """Write a label and what stands behind it, wrapped; more sentences follow below."""
        for number, sentence in enumerate(sentences):
            self._wrapped(label if number == 0 else "", sentence, indent, max(width, cells(label) + 1))

    def table(self, rows: Sequence[Sequence[str | Word]], *, indent: int = 2, heading: bool = False,
              wrapped: bool = True) -> None:
        """Write rows in columns; one that holds nothing but ``-`` is left out, the last wraps unless told not to."""
        cleaned = _without_empty([[_word(cell) for cell in row] for row in rows], skip=1 if heading else 0)
        widths = [max(cells(visible(cell.text)) for cell in column) for column in zip(*cleaned, strict=True)]
        for number, row in enumerate(cleaned):
            style = "faint" if heading and number == 0 else None
            self._row([Word(cell.text, cell.style or style) for cell in row], widths, indent, wrapped=wrapped)

    def text(self) -> str:
        """Return what has been written."""
        return "".join(f"{line}\n" for line in self.lines)

    def _row(self, row: Sequence[Word], widths: Sequence[int], indent: int, *, wrapped: bool) -> None:
        start = indent + sum(widths[:-1]) + GAP * (len(widths) - 1)
        head = " " * indent + "".join(self._styled(cell) + " " * (width - cells(visible(cell.text)) + GAP)
                                      for cell, width in zip(row[:-1], widths[:-1], strict=True))
        last = row[-1].text
        first, *rest = (wrap(last, max(NARROWEST, self.width - start)) or [""]) if wrapped else [last]
        self.lines.append((head + self._styled(Word(first, row[-1].style))).rstrip())
        self.lines += [" " * start + self._styled(Word(line, row[-1].style)) for line in rest]

    def _wrapped(self, label: str, sentence: str, indent: int, width: int) -> None:
        start = indent + width
        for number, line in enumerate(wrap(sentence, max(NARROWEST, self.width - start)) or [""]):
            head = label if number == 0 else ""
            padding = " " * (width - cells(visible(head)))
            self.lines.append((" " * indent + self._styled(Word(head, "faint")) + padding + line).rstrip())

    def _styled(self, word: Word) -> str:
        text = visible(word.text)
        return f"\x1b[{_STYLES[word.style]}m{text}\x1b[0m" if self.colour and word.style and text else text


def cells(text: str) -> int:
    """Return how many columns of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in _WIDE else 1 for c in text)


def wrap(sentence: str, width: int) -> list[str]:
    """Return a sentence as printable lines of at most ``width`` columns; a longer word stays whole."""
    return textwrap.wrap(visible(sentence), width, break_long_words=False, break_on_hyphens=False)


def counted(count: int, noun: str) -> str:
    """Return ``1 error``, ``2 errors``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _word(word: str | Word) -> Word:
    return Word(word) if isinstance(word, str) else word


def _without_empty(rows: list[list[Word]], skip: int) -> list[list[Word]]:
    columns = [column for column in zip(*rows, strict=True)
               if any(cell.text not in {"", "-"} for cell in column[skip:])]
    return [list(row) for row in zip(*columns, strict=True)]


def flat(parts: Iterable[str | None], joint: str = ", ") -> str:
    """Join the parts that there are."""
    return joint.join(part for part in parts if part)
