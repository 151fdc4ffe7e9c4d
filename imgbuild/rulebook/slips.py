"""What is wrong with a table that people wrote, in their words: msgspec's refusal in; place, sentence and cure out.

The sentences of msgspec name what was expected, but neither the line nor what comes close to a misspelt word.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from imgbuild.checks import KINDS
from imgbuild.model import Group, Severity

if TYPE_CHECKING:
    from collections.abc import Collection

_KEYS = "mend it there"
_VALUES = {"severity": get_args(Severity), "group": get_args(Group),
           "kind": ("page", "specification", "seed", "logic", "own")}
_NAMES = {"array": "a list in [ ]", "object": "a table in { }", "str": "a text in quotation marks",
          "int": "a whole number", "bool": "true or false", "float": "a number"}
_SHORT = {"array": "list", "object": "table", "str": "text", "int": "whole number", "bool": "truth value",
          "float": "number"}
_MISSING = {
    "severity": 'write severity = "error", "warning" or "note"',
    "check": "write check = { kind = ... }; rules/README.md has the kinds",
    "kind": "write kind = ...; rules/README.md has the kinds",
}


class Slip(msgspec.Struct, frozen=True):
    """What is wrong, at which key of the rule, and the cure."""

    key: str | None
    message: str
    cure: str


def slip_of(error: str, table: dict[str, Any], keys: Collection[str]) -> Slip:
    """Return what a refusal says of a rule; ``keys`` are those that a rule may have."""
    text, _, path = error.partition(" - at `$")
    places = path.rstrip("`").removeprefix(".").partition("[")[0].split(".") if path else []
    word = _word_in(text)
    known = _keys_of_check(table) if places[:1] == ["check"] else keys
    if text.startswith("Object contains unknown field"):
        where = f" in check of kind {table['check'].get('kind')!r}" if places[:1] == ["check"] else ""
        return Slip(places[0] if places else word, f"there is no key {word!r}{where}", _near(word, known))
    if text.startswith("Object missing required field"):
        where = f"in check, {word}" if places else word
        return Slip(places[0] if places else None, f"{where} is missing", _MISSING.get(word, f"write {word} = ..."))
    if places == ["check", "kind"]:
        return Slip("check", f"there is no kind of check {word or text!r}", _near(word, KINDS))
    if text.startswith("Invalid enum value") and places:
        return Slip(places[0], f"{places[-1]} is {word!r}", _near(word, _VALUES.get(places[-1], ())))
    if text.startswith("Expected") and places:
        return Slip(places[0], f"{'.'.join(places)} is no {_types(text)[0]}", f"write it as {_types(text)[1]}")
    return Slip(places[0] if places else None, text, _KEYS)


def _word_in(text: str) -> str:
    found = re.search(r"[`'](.*)[`']", text)
    return found[1] if found else ""


def _keys_of_check(table: dict[str, Any]) -> tuple[str, ...]:
    kind = KINDS.get(str(table["check"].get("kind"))) if isinstance(table.get("check"), dict) else None
    return tuple(field.name for field in msgspec.structs.fields(kind)) if kind is not None else ()


def _near(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(known)}" if known else _KEYS


def _types(text: str) -> tuple[str, str]:
    """Return what was expected: in a word, and how it is written."""
    names = [name for name in re.findall(r"`(.*?)`", text)[0].split(" | ") if name != "null"]
    return " or ".join(_SHORT.get(name, name) for name in names), " or ".join(_NAMES.get(name, name) for name in names)
