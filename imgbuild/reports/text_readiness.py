"""Whether a guest will come up, as a checklist: what is wrong first, with place and cure, then what was not seen.

What is well takes one line each, advice that most guests do without comes last, and what does not arise in the guest is
shown on request. How bad a failure is, the rules say; here it is a fact among others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.escape import visible
from imgbuild.reports.page import Word, flat
from imgbuild.reports.sheet import GAP, INDENT, LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.model import GuestCheck, Place
    from imgbuild.reports.sheet import Sheet

_ORDER = ("fail", "unknown", "pass", "not-applicable")
_MARKS = {"pass": Word("ok", "good"), "fail": Word("no", "warning"), "unknown": Word("unseen", "faint"),
          "not-applicable": Word("-", "faint")}
_COUNTED = (("pass", "ok"), ("fail", "not"), ("unknown", "not seen"))
_TIP = Word("tip", "faint")
_MOST_PLACES = 3


def write(sheet: Sheet, checks: Sequence[GuestCheck]) -> None:
    """Write the checklist; nothing where no check was made."""
    if not checks:
        return
    sheet.section("Ready", _counts(checks))
    for check in (check for check in checks if check.status == "fail" and (sheet.page.verbose or not check.advice)):
        _write_failure(sheet, check)
    shown = _ORDER[1:] if sheet.page.verbose else _ORDER[1:-1]
    rows: list[list[str | Word]] = [[_mark(check), check.detail, Word(flat(check.files), "faint")]
                                    for check in _sorted(checks) if check.status in shown]
    if not sheet.page.verbose:
        rows += [[_mark(check), check.detail, Word(flat(check.files), "faint")] for check in checks if check.advice]
    if rows:
        sheet.table(rows, sentence=1)


def _mark(check: GuestCheck) -> Word:
    """Return the mark as wide as a label, so that rows and failures stand in one line."""
    mark = _TIP if check.advice else _MARKS[check.status]
    return Word(mark.text.ljust(LABEL - GAP), mark.style)


def _sorted(checks: Sequence[GuestCheck]) -> list[GuestCheck]:
    return sorted(checks, key=lambda check: _ORDER.index(check.status))


def _counts(checks: Sequence[GuestCheck]) -> str:
    counts = {status: sum(check.status == status and not check.advice for check in checks) for status, _ in _COUNTED}
    counts["advice"] = sum(check.advice for check in checks)
    words = (*_COUNTED, ("advice", "tips" if counts["advice"] > 1 else "tip"))
    return flat(f"{counts[key]} {word}" for key, word in words if counts[key])


def _write_failure(sheet: Sheet, check: GuestCheck) -> None:
    sheet.fact(_TIP if check.advice else _MARKS["fail"], check.detail)
    for place in check.places[:_MOST_PLACES]:
        sheet.fact("", *_place_words(place, check.detail))
    more = len(check.places) - _MOST_PLACES
    if more > 0:
        sheet.fact("", f"and {more} more")
    if check.cure:
        sheet.fact(Word("fix", "faint"), check.cure, indent=INDENT + LABEL, width=len("fix "))


def _place_words(place: Place, detail: str) -> list[str]:
    where = place.path if place.line is None else f"{place.path}:{place.line}"
    says = [] if place.says in {None, detail} else [place.says or ""]
    return [flat((where, None if place.text is None else visible(place.text)), ": "), *says]
