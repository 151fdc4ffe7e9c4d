"""What a person's own rules say of the guest: a file is there, has a line or lacks it, a package, a unit.

The child that reads the image looks (``guests/assertions.py``): each such rule goes to it as a question, and the answer
comes back as a fact of the guest under the rule's own id.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from imgbuild.checks.base import IMAGE, Case, Check, Hits
from imgbuild.checks.guest import hits_of
from imgbuild.checks.patterns import check_pattern

if TYPE_CHECKING:
    from imgbuild.model import GuestCheck

_RELATION = re.compile(r"\s*(>=|<=|==|=|>|<)\s*\S+\s*")


class Assertion(Check, frozen=True, kw_only=True):
    """Base of what is said of the guest."""

    needs: ClassVar[frozenset[str]] = IMAGE

    def applies(self, case: Case) -> bool:
        """Say whether it could be looked at; in an image without a guest it could not."""
        fact = self._fact(case)
        return fact is not None and fact.status in {"pass", "fail"}

    def find(self, case: Case) -> Hits:
        """Yield each place at which it does not hold, or one hit where there is none."""
        fact = self._fact(case)
        if fact is not None and fact.status == "fail":
            yield from hits_of(fact)

    def _fact(self, case: Case) -> GuestCheck | None:
        facts = case.image.guest if case.image else ()
        return next((fact for fact in facts if fact.check == case.rule_id), None)


class GuestFile(Assertion, frozen=True, kw_only=True, tag="guest-file"):
    """Something is at ``path`` in the guest, or nothing is with ``exists = false``; ``*`` stands within a name."""

    path: str
    exists: bool = True

    def __post_init__(self) -> None:
        """Refuse a path that is none."""
        _check_path(self.path)


class GuestText(Assertion, frozen=True, kw_only=True, tag="guest-text"):
    """A file at ``path`` in the guest has a line that ``matches`` a regular expression, none what it ``lacks``.

    A pattern may be found anywhere in the line; it is written as Python's ``re`` has it. Nothing to look at has no
    line that matches, and lacks everything.
    """

    path: str
    matches: str | None = None
    lacks: str | None = None

    def __post_init__(self) -> None:
        """Refuse a path or a pattern that is none."""
        _check_path(self.path)
        if self.matches is None and self.lacks is None:
            raise ValueError("give it matches or lacks")
        for pattern in (self.matches, self.lacks):
            check_pattern(pattern or "")


class GuestPackage(Assertion, frozen=True, kw_only=True, tag="guest-package"):
    """The package ``name`` is installed (``version = ">= 22.1"``), or is not with ``installed = false``."""

    name: str
    version: str | None = None
    installed: bool = True

    def __post_init__(self) -> None:
        """Refuse a relation that is none."""
        if self.version is not None and not _RELATION.fullmatch(self.version):
            raise ValueError(f"{self.version!r} is no relation such as '>= 22.1'")


class GuestUnit(Assertion, frozen=True, kw_only=True, tag="guest-unit"):
    """The service ``name`` (or ``ssh.socket``) starts with the guest, or does not with ``enabled = false``."""

    name: str
    enabled: bool = True


def _check_path(path: str) -> None:
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is no absolute path in the guest")
