"""Checks of the request as a whole: which keys it has, of which types, and which it cannot do without.

They read the fields of the operation from the cloud's profile, so one rule holds for all fields; a hit then carries the
documents and error codes of its field.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import structs

from imgbuild.checks.base import Case, Check, Hit, Hits, quoted
from imgbuild.checks.fields import (
    WORDS,
    Part,
    as_wanted,
    body_of,
    cited,
    every_field,
    fits,
    is_of_type,
    kind_word,
    parts_of,
)
from imgbuild.checks.objects import is_iso_address
from imgbuild.profiles import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.profiles import FieldSpec, Profile

KEY_LENGTH = 255
MANY_KEYS = 100
LONGEST_MISSPELLING = 40


def _others(case: Case, part: Part) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a part that are neither documented for the operation nor the server's own."""
    for key, value in part.value.items():
        if key not in part.fields and (part.pointer or key not in case.profile.server_set):
            yield key, value


class Types(Check, frozen=True, kw_only=True, tag="types"):
    """Each documented field has the type that is documented."""

    def find(self, case: Case) -> Hits:
        """Yield fields, and items of lists, of another type."""
        for part in parts_of(case):
            for key, value in part.value.items():
                if key in part.fields and not _is_unreadable(case, part.at(key)):
                    yield from self._field(case, part, key, value)

    def _field(self, case: Case, part: Part, key: str, value: object) -> Hits:
        field = part.fields[key]
        if not fits(value, field):
            yield _wrong(case, part.at(key), part.name(key), value, field)
        elif isinstance(value, list):
            item = structs.replace(field, type="string" if field.type == "string-list" else "object")
            for index, entry in enumerate(value):
                if not is_of_type(entry, item.type):
                    yield _wrong(case, f"{part.at(key)}/{index}", f"{part.name(key)}/{index}", entry, item)


def _is_unreadable(case: Case, pointer: str) -> bool:
    """Say whether the text has been objected to at this place already: its value stands in for what is not JSON."""
    document = case.context.document
    return document is not None and any(problem.pointer == pointer for problem in document.problems)


def _wrong(case: Case, pointer: str, name: str, value: object, field: FieldSpec) -> Hit:
    quote = as_wanted(value, field.type, _written(case, pointer))
    found = "null" if value is None else f"{kind_word(value)}, {quoted(value)}"
    return Hit(message=f"{name} is {found}: {WORDS[field.type]} is expected", pointer=pointer, value=value,
               hint=f"Write {quote}." if quote else None, sources=cited(field), choices=_choices(quote))


def _written(case: Case, pointer: str) -> str | None:
    """Return the value as it stands in the text of the request."""
    document = case.context.document
    return None if document is None else document.written_at(pointer)


def _choices(quote: str | None) -> tuple[Any, ...]:
    return () if quote is None else (json.loads(quote),)


class Mandatory(Check, frozen=True, kw_only=True, tag="mandatory"):
    """Each field that the operation cannot do without is there; with ``when``, because of the value of that field.

    ``by`` names who asks for it where that is not the operation.
    """

    when: str | None = None
    by: str | None = None

    def find(self, case: Case) -> Hits:
        """Yield the fields that are missing."""
        for part in parts_of(case):
            for key, field in part.fields.items():
                if key not in part.value and self._is_asked(case, field):
                    yield self._missing(case, part, key)

    def server_codes(self, profile: Profile, operations: tuple[str, ...]) -> frozenset[str]:
        """Return the codes for fields that are missing."""
        fields = (field for field in every_field(profile, operations) if field.mandatory) if self.when is None else ()
        return frozenset(code for field in fields for code in field.missing_errors)

    def _is_asked(self, case: Case, field: FieldSpec) -> bool:
        if self.when is None:
            return field.mandatory
        return not field.mandatory and self.when in field.mandatory_if and (
            _implied(case, self.when) == field.mandatory_if[self.when])

    def _missing(self, case: Case, part: Part, key: str) -> Hit:
        field = part.fields[key]
        reason = f" where {self.when} is {quoted(field.mandatory_if[self.when])}" if self.when is not None else ""
        hint = "Add it; imgbuild build takes it as --object BUCKET:KEY." if key == "image_url" else None
        if self.by and field.note:
            hint = f"Give {key}: {field.note.rstrip(',')}."
        return Hit(message=f"{part.name(key)} is missing: {self.by or case.context.operation} cannot do without it"
                           f"{reason}",
                   pointer=part.at(key), sources=cited(field), errors=field.missing_errors or None, hint=hint,
                   choices=field.defaults)


