"""Where something stands in a file of rules: a path and a name in, the line that it begins on out, counted from 1.

The reader of TOML gives no places, so that the text is looked through again; ``None`` where it is written in a way that
this does not see. Only what is wrong asks for a line.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from imgbuild.stamps import KEPT, stamp_of_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.stamps import Stamp

_RULE = re.compile(r"\s*\[\[\s*rule\s*\]\]")
_TABLE = re.compile(r"\s*\[")
_ID = re.compile(r"""\s*id\s*=\s*(["'])(.*?)\1""")


def line_of(path: str, rule_id: str) -> int | None:
    """Return the line on which a rule's id stands."""
    return _ids(path, stamp_of_file(path)).get(rule_id)


@lru_cache(KEPT)
def _ids(path: str, _stamp: Stamp) -> dict[str, int]:
    """Return the first line of each id: looked for once, for somebody may have thousands of rules."""
    found = [(match[2], number) for number, line in enumerate(_lines(path), start=1) if (match := _ID.match(line))]
    return dict(reversed(found))


def line_of_key(path: str, rule_id: str, key: str) -> int | None:
    """Return the line of a key of a rule; where that is not seen, the line of the rule's id."""
    start = line_of(path, rule_id)
    if start is None:
        return None
    lines = _lines(path)
    first = next((number for number in range(start - 1, 0, -1) if _RULE.match(lines[number - 1])), start)
    last = next((number for number in range(start, len(lines)) if _RULE.match(lines[number])), len(lines))
    name = re.compile(rf"\s*(\[rule\.)?[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    return next((number for number in range(first, last + 1) if name.match(lines[number - 1])), start)


def line_of_rule(path: str, number: int) -> int | None:
    """Return the line on which the rule of this number begins, counted from 0."""
    begins = [place for place, line in enumerate(_lines(path), start=1) if _RULE.match(line)]
    return begins[number] if number < len(begins) else None


def line_of_source(path: str, source: str) -> int | None:
    """Return the line on which a document begins."""
    name = rf"[\"']?{re.escape(source)}[\"']?\s*"
    begin = re.compile(rf"\s*(\[\s*sources\s*\.\s*{name}\]|{name}=)")
    return _first(path, lambda line: begin.match(line) is not None)


def line_of_name(path: str, name: str) -> int | None:
    """Return the line that begins with a name, as a key or as a table."""
    return _first(path, lambda line: line.strip(" \t[\"'").startswith(name))


def at_line(path: str, line: int | None) -> str:
    """Return a place as it stands in front of a message: the path, and the line where it is known."""
    return path if line is None else f"{path}:{line}"


def _first(path: str, wanted: Callable[[str], bool]) -> int | None:
    return next((number for number, line in enumerate(_lines(path), start=1) if wanted(line)), None)


def _lines(path: str) -> list[str]:
    with open(path, encoding="utf-8-sig") as file:
        return file.read().splitlines()
