"""The rule book for a person: the list of rules, and as a page one rule, one error code or one OS version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.reports.page import Word, counted, flat
from imgbuild.reports.text_evidence import evidence_words
from imgbuild.rulebook.spelling import SEEN, list_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.documents.manifest import CatalogueFacts
    from imgbuild.documents.rules import ErrorEntry, RuleEntry, Rules, SpellingEntry
    from imgbuild.model import Source
    from imgbuild.reports.sheet import Sheet


_GROUPS = {
    "safety": "opening the file could reach outside it or exhaust the reader",
    "integrity": "the file is broken, cut off or was not closed",
    "file": "format, size and name, as the import path takes them",
    "guest": "what the system inside needs to run in the cloud",
    "request": "the fields of the create request",
}


def write_list(sheet: Sheet, rules: Rules) -> None:
    """Write a line for each rule, group by group; for a quiet page only how many there are."""
    if sheet.page.quiet:
        sheet.sentence(f"{counted(len(rules.rules), 'rule')} for {rules.cloud}")
        return
    longest = max((len(rule.id) for rule in rules.rules), default=0)
    for group, words in _GROUPS.items():
        # Padded here, so that the columns of all groups stand below each other.
        rows: list[list[str | Word]] = [
            [f"{rule.id:<{longest}}", Word(f"{rule.severity:<7}", rule.severity), rule.title]
            for rule in rules.rules if rule.group == group]
        if rows:
            sheet.section(group, words)
            sheet.table(rows, sentence=2)
            sheet.line()
    sheet.sentence(f"{counted(len(rules.rules), 'rule')} for {rules.cloud}; imgbuild explain RULE shows one.")
    if rules.catalogue is not msgspec.UNSET:
        sheet.sentence(f"OS versions {list_words(rules.catalogue)}.")


_CALLS = {
    "create": "those that make an image from a file", "backup": "those on full-server images and backups",
    "update": "those that change or delete an image", "from-server": "those that make an image of a server or a disk",
    "service": "all, for faults of the service", "market": "those on the marketplace",
    "replicate": "those that copy an image", "share": "those that share an image",
    "export": "those that export an image",
}


def write_page(sheet: Sheet, rules: Rules) -> None:
    """Write one rule, or where an error code or an OS version was asked for, that one; a quiet page has the head."""
    title, kind = _head(rules)
    sheet.ends([Word(title, "title")], kind)
    if sheet.page.quiet:
        return
    if rules.errors is not msgspec.UNSET:
        _write_error(sheet, rules.errors[0], rules.rules)
    elif rules.os_versions is not msgspec.UNSET:
        _write_spelling(sheet, rules.os_versions[0])
    else:
        _write_rule(sheet, rules.rules[0])
    if rules.catalogue is not msgspec.UNSET:
        _write_catalogue(sheet, rules.catalogue)


def _head(rules: Rules) -> tuple[str, str | Word]:
    """Return what a page is about, and of what kind that is."""
    if rules.errors is not msgspec.UNSET:
        return rules.errors[0].code, f"HTTP {rules.errors[0].status}"
    if rules.os_versions is not msgspec.UNSET:
        entry = rules.os_versions[0]
        return entry.os_version, f"{entry.os_type}, {entry.bits} bit, {entry.architecture}"
    rule = rules.rules[0]
    return rule.id, Word(f"{rule.severity}, group {rule.group}, pack {rule.pack}", rule.severity)


def _write_catalogue(sheet: Sheet, facts: CatalogueFacts) -> None:
    """Write where the list of OS versions comes from, and of the built-in one how sure its spellings are."""
    trust = facts.usable_as_os_version
    counts = [f"{trust[usable]} {words}" for usable, words in SEEN.items()] if trust else []
    sheet.fact("list", list_words(facts), *counts)


def _write_spelling(sheet: Sheet, entry: SpellingEntry) -> None:
    """Write a spelling of an OS version: whose it is, how sure it is, and which documents have it."""
    sheet.line()
    sheet.fact("system", flat((entry.id or "not known", entry.version, entry.variant)))
    sheet.fact("listed", f"by {flat(entry.clouds)}")
    sheet.fact("trust", f"{entry.usable_as_os_version}: {entry.seen}")
    sheet.fact("prefer", *[entry.prefer] if entry.prefer else [])
    _write_sources(sheet, entry.sources)


def _write_error(sheet: Sheet, error: ErrorEntry, rules: Sequence[RuleEntry]) -> None:
    """Write a code of the server: what it means, which calls give it, and what forestalls it."""
    sheet.sentence(error.meaning)
    sheet.line()
    sheet.fact("calls", _CALLS.get(error.category, error.category))
    sheet.fact("note", *[error.note] if error.note else [])
    for number, rule in enumerate(rules):
        sheet.fact("rules" if number == 0 else "", f"{rule.id} ({rule.severity}): {rule.title}")
    if not rules:
        sheet.fact("rules", "no rule: only the server can see it" if error.server_only else
                   "no rule: imgbuild makes no such call")
    _write_sources(sheet, error.sources)


def _write_rule(sheet: Sheet, rule: RuleEntry) -> None:
    """Write one rule with its reason, cure, examples, error codes and documents."""
    sheet.sentence(rule.title)
    sheet.line()
    sheet.fact("why", rule.why)
    sheet.fact("fix", rule.hint)
    sheet.fact("--fix", *([] if rule.fix is msgspec.UNSET else [rule.fix]))
    sheet.fact("at", *rule.at)
    sheet.fact("asked", *[f"for {flat(rule.operations)}"] if rule.operations else [])
    sheet.fact("server", *[error_words(error.code, error.status) for error in rule.errors])
    sheet.fact("bytes", *(f"{example.format}: {words}" for example in rule.evidence
                          for words in evidence_words(example)))
    sheet.fact("wrong", *[rule.fails] if rule.fails else [], whole=True)
    sheet.fact("right", *[rule.passes] if rule.passes else [], whole=True)
    _write_sources(sheet, rule.sources)


def _write_sources(sheet: Sheet, sources: Sequence[Source]) -> None:
    for number, source in enumerate(sources):
        sheet.fact("says" if number == 0 else "and", source_words(source), *([source.url] if source.url else []))


def source_words(source: Source) -> str:
    """Return a document: title and date, and what it says."""
    reading = f"“{source.reading}”" if source.reading else None
    return flat((flat((source.title, source.date)), reading), "  ")


def error_words(code: str, status: int | None) -> str:
    """Return an error code of the server with its HTTP status: ``IMG.0055 (HTTP 400)``."""
    return code if status is None else f"{code} (HTTP {status})"
