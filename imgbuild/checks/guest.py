"""Checks on what was seen inside the guest: a readiness fact that failed becomes a hit at each of its places."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from imgbuild.checks.base import IMAGE, Case, Check, Hit, Hits
from imgbuild.numbering import version_numbers

if TYPE_CHECKING:
    from imgbuild.documents.inspection import Inspection
    from imgbuild.model import GuestCheck
    from imgbuild.profiles import ImportException


class GuestFact(Check, frozen=True, kw_only=True, tag="guest"):
    """The readiness check with the id ``check`` did not fail; one that could not look is no finding.

    What does not keep the guest from starting is a note, and so is what the import repairs (``repaired_by_import``),
    where it is certain that it will.
    """

    needs: ClassVar[frozenset[str]] = IMAGE

    check: str
    repaired_by_import: bool = False

    def applies(self, case: Case) -> bool:
        """Say whether the question arises in this guest, and could be looked at."""
        fact = self._fact(case)
        return fact is not None and fact.status in {"pass", "fail"}

    def find(self, case: Case) -> Hits:
        """Yield each place at which the check failed, or one hit where it names none."""
        fact = self._fact(case)
        if fact is not None and fact.status == "fail":
            yield from hits_of(fact, repaired=self.repaired_by_import and is_repaired(case))

    def _fact(self, case: Case) -> GuestCheck | None:
        facts = case.image.guest if case.image else ()
        return next((fact for fact in facts if fact.check == self.check), None)


def hits_of(fact: GuestCheck, *, repaired: bool = False) -> Hits:
    """Yield a hit for each place of a fact that failed, or one where it has none; a note for what is repaired."""
    more = "; the import repairs this" if repaired else ""
    if not fact.places:
        yield Hit(message=fact.detail + more, on="guest", hint=fact.cure, severity="note" if repaired else None)
    for place in fact.places:
        yield Hit(message=(place.says or fact.detail) + more, on="guest", hint=fact.cure, guest_path=place.path,
                  guest_line=place.line, excerpt=place.text, severity="note" if repaired or place.soft else None)


def is_repaired(case: Case) -> bool:
    """Say whether the import will repair the guest.

    It does so in the operation that configures, where the request asks for it, for systems that this cloud lists, and
    with exceptions.
    """
    repairs = case.profile.import_repairs
    operation, image = case.operation, case.image
    if repairs is None or operation is None or image is None or not operation.configures or not case.context.listed:
        return False
    if case.body.get(repairs.asked_by) is not True:
        return False
    return not any(_holds(exception, image) for exception in repairs.exceptions)


def _holds(exception: ImportException, image: Inspection) -> bool:
    """Say whether an exception holds for the guest, or may: a version that is not known in full may be that one."""
    mounts = {part.mount: part.filesystem for part in image.partitions} | {
        volume.mount: volume.filesystem for volume in image.volumes}
    if exception.mount is not None:
        return exception.mount in mounts
    guest = image.os
    if guest is None or guest.id not in exception.ids or mounts.get("/", exception.filesystem) != exception.filesystem:
        return False
    known = version_numbers(guest.release or guest.version)
    return any(known[: len(named)] == named[: len(known)] for named in map(version_numbers, exception.versions))
