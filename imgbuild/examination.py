"""examine: the path of an image in, its facts out. A child looks while another process hashes, then the witness speaks.

open -> look (in the child) beside digest and witness. Nothing here needs the rules, so ``inspect`` does not load them.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from imgbuild.beside import Beside
from imgbuild.defaults import DEFAULT_CHECKSUMS, NICENESS
from imgbuild.detection import formats_meant
from imgbuild.documents.inspection import Hashed, Inspection, Look
from imgbuild.documents.run import Run, Step
from imgbuild.formats import HOLDERS
from imgbuild.looking import Found, Looking, ends_of, is_one_of, questions_of
from imgbuild.model import Problem
from imgbuild.settings import DEFAULTS, Settings
from imgbuild.sizes import MIB
from imgbuild.source import open_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from imgbuild.digest import Progress
    from imgbuild.hashing import Hashing
    from imgbuild.headstart import HeadStart
    from imgbuild.profiles import Profile
    from imgbuild.source import Source


LONG_TO_HASH = 256 * MIB
"""Bytes of a file that takes longer to hash than to look into."""


class _Times(NamedTuple):
    """When something was begun for the file, when the file was opened, and when the child had been started.

    ``content`` is the seconds that it took to read the whole disk.
    """

    begun: float
    opened: float
    looks: float
    content: float | None = None


def _after(looking: Looking, meanwhile: Callable[[], object]) -> None:
    """Do what there is to do once the look has ended: until then both processors have work, then one has time."""
    looking.wait()
    meanwhile()


def nothing() -> None:
    """Do what there is to do meanwhile for those who need nothing next."""


def inspect(path: str, settings: Settings = DEFAULTS, *, progress: Progress | None = None,
            meanwhile: Callable[[], object] = nothing, begun: HeadStart | None = None) -> Inspection:
    """Return the facts of the image file at ``path``.

    ``meanwhile`` is called while the file is read: what the caller will need next, and can be had in the time. What
    was begun for a file already may be given as ``begun``.

    Raises:
        SourceError: The file is missing, may not be read or is no regular file.
        UsageError: A checksum algorithm is not known.
        RuleBookError: There is no such cloud, or its rule pack is broken.
    """
    return inspect_for(partial(_load_profile, settings.cloud), path, settings, progress, meanwhile, begun)


def inspect_for(load_profile: Callable[[], Profile], path: str, settings: Settings,
                progress: Progress | None, meanwhile: Callable[[], object] = nothing,
                begun: HeadStart | None = None) -> Inspection:
    """Return the facts of the image file at ``path`` for a cloud of this profile; raises as :func:`inspect` does.

    Where nothing is hashed, the profile is loaded while the child looks.
    """
    if settings.claim is not None:
        formats_meant(settings.claim)  # a wrong word is told before any work
    questions_of(settings)  # so is a rule that does not hold together
    if begun is not None and not begun.is_for(path):
        begun = None
    started = time.monotonic()
    with begun.source if begun is not None else open_source(path, allow_device=settings.allow_device) as source:
        ends = ends_of(source)
        # The child hashes what is inside of a compressed file, so it must be told how.
        known = load_profile() if settings.checksums is not None or is_one_of(ends, HOLDERS) else None
        algorithms = () if known is None else algorithms_of(settings, known)
        # What hashes and what looks are processes, forked before any thread starts.
        with _hashing(source, algorithms, settings, begun) as hashing:
            looking = Looking(source, ends, settings, algorithms, None if begun is None else begun.early)
            looks = time.monotonic()
            is_long = hashing is not None and source.size >= LONG_TO_HASH
            beside = Beside(partial(_after, looking, meanwhile) if is_long else meanwhile, NICENESS)
            try:
                profile = known or load_profile()
                hashed = Hashed() if hashing is None else hashing.result(progress)
                found = looking.result()
                beside.result()
            except BaseException:
                looking.give_up()
                beside.wait()
                raise
        times = _Times(begun.since if begun else started, started, looks)
        if settings.content:
            found, times = _with_content(found, source, settings, progress, times)
        image = _complete(found, hashed, source, profile)
        return image if not settings.run_facts else _with_run_facts(image, found, hashed, source, times)


def _with_content(found: Found, source: Source, settings: Settings, progress: Progress | None,
                  times: _Times) -> tuple[Found, _Times]:
    """Return what was found with the content of the disk: it is read once all else has ended."""
    from imgbuild import content  # noqa: PLC0415 - for those who ask for it

    started = time.monotonic()
    facts = content.read(source, found.facts, settings, progress)
    return (msgspec.structs.replace(found, facts=facts), times._replace(content=time.monotonic() - started))


def _hashing(source: Source, algorithms: tuple[str, ...], settings: Settings,
             begun: HeadStart | None) -> AbstractContextManager[Hashing | None]:
    """Return what hashes the file: what has begun with it, if it computes just these checksums, none of them known."""
    if begun is not None and begun.hashing is not None:
        if begun.hashing.algorithms == algorithms and not settings.cache:
            return begun.hashing
        begun.hashing.give_up()
    if not algorithms:
        return nullcontext()
    from imgbuild.hashing import Hashing  # noqa: PLC0415 - where it is asked for

    return Hashing(source, algorithms, cache=settings.cache)


def _load_profile(cloud: str) -> Profile:
    from imgbuild.rulebook import load_profile  # noqa: PLC0415 - while the child looks

    return load_profile(cloud)


def algorithms_of(settings: Settings, profile: Profile) -> tuple[str, ...]:
    """Return the checksums to compute: those asked for, else the usual ones and the cloud's; none without any."""
    if settings.checksums is None:
        return ()
    return settings.checksums or tuple(dict.fromkeys((*DEFAULT_CHECKSUMS, *profile.checksums)))


