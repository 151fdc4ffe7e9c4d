"""Find, load and validate rule packs: the name of a cloud in, a :class:`RuleBook` out.

``rules/README.md`` says what a pack holds. Only the packs of the cloud are read; the catalogue when first asked for,
the rules not at all by :func:`load_profile`. A pack that does not hold together raises RuleBookError with file, line,
rule and cure.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from imgbuild.defaults import DEFAULT_CLOUD
from imgbuild.errors import RuleBookError
from imgbuild.model import Source
from imgbuild.profiles import Catalogue, FieldSpec, Leaf, Profile, ResponseField
from imgbuild.rulebook.packs import CLOUD_FILE, chain_of, clouds, read_packs, read_values, shown
from imgbuild.rulebook.places import at_line, line_of_source

if TYPE_CHECKING:
    from imgbuild.documents.findings import ErrorCode
    from imgbuild.rulebook.packs import Packs
    from imgbuild.rulebook.rules import Rule

__all__ = ["DEFAULT_CLOUD", "Document", "RuleBook", "ServerError", "clouds", "load", "load_profile"]

NamedField = TypeVar("NamedField", FieldSpec, ResponseField)
Table = TypeVar("Table", bound=Leaf)


class Document(Leaf, frozen=True, kw_only=True):
    """A source: ``date`` is that of the document, of its commit, or the month it was read.

    ``kind`` is ``logic`` for what no page says but follows from the request itself, ``seed`` for the page that the
    contract began with, ``specification`` for a file format's, ``own`` for a person's own rules. ``also``
    are further addresses of the same facts.
    """

    title: str
    url: str | None = None
    date: str | None = None
    also: tuple[str, ...] = ()
    kind: Literal["page", "logic", "seed", "specification", "own"] = "page"
    note: str | None = None


class ServerError(Leaf, frozen=True, kw_only=True):
    """A code that the server answers with, its HTTP status, and what it says in own words.

    ``category`` names the calls that give it: ``create`` for those that make an image from a file. ``server_only`` is
    true for what only the server can see, so that no rule forestalls it. ``readings`` says by source where the tables
    of the clouds disagree.
    """

    status: int
    meaning: str
    category: str = "create"
    server_only: bool = False
    readings: dict[str, str] = msgspec.field(default_factory=dict)
    note: str | None = None
    sources: tuple[str, ...] = ()


class RuleBook:
    """The rules and values of one cloud, with those of the packs it inherits.

    Attributes:
        profile: The values of the cloud.
        rules: The rules, in the order of their ids.
        sources: The documents behind rules and values, by id.
        errors: The codes that the cloud answers with.
    """

    def __init__(self, profile: Profile, rules: tuple[Rule, ...], sources: dict[str, Document],
                 errors: dict[str, ServerError], region: str | None = None) -> None:
        self.profile = profile
        self.rules = rules
        self.sources = sources
        self.errors = errors
        self._region = region

    @cached_property
    def _catalogue(self) -> tuple[Catalogue, dict[str, Document]]:
        from imgbuild.rulebook.catalogue import read_catalogue  # noqa: PLC0415 - not every command asks for it

        catalogue, sources = read_catalogue()
        return catalogue, {key: _convert(key, "source", table, Document) for key, table in sources.items()}

    @cached_property
    def catalogue(self) -> Catalogue:
        """The spellings of ``__os_version``, read when first asked for: the region's list if one was named."""
        from imgbuild.rulebook.region import read_region  # noqa: PLC0415 - as the built-in one

        known = self._catalogue[0]
        return known if self._region is None else read_region(self._region, self.profile.name, known)

    @cached_property
    def _by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}

    def rule(self, rule_id: str) -> Rule | None:
        """Return a rule by its id."""
        return self._by_id.get(rule_id)

    def document(self, source_id: str) -> Document:
        """Return a document by its id, of rules, values or the catalogue; raises RuleBookError for an unknown id."""
        found = self.sources.get(source_id) or self._catalogue[1].get(source_id)
        if found is None:
            raise RuleBookError(f"there is no source {source_id!r}", cure=f"add [sources.{source_id}] to a pack")
        return found

    def source(self, source_id: str, reading: str | None = None) -> Source:
        """Return a document as it stands in findings and manifests, with what it says as ``reading``."""
        found = self.document(source_id)
        return Source(title=found.title, url=found.url, date=found.date, reading=reading)

    def error(self, code: str) -> ErrorCode | None:
        """Return an error code with its status; ``None`` where this cloud has no such code."""
        from imgbuild.documents.findings import ErrorCode  # noqa: PLC0415 - beside its one use

        found = self.errors.get(code)
        return None if found is None else ErrorCode(code=code, status=found.status)

    @cached_property
    def all_errors(self) -> dict[str, ServerError]:
        """The codes of all calls of the service, by number; those of other calls are read when first asked for."""
        from imgbuild.rulebook.packs import read_other_errors  # noqa: PLC0415 - only explain asks

        other = {code: _convert(code, "error", table, ServerError)
                 for code, table in read_other_errors(self.profile.name).items()}
        return dict(sorted((other | self.errors).items()))

    def preventing(self, code: str) -> tuple[Rule, ...]:
        """Return the rules whose findings carry a code: what they find, the server would answer with it."""
        return tuple(rule for rule in self.rules if code in rule.errors
                     or code in rule.check.server_codes(self.profile, rule.operations))


