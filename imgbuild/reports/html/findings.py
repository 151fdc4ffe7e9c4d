"""The findings: those of one rule as one block, with place, excerpt or bytes, reason, cure, and who says so.

Of very many findings the first ones are shown: a page is to be read.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import htpy as h

from imgbuild.reports.findings import SEVERITIES, place_of
from imgbuild.reports.html.elements import code, facts, heading, mark, more, section, sources
from imgbuild.reports.html.excerpt import write_bytes, write_excerpt
from imgbuild.reports.json import value_words
from imgbuild.reports.page import counted, flat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from imgbuild.documents.findings import Accepted, Finding
    from imgbuild.documents.rules import RuleEntry

MOST_FINDINGS = 250
"""Of each severity."""

_OPEN_FINDINGS = 5


class Context(NamedTuple):
    """What the findings of a part are written with: the rules behind them, the lines of the request, the level."""

    rules: Mapping[str, RuleEntry]
    lines: Sequence[str]
    level: int
    prefix: str


def write_findings(found: Sequence[Finding], context: Context) -> h.Element | None:
    """Return the section on the findings, by severity; ``None`` where there are none."""
    if not found:
        return None
    return section(context.level, f"{context.prefix}findings", "Findings",
                   [_of_severity(severity, found, context) for severity in SEVERITIES])


def _of_severity(severity: str, found: Sequence[Finding], context: Context) -> list[h.Element] | None:
    these = [finding for finding in found if finding.severity == severity]
    if not these:
        return None
    title = heading(context.level + 1, counted(len(these), severity), id=f"{context.prefix}{severity}s",
                    class_="severity")
    blocks = [_folded(group, context) if severity == "note" else _block(group, context)
              for group in _groups(these[:MOST_FINDINGS])]
    left = len(these) - MOST_FINDINGS
    more_words = f"{counted(left, f'more {severity}')}: the JSON report has all of them."
    return [title, *blocks, *([h.p[more_words]] if left > 0 else [])]


def _groups(found: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Put together what differs in nothing but its place: rule, cure and documents are said once."""
    groups: dict[object, list[Finding]] = {}
    for finding in found:
        groups.setdefault((finding.rule, finding.hint, finding.sources), []).append(finding)
    yield from groups.values()


def anchor(finding: Finding, prefix: str) -> str:
    """Return the id of a finding's block, which the list of what to do leads to."""
    return f"{prefix}{finding.severity}-{finding.fingerprint or finding.rule}"


def _block(group: Sequence[Finding], context: Context) -> h.Element:
    first = group[0]
    return h.article(f".finding.{first.severity}", id=anchor(first, context.prefix))[
        h.header[heading(context.level + 2, mark(first.severity), h.span(".word")[f"{first.severity} "],
                         h.code[first.rule])],
        _instances(group, context),
        _said(first, context),
    ]


def _folded(group: Sequence[Finding], context: Context) -> h.Element:
    """Return a block of which only the first line is seen before it is opened: nothing need be done about a note."""
    first = group[0]
    return more([mark("note"), h.span(".word")["note "], first.message, " ", h.code(".faint")[first.rule]],
                h.article(".finding.note", id=anchor(first, context.prefix))[
                    _instances(group, context), _said(first, context)])


def _instances(group: Sequence[Finding], context: Context) -> list[h.Node]:
    written = (_instance(finding, context) for finding in group)
    seen: list[h.Node] = [*islice(written, _OPEN_FINDINGS)]
    rest = len(group) - _OPEN_FINDINGS
    return [*seen, more(f"{rest} more of this rule", list(written))] if rest > 0 else seen


def _instance(finding: Finding, context: Context) -> h.Element:
    place = place_of(finding.subject)
    return h.div(".instance")[
        h.p(".message")[finding.message],
        h.p(".where")[h.code[place]] if place else None,
        write_excerpt(finding, context.lines),
        facts(("Value", code(value_words(finding.value)) if finding.value is not None else None)),
        write_bytes(finding.evidence) if finding.evidence is not None else None,
    ]


def _said(finding: Finding, context: Context) -> h.Element | None:
    rule = context.rules.get(finding.rule)
    codes = flat(f"{error.code} (HTTP {error.status})" if error.status else error.code for error in finding.errors)
    return facts(("Why", rule.why if rule is not None else None),
                 ("Cure", h.span(".cure")[finding.hint] if finding.hint else None),
                 ("Server", f"answers {codes}" if codes else None), ("Sources", sources(finding.sources)))


def write_accepted(accepted: Sequence[Accepted], level: int) -> h.Element | None:
    """Return what somebody has accepted, with the reason; it does not count."""
    if not accepted:
        return None
    return section(level, "accepted", "Accepted", h.ul[(
        h.li[h.code[entry.finding.rule], f" {entry.finding.message}: ", h.q[entry.reason]]
        for entry in accepted[:MOST_FINDINGS])])
