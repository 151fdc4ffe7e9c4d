"""What a check sees and what it gives: a :class:`Case` in, :class:`Hit` values out.

A kind of check is one :class:`Check` type: its fields are the parameters a rule may write in TOML (``check = {kind =
"length", max = 128}``), its ``find`` is the looking. The vocabulary is closed: what no kind can say becomes a new kind,
never an operator in TOML. A check looks at values of the right type only; wrong types have a rule of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.documents.findings import Evidence, SubjectKind
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Manifest
    from imgbuild.jsontext import JsonDocument
    from imgbuild.model import Severity, View
    from imgbuild.packer import Record
    from imgbuild.profiles import Catalogue, MinDisk, MinDiskPolicy, Operation, Profile
    from imgbuild.statements import Attested

QUOTED_LENGTH = 80


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """Which operation a request was taken to be for, why, and which ``others`` it could be for just as well."""

    operation: str
    why: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Context:
    """What is linted: a request, the facts of an image, or both.

    Attributes:
        operation: Id of the operation that the request is for.
        recognised: How the operation was found; ``None`` where it was named.
        document: The request as it was read, with positions; ``None`` for a request that was built.
        body: The request body; ``None`` where there is no request or where it is no object.
        image: The facts of the image.
        min_disk_policy: The reading of *min_disk against the disk*; ``None`` takes the profile's.
        request_path: Where the request came from; findings have lines only where it is given.
        record: What was recorded of the image when it was built.
        manifest: The manifest that image and answer are compared with.
        by_content: Whether it is the disk that is compared with the manifest's, whatever file it is in.
        answer: The server's answer as it was read, with positions; ``answer_path`` is where it came from.
        expected: What the answer must show at its stage, field by field.
        statement: What was stated of the image when it was verified.
        listed: Whether this cloud's catalogue has the guest's system, in the same major version.
        nearest: The catalogue's closest spelling for the guest where no entry fits, for messages only.
        path: The path of a call that was built, with what is not known in braces; ``None`` for a request that was read.
    """

    operation: str = "create-metadata"
    recognised: Recognised | None = None
    document: JsonDocument | None = None
    body: dict[str, Any] | None = None
    image: Inspection | None = None
    min_disk_policy: MinDiskPolicy | None = None
    request_path: str | None = None
    listed: bool = False
    nearest: str | None = None
    path: str | None = None
    record: Record | None = None
    manifest: Manifest | None = None
    by_content: bool = False
    answer: JsonDocument | None = None
    answer_path: str | None = None
    expected: dict[str, Any] = field(default_factory=dict)
    statement: Attested | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One rule's view of the context: the values of the cloud, and the places that the rule looks ``at``."""

    context: Context
    profile: Profile
    catalogue: Callable[[], Catalogue]
    rule_id: str
    at: tuple[str, ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        """The request body, empty where there is none."""
        return self.context.body or {}

    @property
    def image(self) -> Inspection | None:
        """The facts of the image."""
        return self.context.image

    @property
    def operation(self) -> Operation | None:
        """The operation of the request, ``None`` where the cloud has none of that id."""
        return self.profile.operations.get(self.context.operation)

    @property
    def min_disk(self) -> MinDisk:
        """The documented rules on ``min_disk`` for the operation."""
        return self.profile.min_disk_of(self.context.operation)

    @property
    def policy(self) -> MinDiskPolicy:
        """The reading of *min_disk against the disk* that is in force."""
        return self.context.min_disk_policy or self.min_disk.policy

    def text(self, key: str) -> str | None:
        """Return the string under ``key`` of the body; ``None`` where there is none."""
        value = self.body.get(key)
        return value if isinstance(value, str) else None

    def integer(self, key: str) -> int | None:
        """Return the whole number under ``key`` of the body; ``None`` where there is none."""
        value = self.body.get(key)
        return value if is_integer(value) else None


@dataclass(frozen=True, kw_only=True)
class Hit:
    """Something that a check found. ``hint``, ``sources`` and ``errors`` stand for the rule's own where given.

    ``on`` says what it is about. ``on_key`` is true where the key of the pointer is at fault, not its value.
    ``guest_line`` counts from 1 in the file ``guest_path``, ``excerpt`` is that line. ``severity`` stands for the
    rule's own where what was found is less than that. ``sources`` are pairs of a source's id and what it says.
    ``choices`` are the values (of a key, the keys) that would be right there, as far as the check knows them.
    """

    message: str
    on: SubjectKind = "request"
    pointer: str | None = None
    on_key: bool = False
    value: Any = None
    hint: str | None = None
    sources: tuple[tuple[str, str], ...] | None = None
    errors: tuple[str, ...] | None = None
    guest_path: str | None = None
    guest_line: int | None = None
    excerpt: str | None = None
    position: tuple[int, int] | None = None
    evidence: Evidence | None = None
    severity: Severity | None = None
    views: tuple[View, ...] | msgspec.UnsetType = msgspec.UNSET
    choices: tuple[Any, ...] = ()


Hits = Iterator[Hit]


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of the kinds of check. ``needs`` names what must be there for a rule of this kind to be asked."""

    needs: ClassVar[frozenset[str]] = frozenset({"request"})

    def applies(self, case: Case) -> bool:
        """Say whether the rule can be asked at all."""
        there = {"request": case.context.body is not None, "image": case.image is not None,
                 "document": case.context.document is not None, "manifest": case.context.manifest is not None,
                 "answer": case.context.answer is not None, "statement": case.context.statement is not None}
        return all(there[need] for need in self.needs)

    def find(self, case: Case) -> Hits:
        """Yield what is wrong."""
        raise NotImplementedError

    def server_codes(self, profile: Profile, operations: tuple[str, ...]) -> frozenset[str]:
        """Return the server's error codes that hits may have of their own, besides those of the rule.

        ``operations`` are those that the rule is asked for, all where it is empty.
        """
        del profile, operations  # only checks of documented fields and files have any
        return frozenset()


IMAGE = frozenset({"image"})
BOTH = frozenset({"request", "image"})


def is_integer(value: object) -> bool:
    """Say whether a JSON value is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def quoted(value: object) -> str:
    """Return a value for a message: quoted, cut at 80 characters, without control characters."""
    if isinstance(value, str):
        cut = value if len(value) <= QUOTED_LENGTH else value[: QUOTED_LENGTH - 1] + "…"
        return repr(cut)
    text = json.dumps(value, default=str)
    return text if len(text) <= QUOTED_LENGTH else text[: QUOTED_LENGTH - 1] + "…"


def listed(values: tuple[Any, ...] | list[Any], last: str = "or") -> str:
    """Return values as a list in words: ``'a', 'b' or 'c'``."""
    words = [quoted(value) for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def escaped(key: str) -> str:
    """Return a key as a part of a JSON Pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def label(pointer: str) -> str:
    """Return the name of a field for a message: ``name``, ``tags/0``."""
    return pointer.removeprefix("/").replace("~1", "/").replace("~0", "~")


def values_at(body: dict[str, Any], at: str) -> Iterator[tuple[str, Any]]:
    """Yield the pointers and values that ``at`` names; ``*`` stands for each item of a list.

    Example: ``/tags/*`` gives ``/tags/0``, ``/tags/1``, …
    """
    found: list[tuple[str, Any]] = [("", body)]
    for part in at.removeprefix("/").split("/"):
        found = [step for pointer, value in found for step in _steps(pointer, value, part)]
    yield from found


def _steps(pointer: str, value: object, part: str) -> list[tuple[str, Any]]:
    if part == "*" and isinstance(value, list):
        return [(f"{pointer}/{index}", item) for index, item in enumerate(value)]
    if isinstance(value, dict) and part in value:
        return [(f"{pointer}/{part}", value[part])]
    return []


def values_of(case: Case) -> Iterator[tuple[str, Any]]:
    """Yield the pointers and values at the places of the rule."""
    for at in case.at:
        yield from values_at(case.body, at)


def texts_at(case: Case) -> Iterator[tuple[str, str]]:
    """Yield the pointers and strings at the place of the rule; other types are passed over."""
    for pointer, value in values_of(case):
        if isinstance(value, str):
            yield pointer, value


def integers_at(case: Case) -> Iterator[tuple[str, int]]:
    """Yield the pointers and whole numbers at the place of the rule; other types are passed over."""
    for pointer, value in values_of(case):
        if is_integer(value):
            yield pointer, value
