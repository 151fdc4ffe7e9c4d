"""look: an open source in, what the child and the witness say of it out, while the caller does other things.

The child is forked first, then a thread waits for it and asks the witness as soon as the disk was opened. What else is
needed for a file of few formats, a service that serves its content or a second opinion on a disc, is started here.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext
from functools import lru_cache
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING

import msgspec

from imgbuild import qemu, sandbox
from imgbuild.beside import Beside
from imgbuild.defaults import SLOWEST_INFLATE, niceness_of
from imgbuild.detection import probe_of
from imgbuild.documents.inspection import Inspection, Look
from imgbuild.folder import MOST_PARTS, open_folder
from imgbuild.formats import HOLDERS, find
from imgbuild.formats.served import NAMES
from imgbuild.headstart import Terms
from imgbuild.readers import BrokenImage
from imgbuild.sizes import MIB
from imgbuild.stamps import KEPT, stamp_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgbuild.discs import Asked
    from imgbuild.documents.run import DiscWitness, Witness
    from imgbuild.formats.base import Probe
    from imgbuild.guests.assertions import Question
    from imgbuild.headstart import EarlyLook
    from imgbuild.model import Problem
    from imgbuild.serving import Service
    from imgbuild.settings import Settings
    from imgbuild.source import Source
    from imgbuild.stamps import Stamp

_children = count(1)
# What the names of nearly all images end in; parts of split ones do not.
NAMES_OF_WHOLES = (".qcow2", ".raw", ".img", ".iso", ".vhd", ".vhdx", ".vdi", ".gz", ".xz", ".zst", ".bz2", ".zvhd2",
                   ".ova", ".tar")
SLOWEST_PASS = 2 * MIB  # as SLOWEST_INFLATE, where it is hashed as well; measured: bzip2 6 MiB, xz 10, gzip 60


class Found(msgspec.Struct, frozen=True):
    """What the child and the witness said."""

    facts: Inspection
    look: Look | None
    sandbox: tuple[str, ...]
    witness: Witness | None
    asking: float | None = None
    disc: DiscWitness | None = None


class Looking:
    """The child at work, and a thread that waits for it and asks the witness as soon as it may."""

    def __init__(self, source: Source, ends: Probe | None, settings: Settings, checksums: tuple[str, ...],
                 early: EarlyLook | None = None) -> None:
        """Begin; ``early`` is what looks into this file already, and is taken where its terms are the right ones."""
        self._service = _serve(source, ends)
        self._disc = _ask_on_disc(source, ends, settings)
        try:
            more = _seconds_to_read_through(source, ends, checksums)
            terms = _terms_of(settings, checksums, settings.time_limit + more)
            begun = None if early is None else _take(early, settings, self._service, terms)
            self._is_early = begun is not None
            self._child = begun or _start(source, settings, self._service, terms)
        except BaseException:
            self._end_service()
            self._give_up_disc()
            raise
        if self._disc is not None:
            self._disc.watch()
        self._source = source
        self._settings = settings
        self._waiter = Beside(self._wait)

    def result(self) -> Found:
        """Wait for both and return what they found; what went wrong in the thread is raised here."""
        found = self._waiter.result()
        return found if self._disc is None else _with_second_opinion(found, self._disc.result())

    def wait(self) -> None:
        """Wait until both have ended, however that was."""
        self._waiter.wait()

    def give_up(self) -> None:
        """End the child and the witness, for nobody waits for their answers any more."""
        self._child.kill()
        self._give_up_disc()
        qemu.stop()
        self._waiter.wait()

    def _give_up_disc(self) -> None:
        if self._disc is not None:
            self._disc.give_up()

    def _wait(self) -> Found:
        qemu.prepare()  # while the child looks
        opened = self._child.first(lambda known: known.opened)
        begun = time.monotonic()
        said = _ask(opened.facts, self._source, self._settings) if opened is not None else None
        asking = time.monotonic() - begun if said is not None and said.found else None
        outcome = self._child.result()
        found = _conclude(outcome, self._end_service(), said, self._source, self._settings)
        look = found.look
        if self._is_early and look is not None:  # any other child has counted on from what was read of the ends
            look = msgspec.structs.replace(look, reads=look.reads + self._source.reads,
                                           bytes_read=look.bytes_read + self._source.bytes_read)
        return msgspec.structs.replace(found, asking=asking, look=look)

    def _end_service(self) -> tuple[Problem, ...]:
        return () if self._service is None else self._service.end()


def _ask_on_disc(source: Source, ends: Probe | None, settings: Settings) -> Asked | None:
    """Ask pycdlib on a disc, where the file is hashed anyway: it takes as long as there are files on it."""
    if settings.checksums is None or not hasattr(os, "fork") or not is_one_of(ends, ("iso",)):
        return None
    from imgbuild import discs  # noqa: PLC0415 - for a disc alone

    return discs.ask(source)


def _with_second_opinion(found: Found, said: DiscWitness) -> Found:
    from imgbuild import discs  # noqa: PLC0415 - as above

    facts = msgspec.structs.replace(found.facts, problems=discs.compare(found.facts, said))
    return msgspec.structs.replace(found, facts=facts, disc=said)


def _serve(source: Source, ends: Probe | None) -> Service | None:
    """Start what reads the content of a file of the few formats that only qemu reads."""
    if not is_one_of(ends, NAMES):
        return None
    from imgbuild.serving import serve  # noqa: PLC0415 - few files are of these formats

    return serve(source)


def _terms_of(settings: Settings, checksums: tuple[str, ...], seconds: float) -> Terms:
    return Terms(seconds=seconds, niceness=niceness_of(settings.checksums), claim=settings.claim,
                 initramfs=settings.initramfs, space=settings.space, checksums=checksums)


def _start(source: Source, settings: Settings, service: Service | None, terms: Terms) -> sandbox.Child[Look]:
    """Start the child; folder and service, where it may use them, are open in this process just until then."""
    questions = questions_of(settings)
    parts = MOST_PARTS if settings.allow_external else 0
    limits = sandbox.Limits(seconds=terms.seconds, open_files=sandbox.Limits().open_files + parts,
                            niceness=terms.niceness)
    with open_folder(source.path) if settings.allow_external else nullcontext() as folder:
        keep = [opened.descriptor for opened in (source, folder) if opened is not None]
        content = None if service is None else service.content

        def work(report: Callable[[Look], None]) -> None:
            from imgbuild.inspection import look  # noqa: PLC0415 - in the child, while this process does other things
            from imgbuild.state import Wanted  # noqa: PLC0415 - as above

            look(source, terms.claim, report, folder, content,
                 Wanted(initramfs=terms.initramfs, questions=questions, space=terms.space, checksums=terms.checksums))

        _import_for_children()
        child = sandbox.start(work, Look, limits, [*keep, *(() if service is None else service.descriptors)])
        if service is not None:
            service.hand_over()
        return child


def _take(early: EarlyLook, settings: Settings, service: Service | None, terms: Terms) -> sandbox.Child[Look] | None:
    """Return the child that looks already, where terms say all: no folder or service, and nobody has questions."""
    if settings.allow_external or service is not None or questions_of(settings):
        early.give_up()
        return None
    child = early.take(terms)
    if child is not None:
        next(_children)
    return child


def _import_for_children() -> None:
    """Import what a child works with here, from the second child on, so that the next ones need not.

    From the first one on where it has not been compiled: a child may not keep what it compiles.
    """
    if next(_children) > 1 or not _is_compiled("imgbuild.inspection"):
        from imgbuild import inspection  # noqa: F401, PLC0415 - see above


def _is_compiled(name: str) -> bool:
    """Say whether a module is kept in its compiled form where the child may read it: beside its source."""
    found = None if sys.pycache_prefix else find_spec(name)
    return found is not None and found.cached is not None and os.path.exists(found.cached)


def questions_of(settings: Settings) -> tuple[Question, ...]:
    """Return what a person's own rules ask of the guest; raises RuleBookError where they do not hold together."""
    return () if settings.rules is None else _questions(settings.cloud, settings.rules,
                                                                stamp_of(settings.rules))


