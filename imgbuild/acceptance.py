"""Which findings count: findings in; those that count, and those that somebody has accepted, out.

A rule may get another severity, or be off; a suppression accepts findings of a rule for a reason and until a day; a
baseline, which is an earlier findings document, accepts what was known then by its fingerprint. What is accepted is
never dropped in silence: it stays in the document, apart, with the reason.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import os
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import replace

from imgbuild.documents.findings import Accepted
from imgbuild.errors import ImgbuildError
from imgbuild.smallfiles import read_small

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgbuild.config import Level, Suppression
    from imgbuild.documents.findings import Finding

BASELINE_BYTES = 64 << 20
BASELINE = "known by the baseline"


class Verdict(NamedTuple):
    """The findings that count, and those that are accepted."""

    findings: tuple[Finding, ...]
    accepted: tuple[Accepted, ...]


class _Known(msgspec.Struct):
    fingerprint: str


class _Baseline(msgspec.Struct):
    kind: str
    findings: list[_Known]


class Acceptance(msgspec.Struct, frozen=True):
    """What somebody has decided on findings; ``today`` is the day on which suppressions expire.

    ``origin`` is the file that says so.
    """

    severities: tuple[tuple[str, Level], ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    known: frozenset[str] = frozenset()
    today: dt.date = dt.date.min
    origin: str | None = None

    @property
    def rules(self) -> frozenset[str]:
        """The ids of the rules that it speaks of."""
        return frozenset({*dict(self.severities), *(entry.rule for entry in self.suppressions)})

    def judge(self, findings: Iterable[Finding]) -> Verdict:
        """Return the findings with their severities, those that are accepted apart; rules that are off say nothing."""
        levels, counting, accepted = dict(self.severities), [], []
        for finding in findings:
            level = levels.get(finding.rule, finding.severity)
            if level == "off":
                continue
            found = finding if level == finding.severity else replace(finding, severity=level)
            reason = self._reason(found)
            if reason is None:
                counting.append(found)
            else:
                accepted.append(Accepted(finding=found, reason=reason))
        return Verdict(tuple(counting), tuple(accepted))

    def expired(self) -> tuple[Suppression, ...]:
        """Return the suppressions whose day has passed: they accept nothing any more."""
        return tuple(entry for entry in self.suppressions if self._is_over(entry))

    def _reason(self, finding: Finding) -> str | None:
        for entry in self.suppressions:
            if entry.rule == finding.rule and not self._is_over(entry) and _fits(entry, finding):
                return entry.reason
        return BASELINE if finding.fingerprint in self.known else None

    def _is_over(self, entry: Suppression) -> bool:
        return entry.expires is not None and entry.expires < self.today


NOTHING_ACCEPTED = Acceptance()


def _fits(entry: Suppression, finding: Finding) -> bool:
    if entry.path is None:
        return True
    path = finding.subject.path or ""
    return any(fnmatch.fnmatchcase(name, entry.path) for name in (path, os.path.basename(path)))


def read_baseline(path: str) -> frozenset[str]:
    """Return the fingerprints of a findings document; raises ImgbuildError where the file is none."""
    try:
        document = msgspec.json.decode(read_small(path, BASELINE_BYTES + 1), type=_Baseline)
    except OSError as error:
        raise ImgbuildError(f"cannot read the baseline {path!r}: {error.strerror}", cure="check the path") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        cure = f"imgbuild check --format json={path} IMAGE makes one"
        raise ImgbuildError(f"the baseline {path!r} is no findings document: {error}", cure=cure) from error
    if document.kind not in {"findings", "verification"}:
        raise ImgbuildError(f"the baseline {path!r} is a document of the kind {document.kind!r}",
                            cure="give one with findings")
    return frozenset(finding.fingerprint for finding in document.findings)
