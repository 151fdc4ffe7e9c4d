"""Why a rule is one: findings in, the reasons of their rules out, for reports that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgbuild.model import Findings


def reasons_for(findings: Findings, cloud: str) -> dict[str, str]:
    """Return the reason of each rule that found something, by its id."""
    if not findings.findings:
        return {}
    from imgbuild import rulebook  # noqa: PLC0415 - nothing was found on most images

    book = rulebook.load(cloud)
    rules = [book.rule(rule_id) for rule_id in {finding.rule for finding in findings.findings}]
    return {rule.id: rule.why for rule in rules if rule is not None}
