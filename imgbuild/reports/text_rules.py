"""The rule book for a person: the list of rules, and one rule as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.page import Word, counted, flat

if TYPE_CHECKING:
    from imgbuild.model import RuleEntry, Rules, Source
    from imgbuild.reports.page import Page


def write_list(page: Page, rules: Rules) -> None:
    """Write a line for each rule."""
    rows: list[list[str | Word]] = [["rule", "severity", "group", "says"]]
    rows += [[rule.id, Word(rule.severity, rule.severity), rule.group, rule.title] for rule in rules.rules]
    page.table(rows, indent=0, heading=True, wrapped=False)
    page.line()
    page.line(f"{counted(len(rules.rules), 'rule')} for {rules.cloud}; imgbuild explain RULE shows one.")


def write_page(page: Page, rule: RuleEntry) -> None:
    """Write one rule with its reason, cure, examples, error codes and documents."""
    page.ends(Word(rule.id, "title"), f"{rule.severity}, group {rule.group}, pack {rule.pack}")
    page.line(rule.title)
    page.line()
    page.fact("why", rule.why)
    page.fact("fix", rule.hint)
    page.fact("at", *rule.at)
    page.fact("asked", *[f"for {flat(rule.operations)}"] if rule.operations else [])
    page.fact("server", *[error_words(error.code, error.status) for error in rule.errors])
    page.fact("wrong", *[rule.fails] if rule.fails else [])
    page.fact("right", *[rule.passes] if rule.passes else [])
    for number, source in enumerate(rule.sources):
        page.fact("says" if number == 0 else "and", *source_words(source))


def source_words(source: Source) -> list[str]:
    """Return a document: title and date, what it says, and where it is."""
    reading = f"\u201c{source.reading}\u201d" if source.reading else None
    return [flat((flat((source.title, source.date)), reading), "  "), *([source.url] if source.url else [])]


def error_words(code: str, status: int | None) -> str:
    """Return an error code of the server with its HTTP status: ``IMG.0055 (HTTP 400)``."""
    return code if status is None else f"{code} (HTTP {status})"
