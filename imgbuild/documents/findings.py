"""The document of ``imgbuild lint`` and ``imgbuild check``: what the rules found."""

# Without the future import, as in model.py.
from typing import Any, Literal

import msgspec

from imgbuild.model import SCHEMA, Group, Severity, Source, Value, View
from imgbuild.version import __version__

SubjectKind = Literal["image", "guest", "request", "response"]


class Evidence(Value, frozen=True, kw_only=True):
    """The bytes behind a finding."""

    field: str | None
    offset: int | None
    length: int | None
    hex: str | None


class ErrorCode(Value, frozen=True, kw_only=True):
    """The answer the server would give."""

    code: str
    status: int | None


class Subject(Value, frozen=True, kw_only=True):
    """What a finding is about; ``line`` and ``column`` count from 1, ``pointer`` is a JSON Pointer."""

    kind: SubjectKind
    path: str | None = None
    pointer: str | None = None
    line: int | None = None
    column: int | None = None
    guest_path: str | None = None


class Edit(Value, frozen=True, kw_only=True):
    """What ``lint --fix`` does to the text of a request at ``pointer``.

    ``set`` writes ``value`` there, be there one yet or not, ``rename`` gives the member the key ``key``, ``remove``
    takes the member or the item out, ``remove-mark`` the byte order mark before the text.
    """

    action: Literal["set", "rename", "remove", "remove-mark"]
    pointer: str
    value: Any = msgspec.UNSET
    key: str | msgspec.UnsetType = msgspec.UNSET


class Finding(Value, frozen=True, kw_only=True):
    """One thing that a rule found; ``excerpt`` is the line of the guest file that it is about, safe to show.

    ``fix`` is there where ``lint --fix`` can mend it.
    """

    rule: str
    severity: Severity
    group: Group
    cloud: str | None
    message: str
    hint: str
    subject: Subject
    value: Any = None
    sources: tuple[Source, ...] = ()
    errors: tuple[ErrorCode, ...] = ()
    evidence: Evidence | None = None
    excerpt: str | None = None
    fingerprint: str = ""
    views: tuple[View, ...] | msgspec.UnsetType = msgspec.UNSET
    fix: Edit | msgspec.UnsetType = msgspec.UNSET


class Summary(Value, frozen=True, kw_only=True):
    """How many findings there are of each severity."""

    error: int = 0
    warning: int = 0
    note: int = 0


class Tally(Value, frozen=True, kw_only=True):
    """How many rules were asked, and what came of it."""

    passed: int = 0
    failed: int = 0
    not_applicable: int = 0


class Accepted(Value, frozen=True, kw_only=True):
    """A finding that somebody has accepted, and why; it does not count."""

    finding: Finding
    reason: str


class Findings(Value, frozen=True, kw_only=True):
    """The document of ``imgbuild lint`` and ``imgbuild check``; ``operation`` is the one that was taken.

    ``fixable`` says how many of the findings ``lint --fix`` can mend, where it is any; ``fixed`` how many it has.
    """

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["findings"] = "findings"
    operation: str | None = None
    summary: Summary
    rules: Tally = Tally()
    findings: tuple[Finding, ...]
    accepted: tuple[Accepted, ...] = ()
    fixable: int | msgspec.UnsetType = msgspec.UNSET
    fixed: int | msgspec.UnsetType = msgspec.UNSET
