"""The report for test result viewers: findings in, JUnit XML out.

Each image, or the request where there is none, is a test suite; each finding is a test case, which fails where the
finding counts for the exit status. What does not count is a passed case with the finding on its standard output, so
that no viewer shows red what the exit status calls good. A suite without findings has one passed case.

The grammar is that of Jenkins' xUnit plugin,
https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from imgbuild.reports.escape import visible
from imgbuild.reports.findings import counts, file_of, findings_view

if TYPE_CHECKING:
    from collections.abc import ItemsView, Sequence

    from imgbuild.documents.findings import Finding
    from imgbuild.reports.page import Page
    from imgbuild.reports.views import FindingsView, View


def render(view: View, page: Page) -> bytes:  # noqa: ARG001 - what the page is like makes no difference to programs
    """Return the findings of a view as JUnit XML; raises UsageError for a view of something else."""
    shown = findings_view(view, "junit")
    root = ET.Element("testsuites", name="imgbuild")
    for name, found in _suites(shown):
        _add_suite(root, name, found, shown)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _suites(view: FindingsView) -> ItemsView[str, list[Finding]]:
    suites: dict[str, list[Finding]] = {image.path: [] for image in view.images}
    if not suites:
        suites[view.name or "request"] = []
    for finding in view.findings.findings:
        suites.setdefault(file_of(finding, view) or view.name or "request", []).append(finding)
    return suites.items()


def _add_suite(root: ET.Element, name: str, found: Sequence[Finding], view: FindingsView) -> None:
    failures = sum(counts(finding, view.fail_on) for finding in found)
    suite = ET.SubElement(root, "testsuite", name=visible(name), tests=str(len(found) or 1), failures=str(failures),
                           errors="0", skipped="0")
    if not found:
        ET.SubElement(suite, "testcase", name=f"{view.findings.rules.passed} rules", classname="imgbuild")
    for finding in found:
        _add_case(suite, finding, view)


def _add_case(suite: ET.Element, finding: Finding, view: FindingsView) -> None:
    place = _place(finding)
    name = f"{finding.rule} {place}".rstrip()
    case = ET.SubElement(suite, "testcase", name=name, classname=f"imgbuild.{finding.group}")
    if counts(finding, view.fail_on):
        failure = ET.SubElement(case, "failure", type=finding.severity, message=visible(finding.message))
        failure.text = _words(finding)
    else:
        ET.SubElement(case, "system-out").text = f"{finding.severity}: {_words(finding)}"


def _place(finding: Finding) -> str:
    subject = finding.subject
    where = subject.guest_path or subject.pointer or ""
    return visible(where if subject.line is None else f"{where or subject.path or ''}:{subject.line}")


def _words(finding: Finding) -> str:
    sources = [f"says: {source.title}, {source.url or 'no address'}" for source in finding.sources]
    codes = [f"server: {error.code}" for error in finding.errors]
    excerpt = [] if finding.excerpt is None else [f"line: {visible(finding.excerpt)}"]
    return "\n".join([visible(finding.message), *excerpt, f"fix: {visible(finding.hint)}", *sources, *codes])
