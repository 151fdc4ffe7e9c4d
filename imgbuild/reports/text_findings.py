"""What was found, for a person: a verdict for each image or request, a block for each finding, then what was built.

A block says in this order: severity, rule and place; the line with a caret, or the bytes; the message; why; the cure;
who says so; the server's error code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.jsontext import split_lines
from imgbuild.reports.escape import visible
from imgbuild.reports.page import Word, cells, counted, flat
from imgbuild.reports.text_manifest import value_words, write_image, write_request
from imgbuild.reports.text_rules import error_words, source_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.model import Finding, Inspection, Manifest, Subject
    from imgbuild.reports.page import Page
    from imgbuild.reports.views import FindingsView

_SEVERITIES = ("error", "warning", "note")
_EXCERPT_BEFORE = 60
_EXCERPT_AFTER = 40


def write(page: Page, view: FindingsView) -> None:
    """Write a view; with several images each gets a part of its own."""
    lines = split_lines(view.request) if view.request is not None else []
    for number, (name, found, image, manifest) in enumerate(_parts(view)):
        if number:
            page.line()
        _write_verdict(page, name, found, view)
        if page.quiet:
            continue
        for finding in found:
            _write_finding(page, finding, lines, view.reasons.get(finding.rule))
        if image is not None:
            write_image(page, image)
            _write_unseen(page, image)
        if manifest is not None and view.name is None:
            write_request(page, manifest)
    if not page.quiet:
        _write_end(page, view)


def _write_end(page: Page, view: FindingsView) -> None:
    tally = view.findings.rules
    page.ends(f"{counted(tally.passed, 'rule')} passed, {tally.failed} failed, {tally.not_applicable} not applicable",
              f"exit {view.status}")


_Part = tuple[str, list["Finding"], "Inspection | None", "Manifest | None"]


def _parts(view: FindingsView) -> Iterator[_Part]:
    """Give what each image, or the request where there is none, has to do with: name, findings, facts, manifest."""
    findings = view.findings.findings
    if len(view.images) <= 1:
        image = view.images[0] if view.images else None
        manifest = view.manifests[0] if view.manifests else None
        yield image.path if image is not None else view.name or "request", list(findings), image, manifest
        return
    paths = [image.path for image in view.images]
    for image, manifest in zip(view.images, view.manifests, strict=True):
        yield image.path, [found for found in findings if found.subject.path == image.path], image, manifest
    others = [found for found in findings if found.subject.path not in paths]
    if others:
        yield view.name or "request", others, None, None


def _write_verdict(page: Page, name: str, found: Sequence[Finding], view: FindingsView) -> None:
    counts = [counted(sum(finding.severity == severity for finding in found), severity) for severity in _SEVERITIES]
    good = not any(finding.severity == "error" for finding in found) and (view.status == 0 or not found)
    page.ends(f"{name} -> {view.cloud}: {flat(counts)}", Word("READY", "good") if good else Word("NOT READY", "error"))


def _write_finding(page: Page, finding: Finding, lines: Sequence[str], reason: str | None) -> None:
    page.ends(Word(f"{finding.severity:<7}", finding.severity), Word(_place(finding.subject), "faint"),
              Word(finding.rule, "title"))
    if not _write_excerpt(page, finding, lines):
        page.fact("", finding.message, indent=0, width=2)
    for evidence in _evidence(finding):
        page.fact("bytes", evidence)
    if reason:
        page.fact("why", reason)
    page.fact("fix", finding.hint)
    for number, source in enumerate(finding.sources if page.verbose else finding.sources[:1]):
        page.fact("says" if number == 0 else "and", *source_words(source))
    if finding.errors:
        page.fact("server", flat(error_words(error.code, error.status) for error in finding.errors))


def _place(subject: Subject) -> str:
    if subject.line is not None:
        return f"{subject.path or 'request'}:{subject.line}:{subject.column}"
    return subject.guest_path or subject.pointer or subject.path or ""


def _write_excerpt(page: Page, finding: Finding, lines: Sequence[str]) -> bool:
    """Write the line of the request with a caret below and the message behind it; say whether there is one."""
    line, column = finding.subject.line, finding.subject.column
    if finding.subject.kind != "request" or line is None or column is None or not 0 < line <= len(lines):
        return _write_value(page, finding)
    text = lines[line - 1]
    start = max(0, column - 1 - _EXCERPT_BEFORE)
    before, after = visible(text[start : column - 1]), visible(text[column - 1 : column - 1 + _EXCERPT_AFTER])
    head = f"  {line} | "
    page.line(head + before.lstrip() + after)
    caret = cells(head) + cells(before.lstrip())
    _write_message(page, finding.message, caret)
    return True


def _write_value(page: Page, finding: Finding) -> bool:
    """Write key and value of a request that was built: it has no lines yet."""
    pointer = finding.subject.pointer
    if finding.subject.kind != "request" or not pointer or finding.value is None:
        return False
    head = f"  {pointer.rsplit('/', 1)[-1]}: "
    page.line(head + value_words(finding.value))
    _write_message(page, finding.message, cells(visible(head)))
    return True


def _write_message(page: Page, message: str, caret: int) -> None:
    """Write a message behind its caret, or below it where there is no room."""
    if caret + 2 + cells(visible(message)) <= page.width:
        page.fact("^", message, indent=caret, width=2)
        return
    page.line("^", indent=caret)
    page.fact("", message, indent=0, width=2)


def _evidence(finding: Finding) -> Iterator[str]:
    evidence = finding.evidence
    if evidence is None:
        return
    place = None if evidence.offset is None else f"at byte {evidence.offset}"
    size = None if evidence.length is None else counted(evidence.length, "byte")
    where = flat((flat((evidence.field, place), " "), size))
    if where:
        yield flat((where, evidence.hex), ": ")


def _write_unseen(page: Page, image: Inspection) -> None:
    unseen = [check.detail for check in image.guest if check.status == "unknown"]
    if unseen:
        page.fact("unseen", *unseen)
