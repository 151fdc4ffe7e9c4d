"""The story: which step follows which. The only file that knows the order.

open -> look (in the child) beside digest -> witness -> derive -> build -> lint.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild import jsontext, linting, qemu, rulebook, sandbox
from imgbuild.checks import Context
from imgbuild.clouds.systems import closest_label
from imgbuild.derivation import Choices, derive
from imgbuild.detection import formats_meant
from imgbuild.digest import digest
from imgbuild.errors import UsageError
from imgbuild.inspection import Look, look
from imgbuild.model import Findings, Inspection, Manifest, Policy, Problem, Run, Summary, Tally
from imgbuild.readers import BrokenImage
from imgbuild.request import build_request, choose_route, expect
from imgbuild.source import open_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgbuild.digest import Progress
    from imgbuild.model import Finding, Witness
    from imgbuild.profiles import MinDiskPolicy, Profile
    from imgbuild.rulebook import RuleBook
    from imgbuild.sandbox import Child
    from imgbuild.source import Source

DEFAULT_CHECKSUMS = ("md5", "sha256")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the work is to be done.

    Attributes:
        cloud: Name of the target cloud.
        operation: Id of the create operation.
        claim: Format that a person believes the image has.
        checksums: Algorithms; ``()`` for md5, sha256 and the cloud's own, ``None`` for none.
        min_disk_policy: ``greater`` or ``not-less``; ``None`` for the cloud's.
        time_limit: Seconds that reading one image may take.
        run_facts: Whether facts on the run itself are given.
        select: Only these rules are asked; all when empty.
        ignore: These rules are not asked.
    """

    cloud: str = rulebook.DEFAULT_CLOUD
    operation: str = "create-metadata"
    claim: str | None = None
    checksums: tuple[str, ...] | None = ()
    min_disk_policy: MinDiskPolicy | None = None
    time_limit: float = 30.0
    run_facts: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


DEFAULTS = Settings()
NO_CHOICES = Choices()


@dataclass(frozen=True)
class Built:
    """A manifest, or ``None`` for what is no image; ``findings`` holds what is wrong with the file."""

    manifest: Manifest | None
    findings: Findings


@dataclass(frozen=True)
class Checked:
    """The findings on all images, and for each image its facts and its manifest (``None`` for what is no image)."""

    findings: Findings
    inspections: tuple[Inspection, ...] = ()
    manifests: tuple[Manifest | None, ...] = field(default=())


def inspect(path: str, settings: Settings = DEFAULTS, *, progress: Progress | None = None) -> Inspection:
    """Return the facts of the image file at ``path``.

    Raises:
        SourceError: The file is missing, may not be read or is no regular file.
        UsageError: A checksum algorithm is not known.
        RuleBookError: There is no such cloud, or its rule pack is broken.
    """
    return _inspect(path, rulebook.load_profile(settings.cloud), settings, progress)


def build(path: str, settings: Settings = DEFAULTS, choices: Choices = NO_CHOICES, *,
          progress: Progress | None = None) -> Built:
    """Return the manifest of the image at ``path`` with its create request; raises as :func:`inspect` does."""
    book = _load(settings)
    image = _inspect(path, book.profile, settings, progress)
    findings = _document(*linting.lint(book, _context(settings, book, image=image), select=(), ignore=()))
    return Built(_manifest(image, choices, book, settings), findings)


def lint(data: bytes, settings: Settings = DEFAULTS, *, name: str, image: str | None = None,
         progress: Progress | None = None) -> Findings:
    """Return the findings on the request body ``data`` (JSON); ``name`` is how it is called in the findings.

    With ``image``, the path of an image file, the request is also compared with the image's facts.
    """
    book = _load(settings)
    facts = None if image is None else _inspect(image, book.profile, settings, progress)
    context = _read_context(settings, book, facts, name, data)
    return _document(*linting.lint(book, context, select=settings.select, ignore=settings.ignore))


def check(paths: Sequence[str], settings: Settings = DEFAULTS, choices: Choices = NO_CHOICES, *,
          request: tuple[str, bytes] | None = None, progress: Progress | None = None) -> Checked:
    """Inspect, build and lint each image in one pass.

    ``request`` (its name and its JSON) takes the place of the one that would be built.
    """
    book = _load(settings)
    images = [_inspect(path, book.profile, settings, progress) for path in paths]
    manifests = [_manifest(image, choices, book, settings) for image in images]
    results = [_check_one(image, manifest, request, book, settings)
               for image, manifest in zip(images, manifests, strict=True)]
    findings = [finding for found, _ in results for finding in found]
    return Checked(_document(findings, _sum(tally for _, tally in results)), tuple(images), tuple(manifests))


def _check_one(image: Inspection, manifest: Manifest | None, request: tuple[str, bytes] | None, book: RuleBook,
               settings: Settings) -> tuple[tuple[Finding, ...], Tally]:
    if request is not None:
        context = _read_context(settings, book, image, *request)
    else:
        # A request that was built here is no file: its findings have a pointer, but neither path nor line.
        context = _context(settings, book, image=image, body=manifest.request.body if manifest is not None else None)
    return linting.lint(book, context, select=settings.select, ignore=settings.ignore)


def _load(settings: Settings) -> RuleBook:
    book = rulebook.load(settings.cloud)
    if settings.operation not in book.profile.operations:
        known = ", ".join(sorted(book.profile.operations))
        raise UsageError(f"no operation {settings.operation!r} on {settings.cloud}", cure=f"one of: {known}")
    return book


