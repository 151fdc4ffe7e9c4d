"""The documented fields of a request, as checks go through them: those of the body, and of the objects in its lists."""

from __future__ import annotations

import json
import re
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.checks.base import Case, escaped, is_integer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.profiles import FieldSpec, Profile

WORDS = {"string": "a string", "integer": "a whole number", "boolean": "true or false",
         "string-list": "a list of strings", "object-list": "a list of objects", "object": "an object"}
_EXACT = 1 << 53
"""Up to here every whole number has a floating-point number of its own."""
_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}


class Part(NamedTuple):
    """An object of the request with the fields that are documented for it; ``pointer`` is empty for the body."""

    pointer: str
    value: dict[str, Any]
    fields: dict[str, FieldSpec]

    def at(self, key: str) -> str:
        """Return the pointer of a key of the object."""
        return f"{self.pointer}/{escaped(key)}"

    def name(self, key: str) -> str:
        """Return how a key is called in messages: ``min_disk``, ``data_images/0/min_disk``."""
        return f"{self.pointer}/{key}".removeprefix("/")


def body_of(case: Case) -> Part:
    """Return the body with the fields of the operation, and the custom properties where it takes any."""
    operation = case.operation
    fields = operation.documented(case.profile.custom_properties) if operation is not None else {}
    return Part("", case.body, fields)


def parts_of(case: Case) -> Iterator[Part]:
    """Yield the body, then the objects in its lists, outermost first."""
    waiting = deque([body_of(case)])
    while waiting:
        part = waiting.popleft()
        yield part
        for key, field in part.fields.items():
            items = part.value.get(key) if field.items else None
            waiting += [Part(f"{part.at(key)}/{index}", item, field.items)
                        for index, item in enumerate(items if isinstance(items, list) else ())
                        if isinstance(item, dict)]


def every_field(profile: Profile, operations: tuple[str, ...]) -> Iterator[FieldSpec]:
    """Yield the fields of ``operations`` (of all where it is empty), those of the objects in their lists included."""
    waiting = [field for name, operation in profile.operations.items() if name in operations or not operations
               for field in operation.fields.values()]
    while waiting:
        field = waiting.pop()
        yield field
        waiting += field.items.values()


def fits(value: object, field: FieldSpec) -> bool:
    """Say whether a JSON value is of the type of a field, or null where that is taken."""
    return is_of_type(value, field.type) or (value is None and field.nullable)


def is_of_type(value: object, wanted: str) -> bool:
    """Say whether a JSON value is of a documented type; the items of lists are not looked at."""
    if wanted == "integer":
        return is_integer(value)
    if wanted in {"string-list", "object-list"}:
        return isinstance(value, list)
    return isinstance(value, {"string": str, "boolean": bool, "object": dict}.get(wanted, object))


def kind_word(value: object) -> str:
    """Return what a JSON value is, in words."""
    return _KINDS.get(type(value), "null")


def as_wanted(value: object, wanted: str, written: str | None = None) -> str | None:
    """Return how the value would be written in the type that is wanted, where that is plain.

    ``written`` is the value as it stands in the text: 7.10 in quotes is "7.10".
    """
    if wanted == "integer" and isinstance(value, str) and re.fullmatch(r"0|-?[1-9][0-9]{0,17}", value):
        return value
    if wanted == "integer" and isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return str(int(value))
    if wanted == "boolean" and isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower()
    if wanted == "string" and isinstance(value, (bool, int, float)):
        return json.dumps(written or json.dumps(value))
    return None


def cited(field: FieldSpec) -> tuple[tuple[str, str], ...] | None:
    """Return the documents of a field as those of a hit."""
    return tuple((source, "") for source in field.sources) or None
