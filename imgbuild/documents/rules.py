"""The document of ``imgbuild rules`` and ``imgbuild explain``: rules, error codes and spellings as people read them."""

# Without the future import, as in model.py.
from typing import Literal

import msgspec

from imgbuild.documents.findings import ErrorCode
from imgbuild.documents.manifest import CatalogueFacts
from imgbuild.model import SCHEMA, Group, Severity, Source, Value
from imgbuild.version import __version__


class Example(Value, frozen=True, kw_only=True):
    """A field of a format that a rule points at, as it was found in an image that breaks the rule."""

    format: str
    field: str | None = None
    offset: int | None = None
    length: int | None = None
    hex: str | None = None


class RuleEntry(Value, frozen=True, kw_only=True):
    """One rule as people read it; ``at`` are JSON Pointers, ``fails`` and ``passes`` examples of a request body.

    ``evidence`` are examples of the bytes that a finding of it points at, ``fix`` says what ``lint --fix`` does.
    """

    id: str
    severity: Severity
    group: Group
    pack: str
    title: str
    why: str
    hint: str
    at: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    errors: tuple[ErrorCode, ...] = ()
    fails: str | None = None
    passes: str | None = None
    evidence: tuple[Example, ...] = ()
    fix: str | msgspec.UnsetType = msgspec.UNSET


class ErrorEntry(Value, frozen=True, kw_only=True):
    """One error code of the server as people read it.

    ``category`` names the calls that give it. ``rules`` are those that forestall it; there are none where
    ``server_only`` is true, since only the server can see what it is about, nor for a call that imgbuild does not make.
    """

    code: str
    status: int
    category: str
    meaning: str
    server_only: bool
    note: str | None = None
    rules: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()


class SpellingEntry(Value, frozen=True, kw_only=True):
    """One spelling of an OS version as people read it.

    ``id`` and ``version`` are what os-release says in such a guest. ``usable_as_os_version`` is ``yes``, ``likely`` or
    ``unproven``, ``seen`` says the same in words. ``prefer`` is another spelling of the same system to prefer.
    """

    os_version: str
    id: str | None
    version: str | None
    variant: str | None
    os_type: str
    bits: int
    architecture: str
    platform: str
    clouds: tuple[str, ...]
    usable_as_os_version: Literal["yes", "likely", "unproven"]
    seen: str
    prefer: str | None = None
    sources: tuple[Source, ...] = ()


class Rules(Value, frozen=True, kw_only=True):
    """The document of ``imgbuild rules`` and ``imgbuild explain``: the rules that hold on a cloud.

    ``errors`` is there where an error code was asked for; ``rules`` are then those that forestall it. ``os_versions``
    is there where a spelling of an OS version was asked for, ``catalogue`` where the list of them has a part in it.
    """

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["rules"] = "rules"
    cloud: str
    rules: tuple[RuleEntry, ...]
    errors: tuple[ErrorEntry, ...] | msgspec.UnsetType = msgspec.UNSET
    os_versions: tuple[SpellingEntry, ...] | msgspec.UnsetType = msgspec.UNSET
    catalogue: CatalogueFacts | msgspec.UnsetType = msgspec.UNSET
