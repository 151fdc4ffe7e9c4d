"""The story: which step follows which. The only file that knows the order.

examine (open -> look beside digest -> witness) -> derive -> build -> lint.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild import jsontext, linting, rulebook
from imgbuild.acceptance import NOTHING_ACCEPTED
from imgbuild.checks import Context
from imgbuild.checks.shape import Mandatory
from imgbuild.choices import DATA_OPERATION, Choices
from imgbuild.clouds.systems import closest_entry, match_system
from imgbuild.derivation import derive
from imgbuild.documents.verification import Verification
from imgbuild.errors import ImgbuildError, UsageError
from imgbuild.examination import inspect, inspect_for, nothing
from imgbuild.model import Edit, Findings, Inspection, Manifest, Policy, Step, Summary, Tally
from imgbuild.recognition import recognise
from imgbuild.request import build_request, choose_route, expect
from imgbuild.rulebook.digest import digest_of as rulebook_digest
from imgbuild.rulebook.spelling import catalogue_facts
from imgbuild.settings import DEFAULT_CHECKSUMS, DEFAULTS, Settings
from imgbuild.source import shown
from imgbuild.verification import expected_at, find_beside, find_image, next_steps, read_manifest, stage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from imgbuild.acceptance import Acceptance
    from imgbuild.digest import Progress
    from imgbuild.documents.difference import Difference
    from imgbuild.fixing import Fixed
    from imgbuild.jsontext import JsonDocument
    from imgbuild.model import Finding
    from imgbuild.packer import Record
    from imgbuild.profiles import MinDiskPolicy, Operation, Profile
    from imgbuild.rulebook import RuleBook
    from imgbuild.statements import Attested

__all__ = ["Built", "Checked", "Settings", "build", "check", "diff", "fix", "inspect", "lint", "verify"]

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


def build(path: str, settings: Settings = DEFAULTS, choices: Choices = NO_CHOICES, *, whole: bool = False,
          progress: Progress | None = None, meanwhile: Callable[[], object] = nothing) -> Built:
    """Return the manifest of the image at ``path`` with its create request; raises as :func:`inspect` does.

    The findings are those on the image, and what the request cannot do without and only a person knows; with ``whole``
    they are those of :func:`check`.
    """
    image, disks = _examine(path, settings, progress, meanwhile), _examine_disks(choices, settings, progress)
    book = _load(settings)
    manifest = _manifest(image, choices, book, settings, disks)
    findings, tally = linting.lint(book, _context(settings, book, image=image))
    if manifest is not None and whole:
        findings, tally = linting.lint(book, _built_context(settings, book, image, manifest))
    elif manifest is not None:
        unknown = {rule.id for rule in book.rules if isinstance(rule.check, Mandatory)}
        findings += linting.lint(book, _built_context(settings, book, image, manifest), select=unknown)[0]
    return Built(manifest, _document(findings, tally, _operation(settings, book).id, settings))


def lint(data: bytes, settings: Settings = DEFAULTS, *, name: str, image: str | None = None,
         progress: Progress | None = None, meanwhile: Callable[[], object] = nothing) -> Findings:
    """Return the findings on the request body ``data`` (JSON); ``name`` is how it is called in the findings.

    With ``image``, the path of an image file, the request is also compared with the image's facts.
    """
    facts = None if image is None else _examine(image, settings, progress, meanwhile)
    return _lint(settings, facts, name, data)[1]


def fix(data: bytes, settings: Settings = DEFAULTS, *, name: str, image: str | None = None,
        progress: Progress | None = None) -> Fixed:
    """Return the request body ``data`` (JSON) with all mended that is safe, and the findings on what it is then.

    A text that is no JSON stays as it is; what is accepted is not mended. The parameters are those of :func:`lint`.
    """
    facts = None if image is None else _examine(image, settings, progress)
    from imgbuild import fixing  # noqa: PLC0415 - for those who mend

    return fixing.fix(data, partial(_lint, settings, facts, name))


def _lint(settings: Settings, facts: Inspection | None, name: str, data: bytes) -> tuple[JsonDocument, Findings]:
    book = _load(settings)
    context = _read_context(settings, book, facts, name, data)
    found, tally = linting.lint(book, context, select=settings.select, ignore=settings.ignore)
    return context.document or jsontext.parse(data), _document(found, tally, context.operation, settings)


def check(paths: Sequence[str] | str, settings: Settings = DEFAULTS, choices: Choices = NO_CHOICES, *,
          request: tuple[str, bytes] | None = None, records: Sequence[Record] = (),
          progress: Progress | None = None, meanwhile: Callable[[], object] = nothing) -> Checked:
    """Inspect, build and lint each image in one pass.

    ``request`` (its name and its JSON) takes the place of the one that would be built. ``records`` is what was recorded
    of the images when they were built; the digests in them are computed, too.
    """
    paths = [paths] if isinstance(paths, str) else paths
    recorded = {record.path: record for record in records}
    images = [_examine(path, _digesting(settings, recorded.get(path)), progress, meanwhile) for path in paths]
    disks = _examine_disks(choices, settings, progress)
    book = _load(settings)
    started = time.monotonic()
    manifests = [_manifest(image, choices, book, settings, disks) for image in images]
    derived = time.monotonic()
    contexts = [_context_for(image, manifest, request, book, settings)
                for image, manifest in zip(images, manifests, strict=True)]
    contexts = [replace(context, record=recorded.get(path)) for path, context in zip(paths, contexts, strict=True)]
    contexts += [Context(operation=DATA_OPERATION, image=disk) for disk in disks]
    results = [linting.lint(book, context, select=settings.select, ignore=settings.ignore) for context in contexts]
    findings = linting.distinct(finding for found, _ in results for finding in found)
    document = _document(findings, _sum(tally for _, tally in results), contexts[0].operation if contexts else None,
                         settings)
    steps = {"derive": derived - started, "lint": time.monotonic() - derived}  # of all images
    return Checked(document, tuple(_with_steps(image, steps) for image in images), tuple(manifests))


def _with_steps(image: Inspection, steps: dict[str, float]) -> Inspection:
    """Return the facts of an image with further steps, where facts on the run are asked for."""
    if not image.run:
        return image
    taken = (*image.run.steps, *(Step(name=name, seconds=seconds) for name, seconds in steps.items()))
    return msgspec.structs.replace(image, run=msgspec.structs.replace(image.run, steps=taken))


def judge(image: Inspection, settings: Settings, choices: Choices = NO_CHOICES) -> Checked:
    """Build and lint for an image whose facts are known; what only a person knows is not asked for."""
    book = _load(settings)
    manifest = _manifest(image, choices, book, settings, ())
    unasked = {rule.id for rule in book.rules if isinstance(rule.check, Mandatory)}
    found, tally = linting.lint(book, _built_context(settings, book, image, manifest), select=settings.select,
                                ignore={*settings.ignore, *unasked})
    return Checked(_document(found, tally, _operation(settings, book).id, settings), (image,), (manifest,))


def verify(path: str, settings: Settings = DEFAULTS, *, data: bytes,  # noqa: PLR0913 - each is compared by its name
           image: str | None = None, answer: tuple[str, bytes] | None = None, statement: Attested | None = None,
           progress: Progress | None = None, meanwhile: Callable[[], object] = nothing) -> Verification:
    """Say whether all is still as the manifest ``data`` says; ``path`` is where it is.

    The image is looked for beside the manifest, then as it was typed, unless ``image`` names it; it is always read
    whole. With ``answer`` (its name and its JSON) it is read only where it is named. The request is compared with
    the rules of today, the image with what ``statement`` says of it. Raises ImgbuildError for what is no manifest,
    SourceError where there is no image.
    """
    manifest = read_manifest(data, path)
    settings = msgspec.structs.replace(settings, cloud=manifest.cloud, operation=manifest.request.operation,
                                       min_disk_policy=manifest.policy.min_disk)
    named = image if image is not None or answer is not None else find_image(manifest, path)
    digests = (*(manifest.image.checksums or ()), *_digests_of(statement))
    facts = None if named is None else _examine(named, _hashing(settings, digests), progress, meanwhile)
    book = _load(settings)
    context = replace(_context(settings, book, image=facts, body=manifest.request.body), manifest=manifest,
                      request_path=path, path=manifest.request.path, statement=_on_today(statement, settings),
                      **_answered(manifest, answer))
    findings, tally = linting.lint(book, context, select=settings.select, ignore=settings.ignore)
    found = _document(findings, tally, manifest.request.operation, settings)
    value = context.answer.value if context.answer is not None else None
    return Verification(
        manifest=path, statement=None if statement is None else statement.path, image=named,
        response=context.answer_path, verified=not found.summary.error, rules=tally,
        stage=None if context.answer is None else stage_of(value), summary=found.summary, findings=found.findings,
        accepted=found.accepted,
        next=next_steps(manifest, value, book.profile.operations))


def verify_statement(said: Attested, settings: Settings = DEFAULTS, *, image: str | None = None,
                     progress: Progress | None = None, meanwhile: Callable[[], object] = nothing) -> Verification:
    """Say whether an image is the one that a statement is about, and what the rules of today find in it.

    The image is looked for beside the statement, unless ``image`` names it. Raises SourceError where there is none.
    """
    if said.cloud in rulebook.clouds():
        settings = msgspec.structs.replace(settings, cloud=said.cloud)
    named = image or find_beside(said.path, [name for name, _ in said.subjects])
    facts = _examine(named, _hashing(settings, _digests_of(said)), progress, meanwhile)
    book = _load(settings)
    context = replace(_context(settings, book, image=facts), statement=_on_today(said, settings))
    findings, tally = linting.lint(book, context, select=settings.select, ignore=settings.ignore)
    found = _document(findings, tally, None, settings)
    return Verification(manifest=None, statement=said.path, image=named, verified=not found.summary.error, rules=tally,
                        summary=found.summary, findings=found.findings, accepted=found.accepted)


def diff(before: tuple[str, bytes], after: tuple[str, bytes]) -> Difference:
    """Return what changed between two manifests, each its name and its JSON; raises ImgbuildError for no manifest."""
    from imgbuild.comparison import compare  # noqa: PLC0415 - for those who compare

    old, new = (read_manifest(data, name) for name, data in (before, after))
    return compare(old, new, (before[0], after[0]))


def _digesting(settings: Settings, record: Record | None) -> Settings:
    """Return the settings with the algorithms of the digests that were recorded, besides those that hold anyway."""
    if record is None or settings.checksums is None or not record.digests:
        return settings
    usual = settings.checksums or (*DEFAULT_CHECKSUMS, *rulebook.load_profile(settings.cloud).checksums)
    wanted = (digest.algorithm for digest in record.digests)
    return msgspec.structs.replace(settings, checksums=tuple(dict.fromkeys((*usual, *wanted))))


def _hashing(settings: Settings, digests: Sequence[str]) -> Settings:
    """Return the settings with these checksums, or those of the cloud where there are none; the file is always read."""
    return msgspec.structs.replace(settings, cache=False, checksums=tuple(dict.fromkeys(digests)))


def _digests_of(statement: Attested | None) -> tuple[str, ...]:
    """Return the algorithms of the digests in a statement that can be computed here."""
    if statement is None:
        return ()
    from imgbuild.digest import ALGORITHMS  # noqa: PLC0415 - while the child looks it is loaded anyway

    return tuple(name for _, digests in statement.subjects for name in digests if name in ALGORITHMS)


def _on_today(statement: Attested | None, settings: Settings) -> Attested | None:
    """Return a statement with the digest of the rule book of today beside that of its own."""
    if statement is None:
        return None
    cloud = statement.cloud if statement.cloud in rulebook.clouds() else settings.cloud
    today = rulebook_digest(cloud, settings.rules, settings.catalogue)
    return msgspec.structs.replace(statement, today=today)


def _answered(manifest: Manifest, answer: tuple[str, bytes] | None) -> dict[str, Any]:
    if answer is None:
        return {}
    document = jsontext.parse(answer[1])
    return {"answer": document, "answer_path": shown(answer[0]),
            "expected": expected_at(manifest, document.value)}


def _context_for(image: Inspection, manifest: Manifest | None, request: tuple[str, bytes] | None, book: RuleBook,
                 settings: Settings) -> Context:
    if request is not None:
        return _read_context(settings, book, image, *request)
    return _built_context(settings, book, image, manifest)


def _built_context(settings: Settings, book: RuleBook, image: Inspection, manifest: Manifest | None) -> Context:
    """Return what is asked about a request that was built: its findings have the image's path, but no line."""
    request = manifest.request if manifest is not None else None
    context = _context(settings, book, image=image, body=request.body if request is not None else None)
    return replace(context, request_path=image.path, path=request.path if request is not None else None)


