"""Tables in Markdown: rows of cells in, lines out, which also take the place of the last ones in a README.

What is measured stands between two comments, so that nobody has to type a number:

    <!-- benchmarks: written by tests/benchmarks/run.py -->
    <!-- end of the benchmarks -->
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

BEGIN = "<!-- benchmarks: written by tests/benchmarks/run.py -->"
END = "<!-- end of the benchmarks -->"
_RULES = {"l": "---", "r": "---:"}


class Page:
    """What was measured so far: each line is shown at once and kept."""

    def __init__(self, shown: TextIO) -> None:
        self._shown = shown
        self.lines: list[str] = []

    def say(self, *lines: str) -> None:
        """Add lines."""
        for line in lines:
            self.lines.append(line)
            self._shown.write(line + "\n")
        self._shown.flush()

    def table(self, columns: Sequence[str], aligned: str, rows: Iterable[Sequence[str]]) -> None:
        """Add a table, a row as soon as it is there; ``aligned`` has ``l`` or ``r`` for each column."""
        self.say(_row(columns), _row([_RULES[letter] for letter in aligned]))
        for row in rows:
            self.say(_row(row))
        self.say("")


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def write_into(path: Path, lines: Sequence[str]) -> None:
    """Put the lines between the two comments of a file.

    Raises:
        ValueError: the two comments are not there, each once and in this order.
    """
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{path} needs the line {BEGIN} and after it the line {END}, each once")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    content = "\n".join(lines).strip()
    path.write_text(f"{before}{BEGIN}\n\n{content}\n\n{END}{after}", encoding="utf-8")
