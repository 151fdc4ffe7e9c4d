"""What was found, for a person: a verdict for each image or request, a block for each finding, then what was built.

A block says in this order: severity, rule and place; the line with a caret, or the bytes; the message; why; the cure;
who says so; the server's error code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.inside.views import name_of
from imgbuild.jsontext import split_lines
from imgbuild.reports.findings import SEVERITIES, is_good, parts, place_of
from imgbuild.reports.page import Word, counted, flat
from imgbuild.reports.text_evidence import evidence_words
from imgbuild.reports.text_excerpt import write_message
from imgbuild.reports.text_inspection import write_run
from imgbuild.reports.text_manifest import write_image, write_request
from imgbuild.reports.text_rules import error_words, source_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.documents.findings import Finding
    from imgbuild.documents.inspection import Inspection
    from imgbuild.reports.sheet import Sheet
    from imgbuild.reports.views import FindingsView

_USUAL = "create-metadata"  # goes without saying


def write(sheet: Sheet, view: FindingsView) -> None:
    """Write a view; with several images each gets a part of its own."""
    lines = split_lines(view.request) if view.request is not None else []
    for number, (name, found, image, manifest) in enumerate(parts(view)):
        if number:
            sheet.line()
        _write_verdict(sheet, name, found, view)
        if sheet.page.quiet:
            continue
        said: set[str] = set()
        for finding in found:
            _write_finding(sheet, finding, lines, _reason(view, finding), said)
        if image is not None:
            write_image(sheet, image)
            _write_unseen(sheet, image)
        if manifest is not None and view.name is None:
            write_request(sheet, manifest)
        if image is not None:
            write_run(sheet, image)
    if not sheet.page.quiet:
        _write_end(sheet, view)


def _write_end(sheet: Sheet, view: FindingsView) -> None:
    if view.findings.accepted:
        sheet.section("Accepted", counted(len(view.findings.accepted), "finding"))
        sheet.table([[entry.finding.rule, Word(place_of(entry.finding.subject), "faint"), entry.reason]
                     for entry in view.findings.accepted], sentence=2)
    if view.verification is not None:
        sheet.section("Next", *view.verification.next[:1])
        for more in view.verification.next[1:]:
            sheet.fact("", more)
    if view.findings.fixable and view.name is not None:
        mendable = counted(view.findings.fixable, "finding")
        sheet.sentence(f"{mendable} can be mended: imgbuild lint --fix {view.name}")
    tally = view.findings.rules
    asked = f"{counted(tally.passed, 'rule')} passed, {tally.failed} failed, {tally.not_applicable} not applicable"
    sheet.ends([asked], f"exit {view.status}")


def _write_verdict(sheet: Sheet, name: str, found: Sequence[Finding], view: FindingsView) -> None:
    counts = flat(counted(sum(finding.severity == severity for finding in found), severity) for severity in SEVERITIES)
    operation = view.findings.operation
    target = view.cloud if operation in {None, _USUAL} else f"{view.cloud} {operation}"
    title = Word(f"{name} -> {target}", "title")
    word = "READY" if view.verification is None else "VERIFIED"
    verdict = Word(word, "good") if is_good(found, view) else Word(f"NOT {word}", "error")
    if sheet.page.quiet:
        sheet.line(title, counts, verdict)
    else:
        sheet.ends([title], verdict, counts)


def _write_finding(sheet: Sheet, finding: Finding, lines: Sequence[str], reason: str | None, said: set[str]) -> None:
    """Write a block; reasons and addresses that stand in a block above, those in ``said``, are not given again."""
    sheet.ends([Word(f"{finding.severity:<7}", finding.severity), Word(finding.rule, "title")],
               Word(place_of(finding.subject), "faint"))
    write_message(sheet, finding, lines)
    sheet.fact("bytes", *([] if finding.evidence is None else evidence_words(finding.evidence)))
    sheet.fact("why", *_unsaid(reason, said))
    sheet.fact("fix", finding.hint)
    for number, source in enumerate(finding.sources if sheet.page.verbose else finding.sources[:1]):
        sheet.fact("says" if number == 0 else "and", source_words(source), *_unsaid(source.url, said))
    if finding.errors:
        sheet.fact("server", flat(error_words(error.code, error.status) for error in finding.errors))


def _reason(view: FindingsView, finding: Finding) -> str | None:
    rule = view.rules.get(finding.rule)
    return None if rule is None else rule.why


def _unsaid(words: str | None, said: set[str]) -> list[str]:
    """Return words unless there are none, or they have been said before."""
    if not words or words in said:
        return []
    said.add(words)
    return [words]


def _write_unseen(sheet: Sheet, image: Inspection) -> None:
    guests = [("", image.guest), *((f"{name_of(inner)}: ", inner.guest) for inner in image.inside or ())]
    unseen = [before + check.detail for before, guest in guests for check in guest if check.status == "unknown"]
    if unseen:
        sheet.fact("unseen", *unseen)
