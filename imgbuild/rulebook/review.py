"""What is wrong with a rule book: the packs of all clouds, or a person's own rules, in; problems with their places out.

A pack that cannot be read raises RuleBookError when it is loaded, and a rule without a source that exists is none.
Here is asked what a book can be loaded with, and should not have: a document without address or date, or that nobody
cites; a word that leads nowhere; two rules that say the same; a rule without reason, cure or cases; an example that
does not do what it should. ``rules/README.md`` says what a pack holds.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from imgbuild.checks.problems import ProblemOfImage
from imgbuild.documents.review import BookProblem, Review
from imgbuild.rulebook import load
from imgbuild.rulebook.cases import case_problems, example_problems
from imgbuild.rulebook.own import PACK as OWN
from imgbuild.rulebook.own import add_own
from imgbuild.rulebook.packs import BASE, clouds, folder, pack_files, read_packs, read_toml, read_values, shown
from imgbuild.rulebook.places import line_of, line_of_source
from imgbuild.rulebook.references import dead_references, dead_words, unused_sources
from imgbuild.rulebook.siblings import FOLDER as SIBLINGS
from imgbuild.rulebook.siblings import read_siblings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgbuild.rulebook import Document, RuleBook
    from imgbuild.rulebook.packs import Packs
    from imgbuild.rulebook.rules import Rule

_DATE = re.compile(r"(19|20)\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
_COMMON = ("image-", "guest-")
_UNDATED = frozenset({"logic", "own"})


def review(cloud: str, rules: str | None = None) -> Review:
    """Return what is wrong with a person's own ``rules`` on a cloud, or where there are none, with all packs.

    Raises:
        RuleBookError: A pack does not hold together.
    """
    names = clouds() if rules is None else (cloud,)
    found: list[BookProblem] = []
    counted: set[tuple[str, str]] = set()
    for name in names:
        packs = read_packs(name)
        if rules is not None:
            add_own(packs, rules)
        book = load(name, rules=rules)
        asked = [rule for rule in book.rules if rules is None or rule.id in packs.own]
        counted |= {(rule.pack, rule.id) for rule in asked}
        found += _of_rules(asked, book, packs)
        found += _of_book(book, packs) if rules is None else _of_own(book, packs, rules)
    if rules is None:
        found += _of_siblings()
    packs_read = (OWN,) if rules is not None else (BASE, *names)
    return Review(packs=packs_read, rules=len(counted), problems=_sorted(found))


def _sorted(found: Iterable[BookProblem]) -> tuple[BookProblem, ...]:
    distinct = {(problem.path, problem.line or 0, problem.code, problem.message): problem for problem in found}
    return tuple(distinct[key] for key in sorted(distinct))


def _of_rules(rules: list[Rule], book: RuleBook, packs: Packs) -> Iterator[BookProblem]:
    prefixes = _prefixes(packs)
    for rule in rules:
        path = packs.origin[rule.id]
        for code, message, cure in (*_ids(rule, prefixes), *_words(rule), *_weight(rule, book), *dead_words(rule, book),
                                    *_repeats(rule, book), *example_problems(rule, book),
                                    *(case_problems(rule) if rule.id not in packs.own else ())):
            yield BookProblem(code=code, rule=rule.id, path=shown(path), line=line_of(path, rule.id), message=message,
                              cure=cure)


_Found = tuple[str, str, str]


def _prefixes(packs: Packs) -> dict[str, tuple[str, ...]]:
    """Return with what the ids of each pack begin; what is inherited keeps the prefix that it has."""
    found: dict[str, tuple[str, ...]] = {BASE: _COMMON}
    for name in packs.chain[1:]:
        own = read_values(name).get("prefix", "")
        found[name] = tuple(dict.fromkeys((*(prefix for known in found.values() for prefix in known),
                                           *([f"{own}-"] if own else []))))
    return found


def _ids(rule: Rule, prefixes: dict[str, tuple[str, ...]]) -> Iterator[_Found]:
    known = tuple(prefix for found in prefixes.values() for prefix in found)
    if rule.pack == OWN:
        if rule.id.startswith(known):
            yield ("prefix", f"{rule.id!r} begins as rules of the book do: a later version may have one of that id",
                   "begin it with a word of your own, such as that of your team")
    elif not rule.id.startswith(prefixes.get(rule.pack, known)):
        yield "prefix", f"{rule.id!r} does not begin with {' or '.join(prefixes.get(rule.pack, known))}", "rename it"


def _words(rule: Rule) -> Iterator[_Found]:
    for key, text in (("title", rule.title), ("why", rule.why), ("hint", rule.hint)):
        if not text.strip():
            yield "no-words", f"{key} is empty", f"say in {key} what a person should read there"
    if rule.title.endswith("."):
        yield "words", "title ends with a full stop", "leave it out: it is a heading"
    if rule.why.strip() and not rule.why.rstrip().endswith((".", "?", "!")):
        yield "words", "why is no whole sentence", "end it with a full stop"
    if rule.why.strip() and rule.why.rstrip(".") == rule.title:
        yield "words", "why says what the title says", "say in why what comes of it"


def _weight(rule: Rule, book: RuleBook) -> Iterator[_Found]:
    kinds = {book.document(source).kind for source in rule.sources}
    if kinds == {"logic"} and rule.severity != "note":
        yield ("severity", f"only logic speaks for it, and it is of severity {rule.severity}",
               "make it a note, or name the document that says so")


def document_faults(document: Document) -> Iterator[str]:
    """Yield what a document lacks; logic and a person's own words need neither address nor date."""
    if not document.title.strip():
        yield "has no title"
    if document.kind in _UNDATED:
        return
    if not re.match(r"https?://[^/\s]+", document.url or ""):
        yield "has no address"
    if not _DATE.fullmatch(document.date or ""):
        yield f"has no date such as 2026-01-31: {document.date!r}" if document.date else "has no date"