@lru_cache(KEPT)
def _questions(cloud: str, rules: str, _stamp: Stamp) -> tuple[Question, ...]:
    from imgbuild import rulebook  # noqa: PLC0415 - for those who have rules of their own
    from imgbuild.checks.assertions import Assertion  # noqa: PLC0415 - as above
    from imgbuild.guests.assertions import Question  # noqa: PLC0415 - as above

    book = rulebook.load(cloud, rules=rules)
    return tuple(Question(rule.id, rule.check) for rule in book.rules if isinstance(rule.check, Assertion))


def _with_unanswered(facts: Inspection, settings: Settings) -> Inspection:
    """Return the facts with one for each question that the child did not come to."""
    guests = (facts.guest, *(inner.guest for inner in facts.inside or ()))
    answered = {fact.check for guest in guests for fact in guest}
    left = [question for question in questions_of(settings) if question.rule not in answered]
    if not left:
        return facts
    from imgbuild.guests.assertions import unanswered  # noqa: PLC0415 - as above

    reason = "no system was found in the image" if facts.os is None else "the look ended before it"
    return msgspec.structs.replace(facts, guest=(*facts.guest, *unanswered(left, reason)))


def _seconds_to_read_through(source: Source, ends: Probe | None, checksums: tuple[str, ...]) -> float:
    """Return the time to add for files that are read through to the end.

    A ZVHD is one zlib stream, of which the last block is read after all before it; what is inside of a compressed file
    is hashed, and what a manifest of an OVA gives digests of.
    """
    if is_one_of(ends, ("zvhd",)):
        return source.data_size / SLOWEST_INFLATE
    return source.data_size / SLOWEST_PASS if checksums and is_one_of(ends, HOLDERS) else 0.0


