"""What an edit does to the text of a request: its JSON and an edit in, a range and what is to stand there out.

Of a string only the characters that differ are written anew, so that escapes stay; a new member takes the white space
of the members beside it (RFC 8259, section 2, leaves it free).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.jsontokens import unescaped_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.documents.findings import Edit
    from imgbuild.jsontext import JsonDocument, Place

MARK = "\ufeff"
_SPACE = " \t\r\n"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
# A character of a string as it is written: half of a surrogate pair stands in no text that is mended.
_UNIT = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL)


class Splice(NamedTuple):
    """What is to stand in the text between ``start`` and ``end`` (characters, the mark before the text not counted)."""

    start: int
    end: int
    text: str


def splice_of(document: JsonDocument, edit: Edit) -> Splice:
    """Return what an edit does to the text of a document."""
    if edit.action == "remove-mark":
        return Splice(-1, 0, "")
    found = document.find(edit.pointer)
    if found is None and edit.action == "set":
        return _insertion(document, edit.pointer, edit.value)
    if found is None:
        raise ValueError(f"there is nothing at {edit.pointer!r}")
    start, place = found
    if edit.action == "remove":
        return _removal(document.text, start, place.end)
    if edit.action == "rename":
        key = _string_at(document.text, start)
        return Splice(start, place.end, _rewritten(key, str(edit.key)) + document.text[start + len(key) : place.end])
    return Splice(place.start, place.end, _rewritten(document.text[place.start : place.end], edit.value))


def _removal(text: str, start: int, end: int) -> Splice:
    """Return the removal of a member or an item with one comma: the one behind it, or else the one before it."""
    after = _skip(text, end)
    if text[after] == ",":
        return Splice(start, _skip(text, after + 1), "")
    before = _skip_back(text, start)
    return Splice(_skip_back(text, before - 1) if text[before - 1] == "," else start, end, "")


def _insertion(document: JsonDocument, pointer: str, value: object) -> Splice:
    """Return a new last member of the object that ``pointer`` leads to."""
    parent, _, token = pointer.rpartition("/")
    found = document.find(parent)
    members = found[1].members if found is not None else None
    if found is None or not isinstance(members, dict):
        raise ValueError(f"{pointer!r} leads to no object of the text")
    key = json.dumps(unescaped_token(token))
    if not members:
        return Splice(found[1].start + 1, found[1].start + 1, f"{key}: {_written(value)}")
    start, last = max(members.values())
    between, colon = _spaces(document.text, start, last)
    return Splice(last.end, last.end, f",{between}{key}{colon}{_written(value)}")


def _spaces(text: str, start: int, last: Place) -> tuple[str, str]:
    """Return what is to stand before the key of a new member and behind it, as it is with the last one there is."""
    before = _skip_back(text, start)
    space, colon = text[before:start], text[start + len(_string_at(text, start)) : last.start]
    colon = ": " if "\n" in colon or "\r" in colon else colon
    is_only = text[before - 1] == "{"
    one_line = " " if colon.endswith(" ") else ""
    return (one_line if is_only and "\n" not in space and "\r" not in space else space), colon


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in tuple(_SPACE):
        at += 1
    return at


def _skip_back(text: str, at: int) -> int:
    while text[at - 1] in _SPACE:
        at -= 1
    return at


def _string_at(text: str, start: int) -> str:
    found = _STRING.match(text, start)
    return found[0] if found else ""


def _rewritten(written: str, value: Any) -> str:  # noqa: ANN401 - a JSON value
    """Return a value as it is to be written where ``written`` stands: of two strings, what they share stays."""
    if not written.startswith('"') or not isinstance(value, str):
        return _written(value)
    units = _UNIT.findall(written[1:-1])
    old = [json.loads(f'"{unit}"') for unit in units]
    head = _shared(old, value)
    tail = _shared(old[head:][::-1], value[head:][::-1])
    middle = json.dumps(value[head : len(value) - tail], ensure_ascii=written.isascii())[1:-1]
    return f'"{"".join(units[:head])}{middle}{"".join(units[len(units) - tail :])}"'


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many characters two texts begin with in common."""
    return next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
                min(len(one), len(other)))


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
