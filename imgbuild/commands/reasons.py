"""What the rules behind findings say: findings in, the entries of their rules out, for the reports that show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgbuild.documents.findings import Findings
    from imgbuild.documents.rules import RuleEntry


def entries_for(findings: Findings, cloud: str, rules: str | None = None,
                catalogue: str | None = None) -> dict[str, RuleEntry]:
    """Return the entry of each rule that found something, by its id.

    ``rules`` is a folder with a person's own, ``catalogue`` a file with the OS list of a region.
    """
    if not findings.findings:
        return {}
    from imgbuild.commands.rules import entry_of  # noqa: PLC0415 - nothing was found on most images
    from imgbuild.pipeline.books import read_book  # noqa: PLC0415 - as above

    book = read_book(cloud, rules, catalogue)
    found = [book.rule(rule_id) for rule_id in sorted({finding.rule for finding in findings.findings})]
    return {rule.id: entry_of(rule, book) for rule in found if rule is not None}