def ends_of(source: Source) -> Probe | None:
    """Return both ends of a file, by which it is started on; ``None`` where they cannot be read: the child says so."""
    try:
        return probe_of(source)
    except BrokenImage:
        return None


def is_one_of(ends: Probe | None, names: Sequence[str]) -> bool:
    """Say whether a file with these ends is of one of these formats."""
    return ends is not None and any(find(name).matches(ends) for name in names)


def _ask(facts: Inspection, source: Source, settings: Settings) -> Witness:
    return qemu.witness(facts, source, timeout=settings.time_limit, probe=settings.run_facts, named=settings.run_facts)


def _conclude(outcome: sandbox.Outcome[Look], ended: tuple[Problem, ...], said: Witness | None, source: Source,
              settings: Settings) -> Found:
    facts = outcome.value.facts if outcome.value is not None else Inspection(path=source.name, size=source.size)
    facts = _with_unanswered(facts, settings)
    early = ended if outcome.problem is None else (*ended, outcome.problem)
    if early:
        facts = msgspec.structs.replace(facts, problems=(*facts.problems, *early))
    if facts.format == "iso":
        from imgbuild.guests.media import osinfo  # noqa: PLC0415 - for a disc alone

        facts = osinfo.supplement(facts)
    if not source.path.lower().endswith(NAMES_OF_WHOLES):
        from imgbuild import splitting  # noqa: PLC0415 - few names may be those of parts

        facts = splitting.supplement(facts, source.path)
    witness = _ask(facts, source, settings) if said is None else qemu.heard(facts, said)
    problems = qemu.compare(facts, witness, settings.claim)
    return Found(msgspec.structs.replace(facts, problems=problems), outcome.value, outcome.in_force, witness)
