"""fix: the text of a request and edits in, the mended text out; all that is not edited stays as it is, byte for byte.

Each edit is a splice (splices.py). Of those that touch only the ones that go are mended together; else the first wins
and the other waits for another round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from imgbuild.documents.findings import Edit
from imgbuild.splices import MARK, splice_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from imgbuild.documents.findings import Findings
    from imgbuild.jsontext import JsonDocument
    from imgbuild.splices import Splice

MOST_ROUNDS = 20
MOST_CHARACTERS = 2 << 20
"""What all rounds together may read: a request of some KiB is done after three, one of a MiB is an attack."""


class Fixed(NamedTuple):
    """The mended text of a request, and what is found in it then; ``findings.fixed`` says how much was mended."""

    data: bytes
    findings: Findings


def fix(data: bytes, lint: Callable[[bytes], tuple[JsonDocument, Findings]]) -> Fixed:
    """Mend a request and lint it again, until there is nothing left to mend; ``lint`` reads it and finds.

    What a wrong type or a wrong word has hidden is found only then.
    """
    document, findings = lint(data)
    fixed = 0
    for _ in range(max(1, min(MOST_ROUNDS, MOST_CHARACTERS // max(1, len(data))))):
        edits = [finding.fix for finding in findings.findings if isinstance(finding.fix, Edit)]
        mended, made = mend(document, edits) if edits else (data, ())
        if mended == data:
            break
        fixed += len(made)
        document, findings = lint(mended)
        data = mended
    return Fixed(data, msgspec.structs.replace(findings, fixed=fixed))


def mend(document: JsonDocument, edits: Sequence[Edit]) -> tuple[bytes, tuple[Edit, ...]]:
    """Return the text of ``document`` with as many of the edits as can be made together, and those.

    The text must be JSON. Equal edits count as one and are all given back.
    """
    placed = sorted(((splice_of(document, edit), edit) for edit in edits), key=lambda one: one[0])
    taken = _apart(splice for splice, _ in placed)
    made = tuple(edit for splice, edit in placed if splice in taken)
    marked = any(problem.code == "json-bom" for problem in document.problems)
    return _spliced(MARK * marked + document.text, taken, int(marked)).encode(), made


def _apart(splices: Iterable[Splice]) -> frozenset[Splice]:
    """Return the splices of which none touches one before it."""
    taken: list[Splice] = []
    for splice in splices:
        if not taken or splice.start > taken[-1].end or _is_next_removal(taken[-1], splice):
            taken.append(splice)
    return frozenset(taken)


def _is_next_removal(before: Splice, splice: Splice) -> bool:
    """Say whether two neighbours are taken out, each with the comma behind it."""
    return splice.start == before.end < splice.end and not before.text and not splice.text


def _spliced(text: str, splices: Iterable[Splice], shift: int) -> str:
    parts, at = [], 0
    for start, end, new in sorted(splices):
        parts += [text[at : start + shift], new]
        at = end + shift
    return "".join([*parts, text[at:]])
