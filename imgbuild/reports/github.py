"""The report for GitHub Actions: findings in, workflow commands out, one line for each, which become annotations.

An annotation has a file only where it can be shown in the repository: that is the request. The image is named in the
title.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.escape import visible
from imgbuild.reports.findings import findings_view

if TYPE_CHECKING:
    from imgbuild.documents.findings import Finding
    from imgbuild.reports.page import Page
    from imgbuild.reports.views import View

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render(view: View, page: Page) -> bytes:  # noqa: ARG001 - what the page is like makes no difference to programs
    """Return the findings of a view as workflow commands; raises UsageError for a view of something else."""
    shown = findings_view(view, "github")
    return "".join(_command(finding) for finding in shown.findings.findings).encode("utf-8", "backslashreplace")


def _command(finding: Finding) -> str:
    subject = finding.subject
    properties: dict[str, object] = {}
    if subject.kind == "request" and subject.line is not None and subject.path not in {None, "-"}:
        properties = {"file": subject.path, "line": subject.line, "col": subject.column}
    properties["title"] = finding.rule
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value is not None)
    return f"::{_COMMANDS[finding.severity]} {given}::{_data(_words(finding))}\n"


def _words(finding: Finding) -> str:
    subject = finding.subject
    place = subject.guest_path or subject.pointer or ""
    if subject.guest_path is not None and subject.line is not None:
        place = f"{place}:{subject.line}"
    where = " ".join(part for part in (subject.path or "", place) if part)
    return "\n".join([f"{visible(where)}: {visible(finding.message)}" if where else visible(finding.message),
                      f"fix: {visible(finding.hint)}", *_documents(finding)])


def _documents(finding: Finding) -> list[str]:
    return [f"says: {source.title}, {source.url}" for source in finding.sources[:1] if source.url]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")
