"""Checks of the request as a whole: which keys it has, of which types, and what excludes what.

They read the fields of the operation from the cloud's profile, so one rule holds for all fields; a hit then carries the
documents and error codes of its field.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from imgbuild.checks.base import Case, Check, Hit, Hits, escaped, is_integer, listed, quoted
from imgbuild.profiles import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.profiles import FieldSpec

KEY_LENGTH = 255
MANY_KEYS = 100
LONGEST_MISSPELLING = 40
_WORDS = {"string": "a string", "integer": "a whole number", "boolean": "true or false",
          "string-list": "a list of strings", "object-list": "a list of objects", "object": "an object"}


def _of_type(value: object, wanted: str) -> bool:
    if wanted == "integer":
        return is_integer(value)
    if wanted in {"string-list", "object-list"}:
        return isinstance(value, list)
    return isinstance(value, {"string": str, "boolean": bool, "object": dict}.get(wanted, object))


def _kind(value: object) -> str:
    words = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return words.get(type(value), "null")


def _fields(case: Case) -> dict[str, FieldSpec]:
    """Return the documented fields of the body: those of the operation, then the custom properties it takes."""
    operation = case.operation
    if operation is None:
        return {}
    own = {name: field for name, field in operation.fields.items() if field.place == "body"}
    return {**case.profile.custom_properties, **own} if operation.custom_properties else own


def _others(case: Case) -> Iterator[tuple[str, Any]]:
    """Yield the keys that are neither documented for the operation nor the server's own."""
    known = _fields(case)
    for key, value in case.body.items():
        if key not in known and key not in case.profile.server_set:
            yield key, value


class Types(Check, frozen=True, kw_only=True, tag="types"):
    """Each documented field has the type that is documented."""

    def find(self, case: Case) -> Hits:
        """Yield fields, and items of lists, of another type."""
        fields = _fields(case)
        for key, value in case.body.items():
            if key in fields and not _is_unreadable(case, f"/{escaped(key)}"):
                yield from self._field(f"/{escaped(key)}", value, fields[key])

    def _field(self, pointer: str, value: object, field: FieldSpec) -> Hits:
        if not _of_type(value, field.type):
            yield _wrong(pointer, field.name, value, field.type, field)
        elif isinstance(value, list):
            item = "string" if field.type == "string-list" else "object"
            for index, part in enumerate(value):
                if not _of_type(part, item):
                    yield _wrong(f"{pointer}/{index}", f"{field.name}/{index}", part, item, field)


def _is_unreadable(case: Case, pointer: str) -> bool:
    """Say whether the text has been objected to at this place already: its value stands in for what is not JSON."""
    document = case.context.document
    return document is not None and any(problem.pointer == pointer for problem in document.problems)


def _wrong(pointer: str, name: str, value: object, wanted: str, field: FieldSpec) -> Hit:
    quote = _as_wanted(value, wanted)
    found = "null" if value is None else f"{_kind(value)}, {quoted(value)}"
    return Hit(message=f"{name} is {found}: {_WORDS[wanted]} is expected", pointer=pointer, value=value,
               hint=f"Write {quote}." if quote else None, sources=_cited(field))


def _as_wanted(value: object, wanted: str) -> str | None:
    """Return how the value would be written in the type that is wanted, where that is plain."""
    if wanted == "integer" and isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
        return str(int(value))
    if wanted == "boolean" and isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower()
    if wanted == "string" and isinstance(value, (bool, int, float)):
        return json.dumps(json.dumps(value))
    return None


def _cited(field: FieldSpec) -> tuple[tuple[str, str], ...] | None:
    return tuple((source, "") for source in field.sources) or None


class Mandatory(Check, frozen=True, kw_only=True, tag="mandatory"):
    """Each field that the operation cannot do without is there."""

    def find(self, case: Case) -> Hits:
        """Yield the fields that are missing."""
        for name, field in _fields(case).items():
            if field.mandatory and name not in case.body:
                yield Hit(message=f"{name} is missing: {case.context.operation} cannot do without it",
                          pointer=f"/{escaped(name)}", sources=_cited(field), errors=field.errors or None)


class StringProperties(Check, frozen=True, kw_only=True, tag="string-properties"):
    """A key that no page documents holds a string."""

    def find(self, case: Case) -> Hits:
        """Yield values of other types under such keys."""
        for key, value in _others(case):
            if not isinstance(value, str):
                quote = _as_wanted(value, "string")
                yield Hit(message=f"{quoted(key)} is {_kind(value)}: an additional property takes a string only",
                          pointer=f"/{escaped(key)}", value=value, hint=f"Write {quote}." if quote else None)


class KeyLength(Check, frozen=True, kw_only=True, tag="key-length"):
    """A key has 1 to ``max`` characters."""

    max: int = KEY_LENGTH

    def find(self, case: Case) -> Hits:
        """Yield keys that are empty or too long."""
        for key in case.body:
            if not 1 <= len(key) <= self.max:
                yield Hit(message=f"the key {quoted(key)} has {len(key)} characters: 1 to {self.max} are accepted",
                          pointer=f"/{escaped(key)}", on_key=True, value=key)


