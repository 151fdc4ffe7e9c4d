"""lint: request, facts and rules in, findings out.

Every rule that holds for the operation is asked; what it finds becomes a finding with its documents, the server's error
codes and its place. What lies inside of a compressed file or an archive is asked what guests are asked; no request is
made for it. Findings are sorted by severity, then place, then rule. A problem of the image or of the request's
text that no rule knows becomes a finding of its own: nothing that was seen is dropped in silence.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import UNSET
from msgspec.structs import replace

from imgbuild.checks import Case, Context, Hit, hit_of_problem
from imgbuild.documents.findings import Edit, Finding, Subject, Tally
from imgbuild.errors import UsageError
from imgbuild.rulebook.own import PACK as OWN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from imgbuild.jsontext import JsonDocument
    from imgbuild.model import Group, Severity, Source
    from imgbuild.rulebook import RuleBook
    from imgbuild.rulebook.rules import Rule

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
VALUE_LENGTH = 200
MOST_HITS = 200
"""So many findings of one rule are listed; a request of a MiB could make 100,000 of them."""
_UNKNOWN_HINT = "Report this to the authors of imgbuild: the problem has no rule."


def lint(book: RuleBook, context: Context, *, select: Collection[str] = (),
         ignore: Collection[str] = ()) -> tuple[tuple[Finding, ...], Tally]:
    """Return what the rules of ``book`` find, and how many of them were asked.

    ``select`` leaves only the rules of these ids, ``ignore`` leaves out those. Raises UsageError for an unknown id.
    """
    _check_ids(book, (*select, *ignore))
    rules = [rule for rule in book.rules if (not select or rule.id in select) and rule.id not in ignore]
    asked = [(rule, case, "") for rule in rules if (case := _case(book, context, rule)) is not None]
    asked += [(rule, case, f"{name}: ") for name, inner in _inside(context) for rule in rules
              if rule.group == "guest" and (case := _case(book, inner, rule)) is not None]
    found = [_hits(rule.check.find(case), before) for rule, case, before in asked]
    findings = [_finding(book, case, rule, hit) for (rule, case, _), hits in zip(asked, found, strict=True)
                for hit in hits]
    if not select:
        findings += _without_rule(book, context)
    failed = {rule.id for (rule, *_), hits in zip(asked, found, strict=True) if hits}
    passed = {rule.id for rule, *_ in asked} - failed
    tally = Tally(passed=len(passed), failed=len(failed), not_applicable=len(rules) - len(passed) - len(failed))
    return tuple(distinct(sorted(findings, key=_order))), tally


def _inside(context: Context) -> Iterator[tuple[str, Context]]:
    """Give what lies inside of a compressed file or an archive by its name, each as an image without a request."""
    image = context.image
    if image is None or not image.inside:
        return
    from imgbuild.inside.views import image_of, name_of  # noqa: PLC0415 - few files hold others

    for entry in image.inside:
        yield name_of(entry), Context(operation=context.operation, image=replace(image_of(entry), path=image.path))


def _hits(found: Iterator[Hit], before: str) -> list[Hit]:
    """Return what a rule finds, with these words before each; of very much the first part, and one that says so."""
    hits = [dataclasses.replace(hit, message=f"{before}{hit.message}") for hit in islice(found, MOST_HITS)]
    if next(found, None) is not None:
        hits.append(Hit(message=f"this rule finds more: the first {MOST_HITS} are listed", on=hits[-1].on))
    return hits


def _check_ids(book: RuleBook, ids: Iterable[str]) -> None:
    for rule_id in ids:
        if book.rule(rule_id) is None:
            raise UsageError(f"no rule {rule_id!r}", cure="imgbuild rules lists them")


def _case(book: RuleBook, context: Context, rule: Rule) -> Case | None:
    """Return the rule's view of the context; ``None`` where the rule cannot be asked."""
    if rule.operations and context.operation not in rule.operations:
        return None
    case = Case(context=context, profile=book.profile, catalogue=lambda: book.catalogue, rule_id=rule.id,
                at=rule.places)
    return case if rule.check.applies(case) else None


def _finding(book: RuleBook, case: Case, rule: Rule, hit: Hit) -> Finding:
    codes = rule.errors if hit.errors is None else hit.errors
    subject = _subject(case.context, hit)
    return Finding(
        rule=rule.id, severity=hit.severity or rule.severity, group=rule.group, cloud=_cloud(book, rule),
        message=hit.message, hint=hit.hint or rule.hint, subject=subject, value=_shown(hit.value),
        sources=_sources(book, rule, hit),
        errors=tuple(error for code in codes if (error := book.error(code)) is not None), evidence=hit.evidence,
        excerpt=hit.excerpt, fingerprint=_fingerprint(rule.id, subject, hit), views=hit.views,
        fix=_fix(case, rule, hit) or UNSET,
    )


