"""The settings of a run in, the rule book that holds for it out, and what it says of the call that is made."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from imgbuild import rulebook
from imgbuild.errors import ImgbuildError, UsageError
from imgbuild.stamps import KEPT, stamp_of

if TYPE_CHECKING:
    from imgbuild.acceptance import Acceptance
    from imgbuild.profiles import MinDiskPolicy, Operation, Profile
    from imgbuild.rulebook import RuleBook
    from imgbuild.settings import Settings
    from imgbuild.stamps import Stamp


def load_book(settings: Settings) -> RuleBook:
    """Return the rule book of the settings, read once; raises UsageError for a word in them that it does not know."""
    return _load_book(settings, stamp_of(settings.rules), stamp_of(settings.catalogue))


@lru_cache(KEPT)
def _load_book(settings: Settings, _rules: Stamp, _catalogue: Stamp) -> RuleBook:
    book = read_book(settings.cloud, settings.rules, settings.catalogue)
    if settings.catalogue is not None:
        if book.profile.default_system is None:
            raise UsageError(f"{settings.cloud} has no list of OS versions", cure="leave out --catalogue")
        _ = book.catalogue  # read now, so that a broken one is told before any work
    if settings.acceptance is not None:
        _check_known(settings.acceptance, book)
    if settings.operation is not None and settings.operation not in book.profile.operations:
        known = ", ".join(sorted(book.profile.operations))
        raise UsageError(f"no operation {settings.operation!r} on {settings.cloud}", cure=f"one of: {known}")
    return book


def read_book(cloud: str, rules: str | None, catalogue: str | None) -> RuleBook:
    """Return the rule book of a cloud as :func:`imgbuild.rulebook.load` does, read once while its files stay."""
    return _read_book(cloud, rules, catalogue, (stamp_of(rules), stamp_of(catalogue)))


@lru_cache(KEPT)
def _read_book(cloud: str, rules: str | None, catalogue: str | None, _stamps: Stamp) -> RuleBook:
    return rulebook.load(cloud, rules=rules, catalogue=catalogue)


def _check_known(acceptance: Acceptance, book: RuleBook) -> None:
    """Refuse a decision on a rule that no cloud has: a misspelt one would silently decide nothing."""
    missing = [rule_id for rule_id in sorted(acceptance.rules) if book.rule(rule_id) is None]
    unknown = [rule_id for rule_id in missing if rule_id not in rulebook.known_ids()]
    if unknown:
        raise ImgbuildError(f"{acceptance.origin!r}: no rule {unknown[0]!r}", cure="imgbuild rules lists them")


def operation_of(settings: Settings, book: RuleBook) -> Operation:
    """Return the call that the settings name, else the usual one of the cloud."""
    return book.profile.operations[settings.operation or book.profile.default_operation]


def policy_of(settings: Settings, profile: Profile, operation: str) -> MinDiskPolicy:
    """Return the reading of *min_disk against the disk*: the one that was chosen, else that of the call."""
    return settings.min_disk_policy or profile.min_disk_of(operation).policy
