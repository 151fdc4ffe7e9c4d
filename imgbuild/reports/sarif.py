"""The report for code scanning: findings in, a SARIF 2.1.0 log out.

One run; each rule that found something is a descriptor, each finding a result. An image, a request, and a file inside
the guest are artifacts, the last nested in its image. Evidence is a binary region of the image.

Static Analysis Results Interchange Format (SARIF) 2.1.0, https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from imgbuild.reports.escape import visible
from imgbuild.reports.findings import file_of, findings_view, uri_of
from imgbuild.reports.json import encode
from imgbuild.reports.sarif_fixes import Fixes
from imgbuild.version import __version__

if TYPE_CHECKING:
    from imgbuild.documents.findings import Evidence, Finding
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.rules import RuleEntry
    from imgbuild.reports.page import Page
    from imgbuild.reports.views import FindingsView, View

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HASHES = {"md5": "md5", "sha256": "sha-256", "sha512": "sha-512", "sha1": "sha-1"}
_ADDRESS = ("http://", "https://")


def render(view: View, page: Page) -> bytes:  # noqa: ARG001 - what the page is like makes no difference to programs
    """Return the findings of a view as SARIF; raises UsageError for a view of something else."""
    shown = findings_view(view, "sarif")
    artifacts = _Artifacts(shown)
    accepted = {id(entry.finding): entry.reason for entry in shown.findings.accepted}
    found = [*shown.findings.findings, *(entry.finding for entry in shown.findings.accepted)]
    rules = sorted({finding.rule for finding in found})
    fixes = Fixes(shown.request)
    results = [_result(finding, rules.index(finding.rule), artifacts) | (
        _suppressed(accepted[id(finding)]) if id(finding) in accepted else _fixed(finding, fixes, artifacts))
        for finding in found]
    run = {
        "tool": {"driver": {"name": "imgbuild", "version": __version__, "semanticVersion": __version__,
                            "rules": [_descriptor(rule_id, shown.rules.get(rule_id)) for rule_id in rules]}},
        "invocations": [{"executionSuccessful": True, "exitCode": shown.status}],
        "artifacts": artifacts.listed, "results": results, "columnKind": "unicodeCodePoints",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "properties": {"cloud": shown.cloud},
    }
    return encode({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _descriptor(rule_id: str, rule: RuleEntry | None) -> dict[str, Any]:
    if rule is None:
        return {"id": rule_id}
    address = next((source.url for source in rule.sources if (source.url or "").startswith(_ADDRESS)), None)
    documents = "".join(f"\n- {_linked(source.title, source.url)}" for source in rule.sources)
    return {
        "id": rule_id, "shortDescription": {"text": rule.title}, "fullDescription": {"text": rule.why},
        "defaultConfiguration": {"level": rule.severity},
        "help": {"text": f"{rule.why} {rule.hint}", "markdown": f"{rule.why}\n\n**Fix**: {rule.hint}\n{documents}"},
        **({"helpUri": address} if address else {}), "properties": {"tags": [rule.group]},
    }


def _linked(title: str, url: str | None) -> str:
    return f"[{title}]({url})" if url else title


class _Artifacts:
    """The files that results speak of, each once, in the order in which they are first named."""

    def __init__(self, view: FindingsView) -> None:
        self.view = view
        self.listed: list[dict[str, Any]] = []
        self._numbers: dict[tuple[str, int | None], int] = {}
        for image in view.images:
            self.number(image.path, **_facts(image))
        if view.name is not None and view.name != "-":
            self.number(view.name)

    def number(self, path: str, parent: int | None = None, **facts: Any) -> int:  # noqa: ANN401 - SARIF's properties
        """Return the index of the artifact of a path, or of one inside the artifact ``parent``."""
        if (path, parent) not in self._numbers:
            self._numbers[path, parent] = len(self.listed)
            nested = {} if parent is None else {"parentIndex": parent}
            self.listed.append({"location": {"uri": uri_of(path)}, **nested, **facts})
        return self._numbers[path, parent]

    def location(self, index: int) -> dict[str, Any]:
        """Return the artifactLocation of the artifact of a number."""
        return {"uri": self.listed[index]["location"]["uri"], "index": index}


def _facts(image: Inspection) -> dict[str, Any]:
    hashes = {_HASHES[name]: digest for name, digest in (image.checksums or {}).items() if name in _HASHES}
    return {"length": image.size, **({"hashes": hashes} if hashes else {})}


def _result(finding: Finding, rule: int, artifacts: _Artifacts) -> dict[str, Any]:
    properties = {"group": finding.group, "hint": finding.hint, "value": finding.value,
                  "serverErrors": [error.code for error in finding.errors],
                  "sources": [source.url or source.title for source in finding.sources]}
    location = _location(finding, artifacts)
    return {
        "ruleId": finding.rule, "ruleIndex": rule, "level": finding.severity,
        "message": {"text": visible(finding.message)}, **({"locations": [location]} if location else {}),
        "partialFingerprints": {"imgbuild/v1": finding.fingerprint},
        "properties": {name: value for name, value in properties.items() if value not in (None, [])},
    }


def _suppressed(reason: str) -> dict[str, Any]:
    return {"suppressions": [{"kind": "external", "status": "accepted", "justification": visible(reason)}]}


def _fixed(finding: Finding, fixes: Fixes, artifacts: _Artifacts) -> dict[str, Any]:
    """Return the fix of a finding, where it is in a file and lint --fix has one."""
    path = file_of(finding, artifacts.view)
    found = fixes.of(finding, artifacts.location(artifacts.number(path))) if path is not None else []
    return {"fixes": found} if found else {}


def _location(finding: Finding, artifacts: _Artifacts) -> dict[str, Any]:
    path, subject = file_of(finding, artifacts.view), finding.subject
    location: dict[str, Any] = {}
    if path is not None:
        index = artifacts.number(path)
        if subject.guest_path is not None:
            index = artifacts.number(subject.guest_path, index)
        region = _region(finding)
        location["physicalLocation"] = {
            "artifactLocation": artifacts.location(index), **({"region": region} if region else {})}
    if subject.pointer is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": visible(subject.pointer), "kind": "member"}]
    return location


def _region(finding: Finding) -> dict[str, Any]:
    if finding.evidence is not None and finding.evidence.offset is not None:
        return _bytes_region(finding.evidence)
    line, column = finding.subject.line, finding.subject.column
    if line is None:
        return {}
    snippet = {} if finding.excerpt is None else {"snippet": {"text": visible(finding.excerpt)}}
    return {"startLine": line, **({"startColumn": column} if column else {}), **snippet}


def _bytes_region(evidence: Evidence) -> dict[str, Any]:
    region: dict[str, Any] = {"byteOffset": evidence.offset, "byteLength": evidence.length or 0}
    if evidence.hex:
        region["snippet"] = {"binary": base64.b64encode(bytes.fromhex(evidence.hex)).decode()}
    if evidence.field:
        region["message"] = {"text": visible(evidence.field)}
    return region
