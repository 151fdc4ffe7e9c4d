"""The story: which step follows which. The only file that knows the order.

examine (open -> look beside digest -> witness) -> derive -> build -> lint.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from imgbuild import jsontext, linting, rulebook
from imgbuild.checks import Context
from imgbuild.clouds.systems import closest_entry
from imgbuild.derivation import Choices, derive
from imgbuild.errors import UsageError
from imgbuild.examination import inspect, inspect_for
from imgbuild.model import Findings, Inspection, Manifest, Policy, Summary, Tally
from imgbuild.request import build_request, choose_route, expect
from imgbuild.settings import DEFAULT_OPERATION, DEFAULTS, Settings
from imgbuild.source import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgbuild.digest import Progress
    from imgbuild.model import Finding
    from imgbuild.profiles import MinDiskPolicy, Profile
    from imgbuild.rulebook import RuleBook

__all__ = ["Built", "Checked", "Settings", "build", "check", "inspect", "lint"]

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


def build(path: str, settings: Settings = DEFAULTS, choices: Choices = NO_CHOICES, *,
          progress: Progress | None = None) -> Built:
    """Return the manifest of the image at ``path`` with its create request; raises as :func:`inspect` does."""
    _check_buildable(settings)
    image = _examine(path, settings, progress)
    book = _load(settings)
    findings = _document(*linting.lint(book, _context(settings, book, image=image)))
    return Built(_manifest(image, choices, book, settings), findings)


def lint(data: bytes, settings: Settings = DEFAULTS, *, name: str, image: str | None = None,
         progress: Progress | None = None) -> Findings:
    """Return the findings on the request body ``data`` (JSON); ``name`` is how it is called in the findings.

    With ``image``, the path of an image file, the request is also compared with the image's facts.
    """
    facts = None if image is None else _examine(image, settings, progress)
    book = _load(settings)
    context = _read_context(settings, book, facts, name, data)
    return _document(*linting.lint(book, context, select=settings.select, ignore=settings.ignore))


def check(paths: Sequence[str] | str, settings: Settings = DEFAULTS, choices: Choices = NO_CHOICES, *,
          request: tuple[str, bytes] | None = None, progress: Progress | None = None) -> Checked:
    """Inspect, build and lint each image in one pass.

    ``request`` (its name and its JSON) takes the place of the one that would be built.
    """
    if request is None:
        _check_buildable(settings)
    paths = [paths] if isinstance(paths, str) else paths
    images = [_examine(path, settings, progress) for path in paths]
    book = _load(settings)
    manifests = [_manifest(image, choices, book, settings) for image in images]
    results = [_check_one(image, manifest, request, book, settings)
               for image, manifest in zip(images, manifests, strict=True)]
    findings = linting.distinct(finding for found, _ in results for finding in found)
    return Checked(_document(findings, _sum(tally for _, tally in results)), tuple(images), tuple(manifests))


def _check_one(image: Inspection, manifest: Manifest | None, request: tuple[str, bytes] | None, book: RuleBook,
               settings: Settings) -> tuple[tuple[Finding, ...], Tally]:
    if request is not None:
        context = _read_context(settings, book, image, *request)
    else:
        # A request that was built here is no file: its findings have the image's path and a pointer, but no line.
        body = manifest.request.body if manifest is not None else None
        context = replace(_context(settings, book, image=image, body=body), request_path=image.path)
    return linting.lint(book, context, select=settings.select, ignore=settings.ignore)


def _check_buildable(settings: Settings) -> None:
    if settings.operation != DEFAULT_OPERATION:
        cure = f"build {DEFAULT_OPERATION}, or give the request's own file to lint or to check --request"
        raise UsageError(f"a request for {settings.operation!r} cannot be built from an image alone", cure=cure)


def _examine(path: str, settings: Settings, progress: Progress | None) -> Inspection:
    """Return the facts of an image; the rule book is read while the file is hashed."""
    profile = rulebook.load_profile(settings.cloud)
    if settings.operation != profile.default_operation:
        _load(settings)  # a wrong word is told before any work
    return inspect_for(lambda: profile, path, settings, progress, meanwhile=partial(_load, settings))


@cache
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
    return replace(_context(settings, book, image=image, body=body), document=document, request_path=shown(name))


def _context(settings: Settings, book: RuleBook, *, image: Inspection | None,
             body: dict[str, Any] | None = None) -> Context:
    return Context(operation=settings.operation, body=body, image=image, nearest=_nearest(image, book),
                   min_disk_policy=_policy(settings, book.profile))


def _nearest(image: Inspection | None, book: RuleBook) -> str | None:
    """Return the spelling that comes closest to the guest's system, to be named where no entry fits."""
    if image is None or image.os is None:
        return None
    label = closest_entry(image.os, book.catalogue)
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