def _examine(path: str, settings: Settings, progress: Progress | None,
             meanwhile: Callable[[], object] = nothing) -> Inspection:
    """Return the facts of an image; while the file is hashed, what comes after that is made ready."""
    profile = rulebook.load_profile(settings.cloud)
    if settings.rules or settings.catalogue or settings.operation not in {None, profile.default_operation}:
        _load(settings)  # a wrong word is told before any work
    return inspect_for(lambda: profile, path, settings, progress, meanwhile=partial(prepare, settings, meanwhile))


def prepare(settings: Settings, meanwhile: Callable[[], object] = nothing) -> None:
    """Read the rule book and its catalogue, and do what a caller needs next."""
    _ = _load(settings).catalogue
    meanwhile()


def _examine_disks(choices: Choices, settings: Settings, progress: Progress | None) -> list[Inspection]:
    """Return the facts of the data disks that go along; nobody asks for their checksums."""
    quick = msgspec.structs.replace(settings, checksums=None, claim=None)
    return [_examine(chosen.path, quick, progress) for chosen in choices.data_images]


@cache
def _load(settings: Settings) -> RuleBook:
    book = rulebook.load(settings.cloud, rules=settings.rules, catalogue=settings.catalogue)
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


def _check_known(acceptance: Acceptance, book: RuleBook) -> None:
    """Refuse a decision on a rule that no cloud has: a misspelt one would silently decide nothing."""
    missing = [rule_id for rule_id in sorted(acceptance.rules) if book.rule(rule_id) is None]
    unknown = [rule_id for rule_id in missing if rule_id not in rulebook.known_ids()]
    if unknown:
        raise ImgbuildError(f"{acceptance.origin!r}: no rule {unknown[0]!r}", cure="imgbuild rules lists them")


