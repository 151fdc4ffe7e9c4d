"""The rule book for a person: the list of rules, and one rule as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.page import Word, counted, flat

if TYPE_CHECKING:
    from imgbuild.model import RuleEntry, Rules, Source
    from imgbuild.reports.sheet import Sheet


_GROUPS = {
    "safety": "opening the file could reach outside it or exhaust the reader",
    "integrity": "the file is broken, cut off or was not closed",
    "file": "format, size and name, as the import path takes them",
    "guest": "what the system inside needs to run in the cloud",
    "request": "the fields of the create request",
}


def write_list(sheet: Sheet, rules: Rules) -> None:
    """Write a line for each rule, group by group."""
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


def write_page(sheet: Sheet, rule: RuleEntry) -> None:
    """Write one rule with its reason, cure, examples, error codes and documents."""
    kind = f"{rule.severity}, group {rule.group}, pack {rule.pack}"
    sheet.ends([Word(rule.id, "title")], Word(kind, rule.severity))
    sheet.sentence(rule.title)
    sheet.line()
    sheet.fact("why", rule.why)
    sheet.fact("fix", rule.hint)
    sheet.fact("at", *rule.at)
    sheet.fact("asked", *[f"for {flat(rule.operations)}"] if rule.operations else [])
    sheet.fact("server", *[error_words(error.code, error.status) for error in rule.errors])
    sheet.fact("wrong", *[rule.fails] if rule.fails else [], whole=True)
    sheet.fact("right", *[rule.passes] if rule.passes else [], whole=True)
    for number, source in enumerate(rule.sources):
        sheet.fact("says" if number == 0 else "and", source_words(source), *([source.url] if source.url else []))


def source_words(source: Source) -> str:
    """Return a document: title and date, and what it says."""
    reading = f"“{source.reading}”" if source.reading else None
    return flat((flat((source.title, source.date)), reading), "  ")


def error_words(code: str, status: int | None) -> str:
    """Return an error code of the server with its HTTP status: ``IMG.0055 (HTTP 400)``."""
    return code if status is None else f"{code} (HTTP {status})"
