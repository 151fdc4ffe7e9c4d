"""``rules/pages/RULE.md``: a rule, the books that have it and its cases in; its page as Markdown out.

A page says what is wrong, why, and how to cure it, shows an example that fails with the finding it gives and one that
passes, the server's answer and the documents with their dates and readings. The examples are the rule's cases in
``tests/rules``, which the tests try; beside what a reader of images objects to stand the bytes of
``rules/evidence.toml``. GitHub Flavored Markdown, https://github.github.com/gfm/
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from imgbuild.checks.problems import ProblemOfImage
from imgbuild.defaults import DEFAULT_CLOUD
from imgbuild.reports.markdown import plain
from imgbuild.reports.page import flat
from imgbuild.reports.text_evidence import evidence_words
from imgbuild.rulebook.cases import read_cases
from imgbuild.rulebook.evidence import read_evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.rulebook import RuleBook
    from imgbuild.rulebook.rules import Rule

FOLDER = "pages"
LONGEST = 1500
"""Characters of an example; of a longer one the beginning is shown."""
_TOLD = frozenset({"says", "message", "pointer", "guest_path", "hint", "severity"})


def render_pages(books: Sequence[RuleBook]) -> dict[str, str]:
    """Return the page of each rule by the name of its file; the usual cloud speaks for a rule that several have."""
    homes: dict[str, list[RuleBook]] = {}
    for book in sorted(books, key=lambda book: book.profile.name != DEFAULT_CLOUD):
        for rule in book.rules:
            homes.setdefault(rule.id, []).append(book)
    return {f"{rule_id}.md": "\n".join(_page(rule_id, found)) + "\n" for rule_id, found in homes.items()}


def _page(rule_id: str, books: Sequence[RuleBook]) -> Iterator[str]:
    book = books[0]
    rule = book.rule(rule_id)
    assert rule is not None  # noqa: S101 - the caller has it from the book
    yield f"# {rule.id}"
    yield from ("", f"{plain(rule.title)}.", "", f"**{rule.severity}**, group {rule.group}, pack {rule.pack}", "")
    yield from (plain(rule.why), "", f"**Cure**: {plain(rule.hint)}")
    asked = flat((f"looks at {_codes(rule.places)}" if rule.places else None,
                  f"is asked for {_codes(rule.operations)}" if rule.operations else None), " and ")
    if asked:
        yield from ("", f"The rule {asked}.")
    if isinstance(rule.check, ProblemOfImage):
        code = rule.id.removeprefix("image-")
        yield from ("", f"A reader of images reports the problem `{code}`; its words are the finding.")
    yield from _examples(rule)
    yield from _answers(rule, book)
    yield from _sources(rule, book)
    yield from _elsewhere(rule, books[1:])
    yield from ("", "[All rules](../README.md)")


def _codes(words: Sequence[str]) -> str:
    return flat(f"`{word}`" for word in words)


def _examples(rule: Rule) -> Iterator[str]:
    cases = read_cases(rule.id, rule.pack)
    for kind, title in (("fail", "An example that fails"), ("pass", "An example that passes")):
        found = min(cases.get(kind, []), key=lambda case: len(_shown(case)) > LONGEST, default=None)
        if found is not None:
            yield from ("", f"## {title}", "", f"Case: {plain(found['says'])}.", "", *_block(_shown(found)))
        if found is not None and kind == "fail":
            yield from ("", f"The finding: {plain(found['message'])}{_place(found)}")
    evidence = read_evidence().get(rule.id, ())
    if evidence:
        yield from ("", "## Bytes that such a finding points at", "", "| format | field |", "| --- | --- |")
        yield from (f"| {plain(example.format)} | {plain(words)} |" for example in evidence
                    for words in evidence_words(example))


def _place(case: dict[str, Any]) -> str:
    place = case.get("guest_path") or case.get("pointer")
    return f", at `{place}`" if place else ""


def _shown(case: dict[str, Any]) -> str:
    """Return what a case gives: the text of a request, or all it has as JSON."""
    given = {key: value for key, value in case.items() if key not in _TOLD}
    if set(given) == {"json"}:
        return str(given["json"])
    body = given["request"] if set(given) == {"request"} else given
    return json.dumps(body, indent=2, ensure_ascii=False, default=str)


def _block(text: str) -> list[str]:
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}\n…"
    return ["````json", *(line.rstrip() for line in cut.splitlines()), "````"]


def _answers(rule: Rule, book: RuleBook) -> Iterator[str]:
    codes = [code for code in rule.errors if code in book.errors]
    if codes:
        yield from ("", "## What the server answers", "")
        yield from (f"- {code} (HTTP {book.errors[code].status}): {plain(book.errors[code].meaning)}" for code in codes)


def _sources(rule: Rule, book: RuleBook) -> Iterator[str]:
    yield from ("", "## Who says so", "")
    for number, source in enumerate(rule.cited):
        document, reading = book.document(source), rule.readings.get(source)
        title = f"[{plain(document.title)}]({document.url})" if document.url else plain(document.title)
        taken = "the reading taken" if number == 0 and len(rule.cited) > 1 and rule.readings else None
        yield f"- {flat((title, document.date, f'“{plain(reading)}”' if reading else None, taken))}"


_DIFFERS = ("severity", "title", "why", "hint", "operations", "errors")


def _elsewhere(rule: Rule, books: Sequence[RuleBook]) -> Iterator[str]:
    """Yield what other clouds have otherwise."""
    lines = []
    for book in books:
        other = book.rule(rule.id)
        changed = [key for key in _DIFFERS if getattr(other, key) != getattr(rule, key)]
        lines += [f"- {book.profile.title}: {key}: {plain(_value(getattr(other, key)))}" for key in changed]
    if lines:
        yield from ("", "## On other clouds", "", *lines)


def _value(value: object) -> str:
    return value if isinstance(value, str) else flat(str(item) for item in value) or "none"  # type: ignore[attr-defined]  # a tuple
