"""What a person's own rules say of the guest, looked up: a view and questions in, a fact for each out.

The questions come from ``checks/assertions.py`` and are handed to the child before it looks. Patterns are the person's
and texts are the guest's: at most 1 MiB of a file is searched, line by line, and what takes for ever is ended by the
child's time limit; the answers that were given until then stay.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from imgbuild.checks.assertions import Assertion, GuestFile, GuestPackage, GuestText, GuestUnit
from imgbuild.guests import packages
from imgbuild.guests.osrelease import clean
from imgbuild.guests.packages.versions import holds
from imgbuild.guests.readiness.base import Answer, View, failed, passed, place, unknown
from imgbuild.model import GuestCheck
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.guests.packages import Inventory

TEXT_LIMIT = 1 << 20
"""Bytes searched of one file."""
MOST_FILES = 64
"""Files that one pattern of paths is followed to."""
_MOST_PLACES = 16


class Question(msgspec.Struct, frozen=True):
    """One rule's question: its id, and what it says of the guest."""

    rule: str
    check: Assertion


def unanswered(questions: Sequence[Question], reason: str) -> tuple[GuestCheck, ...]:
    """Return the facts of questions that nothing is known of yet: unknown, each for that reason."""
    return tuple(_fact(question, unknown(reason)) for question in questions)


def answer(view: View, questions: Sequence[Question]) -> Iterator[GuestCheck]:
    """Yield the answer to each question in turn; what is damaged on the way is unknown."""
    looked = _Looked(view)
    for question in questions:
        try:
            yield _fact(question, looked.at(question.check))
        except BrokenImage as broken:
            yield _fact(question, unknown(f"could not be read: {broken.problem.message}"))
        except packages.Unseen as unseen:
            yield _fact(question, unknown(f"a package database could not be read: {clean(str(unseen))}"))


def _fact(question: Question, found: Answer) -> GuestCheck:
    return GuestCheck(check=question.rule, status=found.status, detail=found.detail, files=found.files,
                      places=found.places, cure=found.cure)


class _Looked:
    """A view with the package databases, which are opened at the first question on packages."""

    def __init__(self, view: View) -> None:
        self._view = view

    @cached_property
    def _packages(self) -> tuple[Inventory, ...]:
        return packages.read(self._view.tree)

    def at(self, check: Assertion) -> Answer:
        """Return what the guest says to a check."""
        match check:
            case GuestFile():
                return self._file(check)
            case GuestText():
                return self._text(check)
            case GuestPackage():
                return self._package(check)
            case GuestUnit():
                return self._unit(check)
        return unknown("this kind of question is not known here")

    def _file(self, check: GuestFile) -> Answer:
        found = self._view.tree.glob(check.path)[:MOST_FILES]
        if bool(found) == check.exists:
            return passed(f"{check.path} is {'there' if check.exists else 'not there'}", *map(clean, found[:1]))
        if check.exists:
            return failed(f"{check.path} is missing", [place(check.path)])
        return failed(f"{clean(found[0])} is there", map(place, found[:_MOST_PLACES]))

    def _text(self, check: GuestText) -> Answer:
        paths = [path for path in self._view.tree.glob(check.path) if self._view.tree.is_file(path)][:MOST_FILES]
        if not paths:
            if check.matches is None:
                return passed(f"there is no file {check.path}")
            return failed(f"there is no file {check.path}", [place(check.path)])
        unwanted = [at for path in paths for at in self._lines(path, check.lacks)][:_MOST_PLACES]
        if unwanted:
            return failed(f"a line has {check.lacks!r}", [place(path, number, text) for path, number, text in unwanted])
        if check.matches is not None and not any(True for path in paths for _ in self._lines(path, check.matches)):
            return failed(f"no line has {check.matches!r}", map(place, paths[:_MOST_PLACES]))
        return passed(f"{check.path} is as the rule wants it", *map(clean, paths[:1]))

    def _lines(self, path: str, pattern: str | None) -> Iterator[tuple[str, int, str]]:
        """Yield path, number and text of the lines in which a pattern is found."""
        if pattern is None:
            return
        found = re.compile(pattern)
        text = self._view.tree.read_text(path, TEXT_LIMIT) or ""
        for number, line in enumerate(text.split("\n"), start=1):
            if found.search(line.removesuffix("\r")):
                yield path, number, line

    def _package(self, check: GuestPackage) -> Answer:
        if not self._packages:
            return unknown("no package database was found")
        installed = [(found, version) for found in self._packages for version in found.versions.get(check.name, ())]
        fitting = [(found, version) for found, version in installed
                   if check.version is None or holds(found.kind, version, check.version)]
        wanted = f"{check.name} {check.version}" if check.version else check.name
        shown = ", ".join(clean(version) for _, version in installed[:4])
        if bool(fitting) == check.installed:
            return passed(f"{wanted} is {f'installed: {shown}' if check.installed else 'not installed'}",
                          *dict.fromkeys(found.path for found in self._packages))
        where = [place(path) for path in dict.fromkeys(found.path for found in self._packages)][:1]
        if check.installed:
            return failed(f"{wanted} is not installed" + (f": {check.name} is {shown}" if installed else ""), where)
        return failed(f"{wanted} is installed: {shown}", where)

    def _unit(self, check: GuestUnit) -> Answer:
        unit = self._view.units.look(check.name)
        if unit.state == "absent" and not self._view.units.has_any:
            return unknown("nothing was seen that starts services")
        if unit.enabled == check.enabled:
            return passed(f"{check.name} is {unit.state}", *([clean(unit.path)] if unit.path else []))
        return failed(f"{check.name} is {unit.state}", [place(unit.path)] if unit.path else [])
