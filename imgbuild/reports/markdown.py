"""The report for job summaries and comments: findings in, GitHub Flavored Markdown out.

Everything that comes from an image, a request or a file name is made plain text: markup and HTML in it stay visible
and have no effect. GitHub Flavored Markdown, https://github.github.com/gfm/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.reports.escape import visible
from imgbuild.reports.findings import address_of, findings_view
from imgbuild.reports.page import counted, flat
from imgbuild.reports.text_container import content_words, size_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.documents.findings import Finding
    from imgbuild.documents.inspection import Inspection
    from imgbuild.model import Source
    from imgbuild.reports.page import Page
    from imgbuild.reports.views import FindingsView, View

_SIGNS = {"error": "❌", "warning": "⚠️", "note": "💡"}
# Also what GitHub links by itself: addresses, @names, #numbers.
_MARKUP = re.compile(r"([\\`*_\[\]|~@#$^]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def render(view: View, page: Page) -> bytes:  # noqa: ARG001 - a browser lays it out
    """Return the findings of a view as Markdown; raises UsageError for a view of something else."""
    shown = findings_view(view, "markdown")
    return "\n".join(_lines(shown)).encode("utf-8", "backslashreplace") + b"\n"


def plain(text: str) -> str:
    """Return a text in which neither Markdown nor HTML finds markup."""
    return _MARKUP.sub(r"\\\1", visible(text)).translate(_HTML)


def _lines(view: FindingsView) -> Iterator[str]:
    summary = view.findings.summary
    verdict = "❌ not ready" if summary.error or view.status else "✅ ready"
    yield f"## imgbuild: {verdict} for {plain(view.cloud)}"
    yield ""
    yield flat(counted(getattr(summary, severity), severity) for severity in _SIGNS)
    for image in view.images:
        yield from _image(image)
    if view.findings.findings:
        yield from ("", "| | finding | where | what to do |", "| --- | --- | --- | --- |")
        yield from (_row(finding) for finding in view.findings.findings)
        yield from _details(view)


def _image(image: Inspection) -> Iterator[str]:
    format_name = plain(image.format or "not recognised")
    yield from ("", f"**{plain(image.path)}**: {format_name}, {plain(size_words(image))}")
    if image.os is not None:
        yield f"— {plain(flat((image.os.name or image.os.id, image.os.release, image.os.architecture)))}"
    for name, digest in (image.checksums or {}).items():
        yield from ("", f"{plain(name)} `{digest}`")
    for _, digest, words in content_words(image):
        yield from ("", f"{plain(words)} `{digest}`")


def _row(finding: Finding) -> str:
    subject = finding.subject
    place = subject.guest_path or subject.pointer or subject.path or ""
    where = place if subject.line is None else f"{subject.guest_path or subject.path or place}:{subject.line}"
    cells = (_SIGNS[finding.severity], f"**{plain(finding.rule)}**<br>{plain(finding.message)}", plain(where),
             plain(finding.hint))
    return f"| {' | '.join(cells)} |"


def _details(view: FindingsView) -> Iterator[str]:
    yield from ("", "<details><summary>Why, and who says so</summary>", "")
    firsts: dict[str, Finding] = {}
    for found in view.findings.findings:
        firsts.setdefault(found.rule, found)
    for rule_id, finding in firsts.items():
        rule = view.rules.get(rule_id)
        yield f"- **{plain(rule_id)}**: {plain(rule.why) if rule is not None else plain(finding.message)}"
        yield from (f"  - {_source(source)}" for source in finding.sources)
        yield from (f"  - the server answers {plain(error.code)}" for error in finding.errors)
    yield from ("", "</details>")


def _source(source: Source) -> str:
    said = flat((plain(source.title), source.date))
    address = address_of(source)
    return f"[{said}]({address})" if address else said
