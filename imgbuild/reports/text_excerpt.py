"""The message of a finding at the place that it points at: a line of the request, or a value, with a caret below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from imgbuild.reports.escape import visible
from imgbuild.reports.json import value_words
from imgbuild.reports.page import Word
from imgbuild.reports.sheet import INDENT, SENTENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgbuild.documents.findings import Finding
    from imgbuild.reports.sheet import Sheet

_CARET = "^ "
_CUT = "…"
_MOST_CHARACTERS = 1000


def write_message(sheet: Sheet, finding: Finding, lines: Sequence[str]) -> None:
    """Write the message of a finding: behind a caret where there is a place in ``lines`` or a value to point at."""
    room = sheet.page.width - INDENT
    pointed = _line(finding, lines, room) or _guest_line(finding, room) or _value(finding)
    if pointed is None:
        sheet.sentence(finding.message, indent=INDENT)
        return
    before, after = pointed
    sheet.line(before + after, indent=INDENT)
    start = INDENT + cell_len(before)
    room = sheet.page.width - start - len(_CARET)
    if room >= min(cell_len(visible(finding.message)), max(SENTENCE, sheet.page.width // 2)):
        sheet.fact(Word("^", finding.severity), finding.message, indent=start, width=len(_CARET))
    else:
        sheet.line(Word("^", finding.severity), indent=start)
        sheet.sentence(finding.message, indent=INDENT)


def _guest_line(finding: Finding, room: int) -> tuple[str, str] | None:
    """Return the line of the guest file that a finding is about, cut to the room."""
    if finding.excerpt is None:
        return None
    head = "" if finding.subject.line is None else f"{finding.subject.line} | "
    return head, _cut(finding.excerpt, room - len(head))


def _cut(text: str, room: int) -> str:
    fitting = _fitting(text, room)
    return "".join(fitting) if len(fitting) == len(text) else "".join(fitting[:-1]) + _CUT


def _line(finding: Finding, lines: Sequence[str], room: int) -> tuple[str, str] | None:
    """Return the line of the request before and from the place on, made printable.

    It is cut to the room, around the place: a request may be one long line.
    """
    line, column = finding.subject.line, finding.subject.column
    if finding.subject.kind != "request" or line is None or column is None or not 0 < line <= len(lines):
        return None
    before, after = lines[line - 1][: column - 1].lstrip(), lines[line - 1][column - 1 :].rstrip()
    head = f"{line} | "
    room -= len(head)
    short = len(before) + len(after) <= _MOST_CHARACTERS  # of others not even the width is reckoned
    if short and cell_len(visible(before + after)) <= room:
        return head + visible(before), visible(after)
    left = _fitting(reversed(before), room * 2 // 3)[::-1]
    start = "".join(left) if len(left) == len(before) else _CUT + "".join(left[1:])
    return head + start, _cut(after, room - cell_len(start))


def _fitting(characters: Iterable[str], room: int) -> list[str]:
    """Return as many characters as have room, each made printable."""
    fitting: list[str] = []
    for shown in map(visible, characters):
        room -= cell_len(shown)
        if room < 0:
            break
        fitting.append(shown)
    return fitting


def _value(finding: Finding) -> tuple[str, str] | None:
    """Return key and value of a request that was built: it has no lines yet."""
    pointer = finding.subject.pointer
    if finding.subject.kind != "request" or not pointer or finding.value is None:
        return None
    return visible(f"{pointer.rsplit('/', 1)[-1]}: "), visible(value_words(finding.value))
