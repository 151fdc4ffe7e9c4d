"""Checks on what was seen inside the guest: a readiness fact that failed becomes a hit at each of its places."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from imgbuild.checks.base import IMAGE, Case, Check, Hit, Hits

if TYPE_CHECKING:
    from imgbuild.model import GuestCheck


class GuestFact(Check, frozen=True, kw_only=True, tag="guest"):
    """The readiness check with the id ``check`` did not fail; one that could not look is no finding."""

    needs: ClassVar[frozenset[str]] = IMAGE

    check: str

    def applies(self, case: Case) -> bool:
        """Say whether the question arises in this guest, and could be looked at."""
        fact = self._fact(case)
        return fact is not None and fact.status in {"pass", "fail"}

    def find(self, case: Case) -> Hits:
        """Yield each place at which the check failed, or one hit where it names none."""
        fact = self._fact(case)
        if fact is None or fact.status != "fail":
            return
        if not fact.places:
            yield Hit(message=fact.detail, on="guest", hint=fact.cure)
        for place in fact.places:
            yield Hit(message=place.says or fact.detail, on="guest", hint=fact.cure, guest_path=place.path,
                      guest_line=place.line, excerpt=place.text)

    def _fact(self, case: Case) -> GuestCheck | None:
        facts = case.image.guest if case.image else ()
        return next((fact for fact in facts if fact.check == self.check), None)