def _fix(case: Case, rule: Rule, hit: Hit) -> Edit | None:
    """Return how the text of the request is mended, where there is one that is JSON and the way is plain."""
    document = case.context.document
    if rule.fix is None or hit.on != "request" or document is None or not document.is_json:
        return None
    return rule.fix.edit(case, hit)


def _cloud(book: RuleBook, rule: Rule) -> str | None:
    """Return the cloud that a rule speaks for; the common rules on files and guests speak for all."""
    return None if rule.pack in {"common", OWN} else book.profile.name


def _sources(book: RuleBook, rule: Rule, hit: Hit) -> tuple[Source, ...]:
    if hit.sources is None:
        return tuple(book.source(source, rule.readings.get(source)) for source in rule.cited)
    return tuple(book.source(source, reading or rule.readings.get(source)) for source, reading in hit.sources)


def _subject(context: Context, hit: Hit) -> Subject:
    if hit.on == "response":
        line, column = _place_in(context.answer, hit) or (None, None)
        return Subject(kind="response", path=context.answer_path, pointer=hit.pointer, line=line, column=column)
    if hit.on != "request":
        path = context.image.path if context.image else None
        return Subject(kind=hit.on, path=path, guest_path=hit.guest_path, line=hit.guest_line)
    line, column = _position(context, hit) or (None, None)
    return Subject(kind="request", path=context.request_path, pointer=hit.pointer, line=line, column=column)


def _position(context: Context, hit: Hit) -> tuple[int, int] | None:
    return None if context.request_path is None else _place_in(context.document, hit)


def _place_in(document: JsonDocument | None, hit: Hit) -> tuple[int, int] | None:
    if document is None or hit.position is not None or hit.pointer is None:
        return None if document is None else hit.position
    find = document.key_position_of if hit.on_key else document.position_of
    return find(hit.pointer) or document.position_of("")


def _shown(value: Any) -> Any:  # noqa: ANN401 - any JSON value of the request
    """Return the value as it stands in the finding: a long text is cut, a list or an object is not repeated."""
    if isinstance(value, str) and len(value) > VALUE_LENGTH:
        return value[: VALUE_LENGTH - 1] + "…"
    return None if isinstance(value, (list, dict)) else value


def _fingerprint(rule_id: str, subject: Subject, hit: Hit) -> str:
    """Return a mark that stays when lines move and files are renamed: of rule, subject, place in it and value."""
    field = hit.evidence.field if hit.evidence else None
    parts = [rule_id, subject.kind, subject.pointer or subject.guest_path or field, hit.excerpt or hit.value]
    return _mark(json.dumps(parts, sort_keys=True, default=str))


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def distinct(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings with marks of their own: of several alike, the second and further ones are numbered."""
    seen: Counter[str] = Counter()
    for finding in findings:
        count = seen[finding.fingerprint]
        seen[finding.fingerprint] += 1
        yield finding if count == 0 else replace(finding, fingerprint=_mark(f"{finding.fingerprint} {count}"))


def _order(finding: Finding) -> tuple[int, int, int, str, str, str]:
    subject = finding.subject
    return (SEVERITIES.index(finding.severity), subject.line or 0, subject.column or 0,
            subject.pointer or subject.guest_path or "", finding.rule, finding.message)


def _without_rule(book: RuleBook, context: Context) -> Iterator[Finding]:
    """Yield a finding for each problem, of the image or of the JSON text, that no rule of the book knows."""
    for problem in context.image.problems if context.image else ():
        if book.rule(f"image-{problem.code}") is None:
            yield _generic(context, f"image-{problem.code}", hit_of_problem(problem))
    known = {code for rule in book.rules for code in getattr(rule.check, "codes", ())}
    for slip in context.document.problems if context.document else ():
        if slip.code not in known:
            yield _generic(context, slip.code, Hit(message=slip.message, pointer=slip.pointer or None,
                                                   position=(slip.line, slip.column)))


def _generic(context: Context, rule_id: str, hit: Hit) -> Finding:
    subject = _subject(context, hit)
    group: Group = "integrity" if hit.on == "image" else "request"
    return Finding(rule=rule_id, severity="error", group=group, cloud=None, message=hit.message, hint=_UNKNOWN_HINT,
                   subject=subject, evidence=hit.evidence, fingerprint=_fingerprint(rule_id, subject, hit))