def _operation(settings: Settings, book: RuleBook) -> Operation:
    return book.profile.operations[settings.operation or book.profile.default_operation]


def _policy(settings: Settings, profile: Profile, operation: str) -> MinDiskPolicy:
    return settings.min_disk_policy or profile.min_disk_of(operation).policy


def _read_context(settings: Settings, book: RuleBook, image: Inspection | None, name: str, data: bytes) -> Context:
    document = jsontext.parse(data)
    body = document.value if isinstance(document.value, dict) else None
    context = _context(settings, book, image=image, body=body)
    if settings.operation is None and body is not None:
        found = recognise(body, book.profile, image)
        context = replace(context, operation=found.operation, recognised=found,
                          min_disk_policy=_policy(settings, book.profile, found.operation))
    return replace(context, document=document, request_path=shown(name))


def _context(settings: Settings, book: RuleBook, *, image: Inspection | None,
             body: dict[str, Any] | None = None) -> Context:
    operation = _operation(settings, book).id
    return Context(operation=operation, body=body, image=image, nearest=_nearest(image, book),
                   listed=_is_listed(image, book), min_disk_policy=_policy(settings, book.profile, operation))


def _is_listed(image: Inspection | None, book: RuleBook) -> bool:
    """Return whether this cloud's list has the guest's system, in the same major version."""
    if image is None or image.os is None or book.profile.default_system is None:
        return False
    return match_system(image.os, book.catalogue, book.profile).grade in {"exact", "near"}


