"""The fields of a request and of its answer: types, values, lengths, and what their documents call them."""

# Without the future import, as in model.py.
from typing import Any, Literal

import msgspec

from imgbuild.profiles.leaf import Leaf

FieldType = Literal["string", "integer", "boolean", "string-list", "object-list", "object", "binary"]


class FieldSpec(Leaf, frozen=True, kw_only=True):
    """One field of a request. ``format`` names a common form (``image-name``, ``tags-native``, …).

    ``mandatory_when`` and ``note`` are words for people, ``mandatory_if`` the same for the program: values of other
    fields, of which each makes it mandatory. Lengths count characters, ``unit`` is that of an integer. ``items`` are
    the fields of the objects in a list. ``missing_errors`` are the codes for a field that is not there, ``errors``
    those for its values. ``nullable`` says that null is taken like a field that is left out. ``vocabulary`` are words
    that documents ask for where the server takes any; ``instead`` leads from other spellings to the documented word.
    """

    type: FieldType
    name: str = ""
    place: Literal["body", "path"] = "body"
    nullable: bool = False
    mandatory: bool = False
    mandatory_when: str | None = None
    mandatory_if: dict[str, Any] = {}
    default: Any = None
    allowed: tuple[Any, ...] = ()
    vocabulary: tuple[str, ...] = ()
    instead: dict[str, str] = {}
    unit: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    excludes: tuple[str, ...] = ()
    items: dict[str, "FieldSpec"] = {}
    note: str | None = None
    sources: tuple[str, ...] = ()
    max_items: int | None = None
    errors: tuple[str, ...] = ()
    missing_errors: tuple[str, ...] = ()

    @property
    def defaults(self) -> tuple[Any, ...]:
        """What holds where the field is left out: the documented default, or else the only value that is taken."""
        if self.default is not None:
            return (self.default,)
        return self.allowed if len(self.allowed) == 1 else ()

    def is_mandatory(self, body: dict[str, Any]) -> bool:
        """Say whether a request with these values cannot do without the field."""
        return self.mandatory or any(body.get(name) == value for name, value in self.mandatory_if.items())


def word_of(text: str | None, field: FieldSpec) -> str | None:
    """Return the documented word of a field for a spelling; ``None`` where the documents have none for it."""
    known = (*field.allowed, *field.vocabulary)
    return text if text in known else field.instead.get(text or "")


class ResponseField(Leaf, frozen=True, kw_only=True):
    """One field of the answer to the create call.

    ``presence`` is ``always`` for what the sample shows, ``documented`` for what only the table has. ``not_in_use``
    is true where a page says so: such a field may be absent or null. ``read_only`` fields are the server's own. A
    ``date-time`` (RFC 3339) must be a day and a time that there are, besides being of the ``pattern``.
    ``open_list`` is true where answers hold values that no page lists.
    """

    type: FieldType
    name: str = ""
    presence: Literal["always", "documented"]
    meaning: str
    open_list: bool = False
    read_only: bool = False
    not_in_use: bool = False
    allowed: tuple[Any, ...] = ()
    created: Any = msgspec.UNSET
    pattern: str | None = None
    form: str | None = None
    format: Literal["date-time"] | None = None
    unit: str | None = None
    max_length: int | None = None
    note: str | None = None
    sources: tuple[str, ...]
