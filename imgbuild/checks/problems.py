"""Checks that pass on what was found before: problems of the image and of the JSON text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from imgbuild.checks.base import IMAGE, Case, Check, Hit, Hits
from imgbuild.documents.findings import Evidence

if TYPE_CHECKING:
    from imgbuild.model import Problem


class ProblemOfImage(Check, frozen=True, kw_only=True, tag="problem"):
    """Fires for each problem of the image whose code is the rule's id without ``image-``."""

    needs: ClassVar[frozenset[str]] = IMAGE

    def find(self, case: Case) -> Hits:
        """Yield the problems of this code."""
        code = case.rule_id.removeprefix("image-")
        for problem in case.image.problems if case.image else ():
            if problem.code == code:
                yield hit_of_problem(problem)


def hit_of_problem(problem: Problem) -> Hit:
    """Return a problem of the image as a hit, with its bytes as evidence."""
    evidence = None
    if problem.field is not None or problem.offset is not None:
        evidence = Evidence(field=problem.field, offset=problem.offset, length=problem.length, hex=problem.hex)
    return Hit(message=problem.message, on="image", evidence=evidence, views=problem.views)


class ProblemOfJson(Check, frozen=True, kw_only=True, tag="json"):
    """Fires for each problem of the request's text that has one of the ``codes``."""

    needs: ClassVar[frozenset[str]] = frozenset({"document"})

    codes: tuple[str, ...]

    def find(self, case: Case) -> Hits:
        """Yield the problems of these codes with their place in the text."""
        document = case.context.document
        for problem in document.problems if document else ():
            if problem.code in self.codes:
                yield Hit(message=problem.message, pointer=problem.pointer or None,
                          position=(problem.line, problem.column))
