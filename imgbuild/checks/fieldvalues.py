"""Checks of the values of documented fields, as the cloud's profile has them: lists, ranges, forms, what excludes what.

One rule holds for all fields of an operation, those of the objects in its lists included; a hit carries the documents
and error codes of its field.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from imgbuild.checks.base import Case, Check, Hit, Hits, listed, quoted
from imgbuild.checks.fields import cited, every_field, is_of_type, parts_of
from imgbuild.profiles import fold

if TYPE_CHECKING:
    from imgbuild.profiles import FieldSpec, Profile


DIGITS = 18
"""Digits of a number in a string without a highest value."""


class FieldValue(Check, frozen=True, kw_only=True, tag="field-value"):
    """Fields with a documented list, range or pattern hold what it allows; ``of`` says which fields are looked at.

    Fields of a common form (names, descriptions, …) are passed over: each form has rules of its own.
    """

    of: Literal["properties", "operation"]

    def find(self, case: Case) -> Hits:
        """Yield values that the documents do not have."""
        own = case.operation.fields if case.operation else {}
        for part in parts_of(case):
            for key, value in part.value.items():
                field = part.fields.get(key)
                mine = (bool(part.pointer) or key in own) == (self.of == "operation")
                accepted = _refusal(value, field) if field is not None and mine else None
                if field is not None and accepted is not None:
                    yield Hit(message=f"{part.name(key)} is {quoted(value)}: {accepted} is accepted",
                              pointer=part.at(key), value=value, sources=cited(field), errors=field.errors or None,
                              choices=field.allowed)

    def server_codes(self, profile: Profile, operations: tuple[str, ...]) -> frozenset[str]:
        """Return the codes for values that are refused."""
        fields = profile.custom_properties.values() if self.of == "properties" else every_field(profile, operations)
        return frozenset(code for field in fields if _is_closed(field) for code in field.errors)


def _is_closed(field: FieldSpec) -> bool:
    limits = (field.pattern, field.minimum, field.maximum)
    return field.format is None and (bool(field.allowed) or any(limit is not None for limit in limits))


def _refusal(value: object, field: FieldSpec) -> str | None:
    """Return what would be accepted; ``None`` where the value is, or where other rules speak of it."""
    if field.format is not None or not is_of_type(value, field.type) or _is_spelling(value, field):
        return None
    if field.allowed and value not in field.allowed:
        return listed(field.allowed)
    if isinstance(value, str) and field.pattern and not re.search(field.pattern, value):
        return field.note or f"the form {field.pattern}"
    return None if _is_within(value, field.minimum, field.maximum) else _range_words(field)


def _is_spelling(value: object, field: FieldSpec) -> bool:
    """Say whether a value is another spelling of a documented word, on which the vocabulary has a rule of its own."""
    return isinstance(value, str) and value in field.instead


def _range_words(field: FieldSpec) -> str:
    if field.minimum is not None and field.maximum is not None:
        return f"{field.minimum} to {field.maximum}"
    return f"{field.minimum} or more" if field.maximum is None else f"{field.maximum} or less"


def _is_within(value: object, low: int | None, high: int | None) -> bool:
    """Say whether a number, or a string that is to be one (an additional property), lies within the bounds."""
    if low is None and high is None:
        return True
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= (DIGITS if high is None else len(str(high)))):
            return False
        value = int(value)
    return isinstance(value, int) and (low is None or value >= low) and (high is None or value <= high)


class Exclusive(Check, frozen=True, kw_only=True, tag="exclusive"):
    """No two fields are given of which one excludes the other."""

    def find(self, case: Case) -> Hits:
        """Yield each field that excludes another one of the request."""
        for part in parts_of(case):
            for key, value in part.value.items():
                field = part.fields.get(key)
                others = tuple(other for other in (field.excludes if field else ()) if other in part.value)
                if field is not None and others:
                    yield Hit(message=f"{part.name(key)} excludes {listed(others, 'and')}: give one of them",
                              pointer=part.at(key), value=value, sources=cited(field))


class Vocabulary(Check, frozen=True, kw_only=True, tag="vocabulary"):
    """A field holds the word that its documents have; ``fault`` is ``other-spelling`` of one, or ``no-word`` at all.

    A field without a vocabulary of words, or with a closed list of values, has no ``no-word``: other rules speak of it.
    """

    fault: Literal["other-spelling", "no-word"]

    def find(self, case: Case) -> Hits:
        """Yield the words that are not the documents'."""
        for part in parts_of(case):
            for key, value in part.value.items():
                field = part.fields.get(key)
                if field is None or not isinstance(value, str) or value in (*field.allowed, *field.vocabulary):
                    continue
                word = _word_for(value, field)
                if word is not None and self.fault == "other-spelling":
                    yield Hit(message=f"{part.name(key)} is {quoted(value)}: did you mean {word!r}?",
                              hint=f"Write {quoted(word)}.", pointer=part.at(key), value=value, sources=cited(field),
                              choices=(word,))
                elif word is None and field.vocabulary and self.fault == "no-word":
                    yield Hit(message=f"{part.name(key)} is {quoted(value)}, for which the vocabulary has no word",
                              pointer=part.at(key), value=value, sources=cited(field))


def _word_for(value: str, field: FieldSpec) -> str | None:
    """Return the word that is meant: by the documents, or the one that differs in case and punctuation alone."""
    if not field.vocabulary and not field.instead:
        return None
    folded = {fold(word): word for word in reversed(field.vocabulary or field.allowed)}
    known = {fold(text): word for text, word in field.instead.items()}
    return field.instead.get(value) or folded.get(fold(value)) or known.get(fold(value))