def _repeats(rule: Rule, book: RuleBook) -> Iterator[_Found]:
    """Yield the rules before this one that ask for the same, at the same place, for the same operation."""
    if isinstance(rule.check, ProblemOfImage):  # it asks for the problem that the rule is called by
        return
    for other in book.rules:
        same = other.check == rule.check and other.group == rule.group and other.id != rule.id
        places = set(other.places) & set(rule.places) or other.places == rule.places
        operations = not other.operations or not rule.operations or set(other.operations) & set(rule.operations)
        if same and places and operations and (other.id < rule.id or rule.pack == OWN != other.pack):
            yield "repeated", f"it asks for the same as {other.id!r}", "keep one, or tell their operations apart"


def _of_book(book: RuleBook, packs: Packs) -> Iterator[BookProblem]:
    """Yield what is wrong with documents, profile and overrides of a cloud's packs."""
    for source in unused_sources(book, packs):
        yield _of_source(source, packs, "unused", f"nobody cites the source {source!r}", "take it out, or cite it")
    for source in book.sources:
        yield from _of_document(source, book, packs)
    for path, message, cure in dead_references(book, packs):
        yield BookProblem(code="dead", path=shown(path), message=message, cure=cure)
    yield from _idle_changes([path for name in packs.chain for path in pack_files(name)])


def _of_own(book: RuleBook, packs: Packs, folder: str) -> Iterator[BookProblem]:
    """Yield what is wrong with a person's own documents and with what they change of the book."""
    home = os.path.normpath(folder)
    ours = [source for source, document in book.sources.items()
            if document.kind != "own" and os.path.normpath(os.path.dirname(packs.origin[source])) == home]
    cited = {source for rule in book.rules for source in rule.cited}
    for source in ours:
        yield from _of_document(source, book, packs)
        if source not in cited:
            yield _of_source(source, packs, "unused", f"nobody cites the source {source!r}", "take it out, or cite it")
    known = [path for name in packs.chain for path in pack_files(name)]
    mine = sorted({packs.origin[rule_id] for rule_id in packs.own})
    yield from (problem for problem in _idle_changes([*known, *mine]) if problem.path in mine)


def _of_document(source: str, book: RuleBook, packs: Packs) -> Iterator[BookProblem]:
    for fault in document_faults(book.sources[source]):
        yield _of_source(source, packs, "source", f"the source {source!r} {fault}",
                         "give each document its full address and its date")


def _of_siblings() -> Iterator[BookProblem]:
    """Yield what is wrong with the documents of clouds that have rules on files alone."""
    for sibling in read_siblings():
        path = os.path.join(folder(), SIBLINGS, f"{sibling.name}.toml")
        cited = {source for rule in sibling.rule for source in rule.sources}
        faults = [(key, "source", fault) for key, document in sibling.sources.items()
                  for fault in document_faults(document)]
        for source, code, fault in [*faults, *((key, "unused", "is cited by nobody") for key in sibling.sources
                                               if key not in cited)]:
            yield BookProblem(code=code, path=shown(path), line=line_of_source(path, source),
                              message=f"the source {source!r} {fault}", cure="mend it there")


def _of_source(source: str, packs: Packs, code: str, message: str, cure: str) -> BookProblem:
    path = packs.origin[source]
    return BookProblem(code=code, path=shown(path), line=line_of_source(path, source), message=message, cure=cure)


def _idle_changes(paths: list[str]) -> Iterator[BookProblem]:
    """Yield the rules that a later file gives anew without a change."""
    known: dict[str, dict[str, Any]] = {}
    for path in paths:
        for rule in read_toml(path).get("rule", []):
            before = known.get(rule["id"])
            if before is not None and all(before.get(key) == value for key, value in rule.items()):
                yield BookProblem(code="idle", rule=rule["id"], path=shown(path), line=line_of(path, rule["id"]),
                                  message="it changes nothing of the rule below it", cure="take it out")
            known[rule["id"]] = {**(before or {}), **rule}