def _policy(settings: Settings, profile: Profile) -> MinDiskPolicy:
    return settings.min_disk_policy or profile.min_disk.policy


def _read_context(settings: Settings, book: RuleBook, image: Inspection | None, name: str, data: bytes) -> Context:
    document = jsontext.parse(data)
    body = document.value if isinstance(document.value, dict) else None
    return replace(_context(settings, book, image=image, body=body), document=document, request_path=name)


def _context(settings: Settings, book: RuleBook, *, image: Inspection | None,
             body: dict[str, Any] | None = None) -> Context:
    return Context(operation=settings.operation, body=body, image=image, nearest=_nearest(image, book),
                   min_disk_policy=_policy(settings, book.profile))


def _nearest(image: Inspection | None, book: RuleBook) -> str | None:
    """Return the spelling that comes closest to the guest's system, to be named where no entry fits."""
    if image is None or image.os is None:
        return None
    label = closest_label(image.os, book.catalogue)
    return None if label is None else label.os_version


def _manifest(image: Inspection, choices: Choices, book: RuleBook, settings: Settings) -> Manifest | None:
    """Return the manifest, or ``None`` where the file is no image that a cloud could take."""
    if image.format is None or image.virtual_size is None:
        return None
    policy = _policy(settings, book.profile)
    operation = book.profile.operations[settings.operation]
    derived = derive(image, choices, book, policy)
    request = build_request(derived, operation)
    return Manifest(cloud=book.profile.name, policy=Policy(min_disk=policy), image=image, derived=derived,
                    request=request, route=choose_route(image, operation, book.profile),
                    expected=expect(request, image, book))


def _document(findings: Iterable[Finding], tally: Tally) -> Findings:
    found = tuple(findings)
    counts = {severity: sum(f.severity == severity for f in found) for severity in ("error", "warning", "note")}
    return Findings(summary=Summary(**counts), rules=tally, findings=found)


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total = Tally(passed=total.passed + tally.passed, failed=total.failed + tally.failed,
                      not_applicable=total.not_applicable + tally.not_applicable)
    return total


def _inspect(path: str, profile: Profile, settings: Settings, progress: Progress | None) -> Inspection:
    algorithms = _algorithms(settings, profile)
    if settings.claim is not None:
        formats_meant(settings.claim)  # a wrong word is told before any work
    started = time.monotonic()
    with open_source(path) as source:
        # The child is forked before any thread starts; then it looks while the file is hashed.
        child = _start_looking(source, settings)
        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(_finish_looking, child, source, settings)
            try:
                checksums, problem = _digest(source, algorithms, progress)
            except BaseException:
                child.kill()
                raise
            found = looking.result()
        image = _complete(found, checksums, problem, source, profile)
        seconds = time.monotonic() - started
        return _with_run_facts(image, found, source, seconds) if settings.run_facts else image


@dataclass(frozen=True)
class _Found:
    """What the child and the witness said."""

    facts: Inspection
    look: Look | None
    sandbox: tuple[str, ...]
    witness: Witness | None


def _start_looking(source: Source, settings: Settings) -> Child[Look]:
    limits = sandbox.Limits(seconds=settings.time_limit)
    return sandbox.start(lambda report: look(source, settings.claim, report), Look, limits)


def _finish_looking(child: Child[Look], source: Source, settings: Settings) -> _Found:
    outcome = child.result()
    facts = outcome.value.facts if outcome.value is not None else Inspection(path=source.path, size=source.size)
    if outcome.problem is not None:
        facts = msgspec.structs.replace(facts, problems=(*facts.problems, outcome.problem))
    witness = qemu.witness(facts, source, timeout=settings.time_limit)
    problems = (*facts.problems, *qemu.compare(facts, witness))
    return _Found(msgspec.structs.replace(facts, problems=problems), outcome.value, outcome.in_force, witness)


def _algorithms(settings: Settings, profile: Profile) -> tuple[str, ...]:
    if settings.checksums is None:
        return ()
    return settings.checksums or tuple(dict.fromkeys((*DEFAULT_CHECKSUMS, *profile.checksums)))


def _digest(source: Source, algorithms: tuple[str, ...],
            progress: Progress | None) -> tuple[dict[str, str] | None, Problem | None]:
    if not algorithms:
        return None, None
    try:
        return digest(source, algorithms, progress=progress), None
    except BrokenImage as changed:
        return None, changed.problem


def _complete(found: _Found, checksums: dict[str, str] | None, problem: Problem | None, source: Source,
              profile: Profile) -> Inspection:
    problems = found.facts.problems if problem is None else (*found.facts.problems, problem)
    if checksums is None and problem is None and source.changed():
        problems += (Problem(code="changed", message="the file was changed or replaced while it was read"),)
    return msgspec.structs.replace(found.facts, checksums=checksums, problems=problems,
                                   disk_format=profile.disk_formats.get(found.facts.format or ""))


def _with_run_facts(image: Inspection, found: _Found, source: Source, seconds: float) -> Inspection:
    looked = found.look or Look(facts=image, reads=0, bytes_read=0, seconds=seconds)
    run = Run(seconds=seconds, hash_seconds=None if image.checksums is None else seconds,
              inspect_seconds=looked.seconds, reads=looked.reads, bytes_read=looked.bytes_read,
              allocated=source.allocated, sandbox=found.sandbox, qemu=found.witness)
    return msgspec.structs.replace(image, run=run)


def is_same_file(one: str, other: str) -> bool:
    """Say whether two paths name one file, so that an output never overwrites its image."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
