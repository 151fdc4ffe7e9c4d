"""One rule as it is read from a pack, and what makes it valid."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.checks import AnyCheck  # noqa: TC001 - msgspec reads the annotation when it converts
from imgbuild.checks.patterns import check_pattern
from imgbuild.errors import RuleBookError
from imgbuild.fixes import AnyFix  # noqa: TC001 - as above
from imgbuild.model import Group, Severity  # noqa: TC001 - as above
from imgbuild.profiles import Leaf
from imgbuild.rulebook.packs import BASE, shown
from imgbuild.rulebook.places import at_line, line_of_key

if TYPE_CHECKING:
    from imgbuild.rulebook.packs import Packs

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")


class Rule(Leaf, frozen=True, kw_only=True):
    """A rule of the book.

    ``sources`` are ids of documents, of which the first is the reading taken; ``readings`` says what each of them (or a
    further one) says. ``errors`` are the codes the server would answer with; a common rule has those of several clouds.
    ``at`` are JSON Pointers into the request, ``operations`` the operations it is asked for (all where empty).
    ``fails`` and ``passes`` are short examples of a request body, as JSON. ``fix`` is how ``lint --fix`` mends what is
    found, where that is safe. ``pack`` is the last pack that says something on it.
    """

    id: str
    severity: Severity
    group: Group
    title: str
    why: str
    hint: str
    sources: tuple[str, ...]
    readings: dict[str, str] = msgspec.field(default_factory=dict)
    errors: tuple[str, ...] = ()
    at: str | tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    check: AnyCheck
    fix: AnyFix | None = None
    fails: str | None = None
    passes: str | None = None
    pack: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        """The JSON Pointers of ``at``, also where only one is written."""
        return (self.at,) if isinstance(self.at, str) else self.at

    @property
    def cited(self) -> tuple[str, ...]:
        """The ids of all its documents: ``sources``, then those that only ``readings`` names."""
        return tuple(dict.fromkeys((*self.sources, *self.readings)))


def read_rules(packs: Packs) -> tuple[Rule, ...]:
    """Return the rules of the packs in the order of their ids; raises RuleBookError where one does not hold."""
    return tuple(_read(rule_id, packs) for rule_id in sorted(packs.rules))


def _read(rule_id: str, packs: Packs) -> Rule:
    table: dict[str, Any] = packs.rules[rule_id]
    try:
        rule = msgspec.convert(table, Rule)
    except msgspec.ValidationError as error:
        from imgbuild.rulebook.slips import slip_of  # noqa: PLC0415 - only for a slip

        slip = slip_of(str(error), table, [key for key in Rule.__struct_fields__ if key != "pack"])
        raise _broken(rule_id, packs, slip.message, slip.cure, slip.key) from error
    if rule_id in packs.own:  # ours are tested
        _check_pattern_of(rule, packs)
        _check_places_of(rule, packs)
    if not _ID.fullmatch(rule_id):
        raise _broken(rule_id, packs, "the id is not in kebab-case", "write it as image-backing-file")
    if not rule.sources:
        raise _broken(rule_id, packs, "it has no source", "name the document that says so: no document, no rule",
                      "sources")
    for source in rule.cited:
        if source not in packs.sources:
            raise _broken(rule_id, packs, f"there is no source {source!r}", f"add [sources.{source}]", "sources")
    for code in rule.errors:
        if rule.pack != BASE and packs.errors and code not in packs.errors and code not in packs.gone:
            cure = "leave it out: no document has it" if rule_id in packs.own else "add it to the table of errors"
            raise _broken(rule_id, packs, f"there is no error code {code!r}", cure, "errors")
    return rule


def _check_pattern_of(rule: Rule, packs: Packs) -> None:
    classes = (getattr(rule.check, name, None) for name in ("only", "refused"))
    patterns = (getattr(rule.check, "pattern", None), *(f"[{inside}]" for inside in classes if isinstance(inside, str)))
    try:
        for pattern in filter(None, patterns):
            check_pattern(pattern)
    except ValueError as error:
        raise _broken(rule.id, packs, str(error), "write it as Python's re has it", "check") from error


def _check_places_of(rule: Rule, packs: Packs) -> None:
    """Refuse a place that no request can have: the rule would be silent for ever."""
    for pointer in rule.places:
        if not pointer.startswith("/"):
            raise _broken(rule.id, packs, f"at {pointer!r} is no JSON Pointer", f"write it as '/{pointer}'", "at")


def _broken(rule_id: str, packs: Packs, what: str, cure: str, key: str | None = None) -> RuleBookError:
    """Return what is wrong with a rule; the line is that of the key, else of its id."""
    path = packs.origin[rule_id]
    line = line_of_key(path, rule_id, key or "id")
    return RuleBookError(f"{at_line(shown(path), line)}: rule {rule_id!r}: {what}", cure=cure)