def _implied(case: Case, key: str) -> object:
    """Return the value of a field; a type that is left out is that of an ISO file where the address names one."""
    if key == "type" and key not in case.body and is_iso_address(case.text("image_url")):
        return "IsoImage"
    return case.body.get(key)


class StringProperties(Check, frozen=True, kw_only=True, tag="string-properties"):
    """A key that no page documents holds a string."""

    def find(self, case: Case) -> Hits:
        """Yield values of other types under such keys."""
        body = body_of(case)
        for key, value in _others(case, body):
            if not isinstance(value, str):
                quote = as_wanted(value, "string", _written(case, body.at(key)))
                yield Hit(message=f"{quoted(key)} is {kind_word(value)}: an additional property takes a string only",
                          pointer=body.at(key), value=value, hint=f"Write {quote}." if quote else None,
                          choices=_choices(quote))


class KeyLength(Check, frozen=True, kw_only=True, tag="key-length"):
    """A key has 1 to ``max`` characters."""

    max: int = KEY_LENGTH

    def find(self, case: Case) -> Hits:
        """Yield keys that are empty or too long."""
        for key in case.body:
            if not 1 <= len(key) <= self.max:
                yield Hit(message=f"the key {quoted(key)} has {len(key)} characters: 1 to {self.max} are accepted",
                          pointer=body_of(case).at(key), on_key=True, value=key)


class ServerKey(Check, frozen=True, kw_only=True, tag="server-key"):
    """The request holds no field that the server sets."""

    def find(self, case: Case) -> Hits:
        """Yield the server's own fields."""
        body = body_of(case)
        for key, value in case.body.items():
            if key in case.profile.server_set and key not in body.fields:
                yield Hit(message=f"{key} is set by the server", pointer=body.at(key), on_key=True, value=value)


class MisspeltKey(Check, frozen=True, kw_only=True, tag="misspelt-key"):
    """No key is nearly that of a documented field; keys that begin with ``but`` are meant as they are."""

    but: str | None = None

    def find(self, case: Case) -> Hits:
        """Yield keys that are close to a documented one."""
        for part in parts_of(case):
            nearest = _nearest_in(part)
            for key, _ in _others(case, part):
                near = nearest(key)
                if near is not None and not (self.but and key.startswith(self.but)):
                    yield Hit(message=f"{quoted(key)} is no documented field: did you mean {near!r}?",
                              hint=f"Write {near}.", pointer=part.at(key), on_key=True, value=key, choices=(near,))


def _nearest_in(part: Part) -> Callable[[str], str | None]:
    """Return what gives the documented field that a key is nearly; of very many keys only those that fold alike."""
    known, look_close = tuple(name for name in part.fields if name not in part.value), len(part.value) <= MANY_KEYS
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
        for part in parts_of(case):
            nearest, where = _nearest_in(part), f"{part.pointer[1:]} of " if part.pointer else ""
            for key, _ in _others(case, part):
                if key.startswith("__") == self.service and nearest(key) is None:
                    yield Hit(message=f"{quoted(key)} is no documented field of {where}{case.context.operation}",
                              pointer=part.at(key), on_key=True, value=key, hint=_hint_for(case, key))


def _hint_for(case: Case, key: str) -> str | None:
    """Return what to do with a field that has its place in the path of the call."""
    field = case.operation.fields.get(key) if case.operation is not None else None
    return f"Put {key} into the path of the call: {case.operation.path}." if field and case.operation else None
