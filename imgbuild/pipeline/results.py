"""What the rules found in, the document of it out: sorted by what a person has accepted, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.acceptance import NOTHING_ACCEPTED
from imgbuild.documents.findings import Edit, Findings, Summary, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgbuild.documents.findings import Finding
    from imgbuild.settings import Settings


def document_of(findings: Iterable[Finding], tally: Tally, operation: str | None, settings: Settings) -> Findings:
    """Return the findings as a document, apart from them those that a person has accepted."""
    found, accepted = (settings.acceptance or NOTHING_ACCEPTED).judge(findings)
    counts = {severity: sum(f.severity == severity for f in found) for severity in ("error", "warning", "note")}
    fixable = sum(isinstance(finding.fix, Edit) for finding in found)
    return Findings(operation=operation, summary=Summary(**counts), rules=tally, findings=found, accepted=accepted,
                    fixable=fixable or msgspec.UNSET)


def sum_of(tallies: Iterable[Tally]) -> Tally:
    """Return the tallies of several images as one."""
    total = Tally()
    for tally in tallies:
        total = Tally(passed=total.passed + tally.passed, failed=total.failed + tally.failed,
                      not_applicable=total.not_applicable + tally.not_applicable)
    return total
