"""Checks of one value in the request: lengths, ranges, lists of what is taken, forms."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from imgbuild.checks.base import Case, Check, Hit, Hits, integers_at, label, listed, quoted, texts_at, values_of

MANY = 8


class Length(Check, frozen=True, kw_only=True, tag="length"):
    """A string has at least ``min`` and at most ``max`` characters.

    ``operations`` has another most for some of them; longer strings than ``unless_over`` are left to another rule.
    """

    min: int = 0
    max: int | None = None
    operations: dict[str, int] = msgspec.field(default_factory=dict)
    unless_over: int | None = None

    def find(self, case: Case) -> Hits:
        """Yield strings that are too short or too long."""
        most = self.operations.get(case.context.operation, self.max)
        for pointer, text in texts_at(case):
            if most is not None and len(text) > most and not _is_over(len(text), self.unless_over):
                yield Hit(message=f"{label(pointer)} has {len(text)} characters: at most {most} are accepted",
                          pointer=pointer, value=text)
            elif len(text) < self.min:
                yield Hit(message=f"{label(pointer)} has {len(text)} characters: at least {self.min} is needed",
                          pointer=pointer, value=text)


def _is_over(number: int, limit: int | None) -> bool:
    return limit is not None and number > limit


class Range(Check, frozen=True, kw_only=True, tag="range"):
    """A whole number is at least ``min`` and at most ``max``."""

    min: int | None = None
    max: int | None = None

    def find(self, case: Case) -> Hits:
        """Yield numbers out of the range."""
        for pointer, value in integers_at(case):
            if self.min is not None and value < self.min:
                yield Hit(message=f"{label(pointer)} is {value}: at least {self.min} is accepted",
                          pointer=pointer, value=value)
            elif self.max is not None and value > self.max:
                yield Hit(message=f"{label(pointer)} is {value}: at most {self.max} is accepted",
                          pointer=pointer, value=value)


class OneOf(Check, frozen=True, kw_only=True, tag="one-of"):
    """A value is one of ``values``; case counts."""

    values: tuple[Any, ...]

    def find(self, case: Case) -> Hits:
        """Yield values that are not in the list."""
        for pointer, value in values_of(case):
            if type(value) is type(self.values[0]) and value not in self.values:
                yield Hit(message=f"{label(pointer)} is {quoted(value)}: {listed(self.values)} is accepted",
                          pointer=pointer, value=value, choices=self.values)


class NoneOf(Check, frozen=True, kw_only=True, tag="none-of"):
    """A value is none of ``values``; ``because`` says what they bring about."""

    values: tuple[Any, ...]
    because: str

    def find(self, case: Case) -> Hits:
        """Yield values that are in the list."""
        for pointer, value in values_of(case):
            if type(value) is type(self.values[0]) and value in self.values:
                yield Hit(message=f"{label(pointer)} is {quoted(value)}: {self.because}", pointer=pointer, value=value)


class Characters(Check, frozen=True, kw_only=True, tag="characters"):
    """A string holds ``only`` characters of a class, or none of those ``refused``.

    Both are the insides of regular expression brackets; ``accepts`` puts into words what is taken.
    """

    only: str | None = None
    refused: str | None = None
    accepts: str

    def find(self, case: Case) -> Hits:
        """Yield strings with other characters, and name those."""
        others = f"[{self.refused}]" if self.refused is not None else f"[^{self.only or ''}]"
        for pointer, text in texts_at(case):
            found = list(dict.fromkeys(re.findall(others, text)))
            if found:
                yield Hit(message=f"{label(pointer)} holds {listed(found[:MANY], 'and')}: accepted are {self.accepts}",
                          pointer=pointer, value=text)


class Matches(Check, frozen=True, kw_only=True, tag="matches"):
    """A string has the form of the regular expression ``pattern``, which ``accepts`` puts into words."""

    pattern: str
    accepts: str

    def find(self, case: Case) -> Hits:
        """Yield strings of another form."""
        for pointer, text in texts_at(case):
            if not re.search(self.pattern, text):
                yield Hit(message=f"{label(pointer)} is {quoted(text)}: {self.accepts} is accepted",
                          pointer=pointer, value=text)


class JsonText(Check, frozen=True, kw_only=True, tag="json-text"):
    """A string is itself a JSON text."""

    def find(self, case: Case) -> Hits:
        """Yield strings that are none."""
        for pointer, text in texts_at(case):
            try:
                json.loads(text)
            except (ValueError, RecursionError):
                yield Hit(message=f"{label(pointer)} is {quoted(text)}: a JSON text is accepted", pointer=pointer,
                          value=text)


class Trimmed(Check, frozen=True, kw_only=True, tag="trimmed"):
    """A string neither begins nor ends with a space."""

    def find(self, case: Case) -> Hits:
        """Yield strings with a space at an end."""
        for pointer, text in texts_at(case):
            if text != text.strip(" "):
                where = "begins" if text.startswith(" ") else "ends"
                yield Hit(message=f"{label(pointer)} is {quoted(text)}: it {where} with a space",
                          pointer=pointer, value=text)


class Given(Check, frozen=True, kw_only=True, tag="given"):
    """A field is in the request; ``empty`` says whether an empty string or null counts as given."""

    empty: bool = True

    def find(self, case: Case) -> Hits:
        """Yield the fields that are missing."""
        for at in case.at:
            key = label(at)
            if key not in case.body:
                yield Hit(message=f"{key} is not given", pointer=at)
            elif case.body[key] in ("", None) and not self.empty:
                yield Hit(message=f"{key} is empty", pointer=at, value=case.body[key])


class Count(Check, frozen=True, kw_only=True, tag="count"):
    """A list has at most ``max`` items; ``operations`` and ``unless_over`` are as those of a length."""

    max: int
    operations: dict[str, int] = msgspec.field(default_factory=dict)
    unless_over: int | None = None

    def find(self, case: Case) -> Hits:
        """Yield lists that are too long."""
        most = self.operations.get(case.context.operation, self.max)
        for pointer, value in values_of(case):
            if isinstance(value, list) and len(value) > most and not _is_over(len(value), self.unless_over):
                yield Hit(message=f"{label(pointer)} has {len(value)} items: at most {most} are accepted",
                          pointer=pointer, value=len(value))


class Unique(Check, frozen=True, kw_only=True, tag="unique"):
    """No string stands twice in a list."""

    def find(self, case: Case) -> Hits:
        """Yield each string that was in the list before."""
        for pointer, value in values_of(case):
            seen: set[str] = set()
            for index, item in enumerate(value if isinstance(value, list) else []):
                if isinstance(item, str) and item in seen:
                    yield Hit(message=f"{label(pointer)} holds {quoted(item)} more than once",
                              pointer=f"{pointer}/{index}", value=item)
                seen.add(item) if isinstance(item, str) else None