def load(cloud: str = DEFAULT_CLOUD, *, catalogue: str | None = None, rules: str | None = None) -> RuleBook:
    """Return the rule book of a cloud; ``catalogue`` is the OS list of a region, which then counts as exact.

    ``rules`` is a folder with rules of a person's own, which are added, or change those of their ids.

    Raises:
        UsageError: There is no such cloud.
        RuleBookError: A pack does not hold together.
    """
    from imgbuild.rulebook.rules import read_rules  # noqa: PLC0415 - inspect needs no rule, nor the checks behind them

    packs = read_packs(cloud)
    if rules is not None:
        from imgbuild.rulebook.own import add_own  # noqa: PLC0415 - for those who have some

        add_own(packs, rules)
    return RuleBook(_profile(cloud, packs.profile), read_rules(packs), _documents(packs), _errors(packs),
                    catalogue)


def known_ids() -> frozenset[str]:
    """Return the ids of the rules of all clouds."""
    return frozenset(rule_id for cloud in clouds() for rule_id in read_packs(cloud).rules)


def load_profile(cloud: str = DEFAULT_CLOUD) -> Profile:
    """Return the values of ``cloud.toml`` alone, without operations and answer; raises as :func:`load` does."""
    return _profile(cloud, read_values(cloud))


def _profile(cloud: str, values: dict[str, Any]) -> Profile:
    try:
        profile = msgspec.convert(values, Profile)
    except msgspec.ValidationError as error:
        raise RuleBookError(f"rules/{cloud}/{CLOUD_FILE} or a file beside it: {error}",
                            cure="see rules/README.md for the keys of a profile") from error
    return msgspec.structs.replace(
        profile, chain=chain_of(cloud), response=_named(profile.response),
        custom_properties=_formed(profile.custom_properties, profile.forms),
        operations={key: msgspec.structs.replace(found, id=key, fields=_formed(found.fields, profile.forms))
                    for key, found in profile.operations.items()})


def _formed(fields: dict[str, FieldSpec], forms: dict[str, str]) -> dict[str, FieldSpec]:
    """Return the fields with their names, and with the patterns of their forms, those of objects in lists included."""
    return {name: msgspec.structs.replace(field, pattern=field.pattern or forms.get(field.format or ""),
                                          items=_formed(field.items, forms))
            for name, field in _named(fields).items()}


def _named(fields: dict[str, NamedField]) -> dict[str, NamedField]:
    return {name: msgspec.structs.replace(field, name=name) for name, field in fields.items()}


def _documents(packs: Packs) -> dict[str, Document]:
    return {key: _convert(key, "source", table, Document, packs.origin.get(key))
            for key, table in packs.sources.items()}


def _errors(packs: Packs) -> dict[str, ServerError]:
    return {code: _convert(code, "error", table, ServerError) for code, table in packs.errors.items()}


def _convert(key: str, what: str, table: dict[str, Any], kind: type[Table], path: str | None = None) -> Table:
    """Return a table as a value of ``kind``; ``path`` is the file it stands in, where that is known."""
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        from imgbuild.rulebook.slips import slip_of  # noqa: PLC0415 - only for a slip

        slip = slip_of(str(error), table, kind.__struct_fields__)
        where = f"{at_line(shown(path), line_of_source(path, key))}: " if path is not None else ""
        raise RuleBookError(f"{where}the {what} {key!r}: {slip.message}", cure=slip.cure) from error
