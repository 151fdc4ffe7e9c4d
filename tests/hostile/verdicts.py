"""What the table says: our verdict on a case in a few words, and which cases count as unsafe."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from imgbuild import rulebook
from imgbuild.reports.escape import visible

if TYPE_CHECKING:
    from hostile.case import Case
    from hostile.watched import Seen

README = Path(__file__).with_name("README.md")
QUIET = "nothing to say"
# These depend on which qemu is installed.
_BY_THE_WAY = frozenset({"image-qemu-died", "image-qemu-disagrees", "image-content-unread"})
_NOT_COMPARED = frozenset({"A16", "A18", "A19", "A22"})
"""Classes of which the danger is not in what the file holds."""


def verdict(case: Case, seen: Seen) -> str:
    """Return our verdict: the rules on the file, errors first, or the one line of a file that is refused."""
    if seen.status not in {0, 1}:
        return "refused: " + seen.err.strip().removeprefix("imgbuild: ").split(" (")[0].rsplit("' ", 1)[-1]
    prefixes = ("ims-json", "ims-tag", "ims-name", "image-") if case.request else ("image-",)
    shown = [rule for rule in seen.rules
             if (rule.startswith(prefixes) or rule in case.expect) and rule not in _BY_THE_WAY]
    return ", ".join(rule.removeprefix("image-") for rule in shown) or QUIET


def is_unsafe(case: Case) -> bool:
    """Say whether an error must come out over what the file holds: what others may be measured by."""
    return case.attack not in _NOT_COMPARED and any(map(_is_danger, case.expect))


@cache
def _is_danger(rule_id: str) -> bool:
    rule = rulebook.load().rule(rule_id)
    if rule is None or not rule_id.startswith("image-"):
        return False
    return rule.severity == "error" and (rule.group in {"safety", "integrity"} or rule_id == "image-encrypted")


def cell(text: str) -> str:
    """Return text that is safe in a cell of a Markdown table."""
    shown = visible(text)
    for mark in "\\|<>*_`[]$#":
        shown = shown.replace(mark, f"\\{mark}")
    return shown


@cache
def listed() -> dict[str, str]:
    """Return our verdicts that the README has, by the names of the files."""
    rows = [line.split(" | ") for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("| A")]
    return {row[1]: row[3] for row in rows if len(row) == 6}
