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
    for check in _sorted(checks):
        if check.status in shown:
            _write_row(sheet, check)
    for check in () if sheet.page.verbose else checks:
        if check.advice:
            _write_row(sheet, check)


def _write_row(sheet: Sheet, check: GuestCheck) -> None:
    """Write a fact and its first file in a line; a table of some forty rows would take three times as long to draw."""
    more = ", …" if len(check.files) > 1 else ""
    files = Word(check.files[0] + more if check.files else "", "faint")
    if len(check.detail) + len(files.text) + INDENT + LABEL + GAP <= sheet.page.width:
        mark = _mark(check)
        sheet.ends([Word(f"{'':{INDENT}}{mark.text:<{LABEL - GAP}}", mark.style), check.detail], files)
        return
    sheet.fact(_mark(check), check.detail)
    if files.text:
        sheet.line(files, indent=INDENT + LABEL)


def _mark(check: GuestCheck) -> Word:
    return _TIP if check.advice else _MARKS[check.status]


def _sorted(checks: Sequence[GuestCheck]) -> list[GuestCheck]:
    return sorted(checks, key=lambda check: _ORDER.index(check.status))


def _counts(checks: Sequence[GuestCheck]) -> str:
    counts = {status: sum(check.status == status and not check.advice for check in checks) for status, _ in _COUNTED}
    counts["advice"] = sum(check.advice for check in checks)
    words = (*_COUNTED, ("advice", "tips" if counts["advice"] > 1 else "tip"))
    return flat(f"{counts[key]} {word}" for key, word in words if counts[key])


def _write_failure(sheet: Sheet, check: GuestCheck) -> None:
    sheet.fact(_mark(check), check.detail)
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