def _complete(found: Found, hashed: Hashed, source: Source, profile: Profile) -> Inspection:
    facts, problem = found.facts, hashed.problem
    if problem is None and source.changed():
        problem = Problem(code="changed", message="the file was changed or replaced while it was read")
    if problem is not None:  # no digest is one of the file
        facts = msgspec.structs.replace(facts, content=msgspec.UNSET, problems=(*facts.problems, problem))
    return msgspec.structs.replace(facts, checksums=hashed.checksums if problem is None else None,
                                   problems=_with_one_change(facts.problems),
                                   disk_format=profile.disk_formats.get(facts.format or ""))


def _with_one_change(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Return the problems, with the first that says that the file was changed, however often that was met."""
    first = next((problem for problem in problems if problem.code == "changed"), None)
    return tuple(problem for problem in problems if problem.code != "changed" or problem is first)


def _with_run_facts(image: Inspection, found: Found, hashed: Hashed, source: Source,
                    times: _Times) -> Inspection:
    """Return the facts with those on the run."""
    seconds = time.monotonic() - times.begun
    looked = found.look or Look(facts=image, reads=0, bytes_read=0, seconds=seconds)
    steps = (_opening(looked, times.looks - times.opened), *looked.steps, *_step("qemu-img", found.asking),
             *_step("hash", hashed.seconds), *_step("content", times.content))
    run = Run(seconds=seconds, steps=steps, hash_seconds=hashed.seconds, cached=hashed.cached,
              inspect_seconds=looked.seconds, reads=looked.reads, bytes_read=looked.bytes_read,
              allocated=source.allocated, sandbox=found.sandbox, qemu=found.witness,
              pycdlib=msgspec.UNSET if found.disc is None else found.disc)
    return msgspec.structs.replace(image, run=run)


def _opening(looked: Look, seconds: float) -> Step:
    """Return the step before the child looks: which formats the file may have says how the child is started."""
    return Step(name="open", seconds=seconds, reads=looked.reads - sum(step.reads or 0 for step in looked.steps),
                bytes_read=looked.bytes_read - sum(step.bytes_read or 0 for step in looked.steps))


def _step(name: str, seconds: float | None) -> tuple[Step, ...]:
    return () if seconds is None else (Step(name=name, seconds=seconds),)