class ServerKey(Check, frozen=True, kw_only=True, tag="server-key"):
    """The request holds no field that the server sets."""

    def find(self, case: Case) -> Hits:
        """Yield the server's own fields."""
        for key, value in case.body.items():
            if key in case.profile.server_set and key not in _fields(case):
                yield Hit(message=f"{key} is set by the server", pointer=f"/{escaped(key)}", on_key=True, value=value)


class MisspeltKey(Check, frozen=True, kw_only=True, tag="misspelt-key"):
    """No key is nearly that of a documented field."""

    def find(self, case: Case) -> Hits:
        """Yield keys that are close to a documented one."""
        nearest = _nearest_in(case)
        for key, _ in _others(case):
            near = nearest(key)
            if near is not None:
                yield Hit(message=f"{quoted(key)} is no documented field: did you mean {near!r}?",
                          hint=f"Write {near}.", pointer=f"/{escaped(key)}", on_key=True, value=key)


def _nearest_in(case: Case) -> Callable[[str], str | None]:
    """Return what gives the documented field that a key is nearly; of very many keys only those that fold alike."""
    known, look_close = tuple(name for name in _fields(case) if name not in case.body), len(case.body) <= MANY_KEYS
    return lambda key: _nearest(key, known, look_close)


@lru_cache(maxsize=256)
def _nearest(key: str, known: tuple[str, ...], look_close: bool) -> str | None:  # noqa: FBT001 - a key of the cache
    folded = _folded(known)
    if fold(key) in folded or not look_close or len(key) > LONGEST_MISSPELLING:
        return folded.get(fold(key))
    from difflib import get_close_matches  # noqa: PLC0415 - only a request with an unknown key pays for it

    close = get_close_matches(key, known, n=1, cutoff=0.85)
    return close[0] if close else None


@lru_cache(maxsize=4)
def _folded(known: tuple[str, ...]) -> dict[str, str]:
    return {fold(name): name for name in reversed(known)}


class OtherKey(Check, frozen=True, kw_only=True, tag="other-key"):
    """Every key is documented. ``service`` looks at keys that begin with ``__`` as the service's own do, else not."""

    service: bool = False

    def find(self, case: Case) -> Hits:
        """Yield the keys of this kind that no page documents and that are close to none."""
        nearest = _nearest_in(case)
        for key, value in _others(case):
            if key.startswith("__") == self.service and nearest(key) is None:
                yield Hit(message=f"{quoted(key)} is no documented field of {case.context.operation}",
                          pointer=f"/{escaped(key)}", on_key=True, value=value)


class FieldValue(Check, frozen=True, kw_only=True, tag="field-value"):
    """Fields with a documented list, range or pattern hold what it allows; ``of`` says which fields are looked at.

    Fields of a common form (names, descriptions, …) are passed over: each form has rules of its own.
    """

    of: Literal["properties", "operation"]

    def find(self, case: Case) -> Hits:
        """Yield values that the documents do not have."""
        operation = case.operation.fields if case.operation else {}
        for key, value in case.body.items():
            field = _fields(case).get(key)
            if field is not None and field.format is None and (key in operation) == (self.of == "operation"):
                accepted = _refusal(value, field) if _of_type(value, field.type) else None
                if accepted is not None:
                    yield Hit(message=f"{key} is {quoted(value)}: {accepted} is accepted", pointer=f"/{escaped(key)}",
                              value=value, sources=_cited(field), errors=field.errors or None)


def _refusal(value: object, field: FieldSpec) -> str | None:
    """Return what would be accepted, ``None`` where the value is."""
    if field.allowed and value not in field.allowed:
        return listed(field.allowed)
    if isinstance(value, str) and field.pattern and not re.search(field.pattern, value):
        return field.note or f"the form {field.pattern}"
    if field.minimum is not None and field.maximum is not None and not _within(value, field.minimum, field.maximum):
        return f"{field.minimum} to {field.maximum}"
    return None


def _within(value: object, low: int, high: int) -> bool:
    """Say whether a number, or a string that is one (an additional property), lies within the bounds."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) < len(str(high)) + 1 and low <= int(value) <= high
    return isinstance(value, int) and low <= value <= high


class Exclusive(Check, frozen=True, kw_only=True, tag="exclusive"):
    """No two fields are given of which one excludes the other."""

    def find(self, case: Case) -> Hits:
        """Yield each field that excludes another one of the request."""
        for key in case.body:
            field = _fields(case).get(key)
            others = tuple(other for other in (field.excludes if field else ()) if other in case.body)
            if field is not None and others:
                yield Hit(message=f"{key} excludes {listed(others, 'and')}: give one of them",
                          pointer=f"/{escaped(key)}", value=case.body[key], sources=_cited(field))