def _nearest(image: Inspection | None, book: RuleBook) -> str | None:
    """Return the spelling that comes closest to the guest's system, to be named where no entry fits."""
    if image is None or image.os is None or book.profile.default_system is None:
        return None
    label = closest_entry(image.os, book.catalogue)
    return None if label is None else label.os_version


def _manifest(image: Inspection, choices: Choices, book: RuleBook, settings: Settings,
              disks: Sequence[Inspection]) -> Manifest | None:
    """Return the manifest, or ``None`` where the file is no image that a cloud could take."""
    if image.format is None or image.virtual_size is None:
        return None
    operation = _operation(settings, book)
    policy = _policy(settings, book.profile, operation.id)
    derived = derive(image, choices, book, policy, operation, disks)
    request = build_request(derived, operation)
    image = msgspec.structs.replace(image, space=msgspec.UNSET)  # for drawing alone: it says nothing of the request
    read = Policy(min_disk=policy, catalogue=catalogue_facts(book) if settings.catalogue is not None else None)
    return Manifest(cloud=book.profile.name, policy=read, image=image, derived=derived, request=request,
                    route=choose_route(image, operation, book.profile, request.body),
                    expected=expect(request, image, book))


def _document(findings: Iterable[Finding], tally: Tally, operation: str | None, settings: Settings) -> Findings:
    found, accepted = (settings.acceptance or NOTHING_ACCEPTED).judge(findings)
    counts = {severity: sum(f.severity == severity for f in found) for severity in ("error", "warning", "note")}
    fixable = sum(isinstance(finding.fix, Edit) for finding in found)
    return Findings(operation=operation, summary=Summary(**counts), rules=tally, findings=found, accepted=accepted,
                    fixable=fixable or msgspec.UNSET)


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total = Tally(passed=total.passed + tally.passed, failed=total.failed + tally.failed,
                      not_applicable=total.not_applicable + tally.not_applicable)
    return total
