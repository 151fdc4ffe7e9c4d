"""What is wrong with a rule book, for a person: a block for each problem with its place, then how much was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.page import Word, counted, flat

if TYPE_CHECKING:
    from imgbuild.documents.review import Review
    from imgbuild.reports.sheet import Sheet


def write(sheet: Sheet, review: Review) -> None:
    """Write the problems, and the verdict."""
    verdict = counted(len(review.problems), "problem")
    sheet.head(counted(review.rules, "rule"), f"of {flat(review.packs)}: {verdict}")
    if sheet.page.quiet:
        return
    for problem in review.problems:
        place = f"{problem.path}:{problem.line}" if problem.line else problem.path
        sheet.ends([Word(f"{problem.code:<8}", "error"), Word(problem.rule or "", "title")], Word(place, "faint"))
        sheet.fact("wrong", problem.message)
        sheet.fact("fix", problem.cure)
