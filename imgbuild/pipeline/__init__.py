"""The story: which step follows which. Only this folder knows the order.

examine (open -> look beside digest -> witness) -> derive -> build -> lint. That of verify is told in verifying.py.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from imgbuild import jsontext, linting, rulebook
from imgbuild.checks import Context
from imgbuild.checks.shape import Mandatory
from imgbuild.choices import DATA_OPERATION, Choices
from imgbuild.derivation import derive
from imgbuild.documents.manifest import Manifest, Policy
from imgbuild.documents.run import Step
from imgbuild.examination import algorithms_of, nothing
from imgbuild.pipeline.books import load_book, operation_of, policy_of
from imgbuild.pipeline.contexts import built_context, context_for, context_of, read_context
from imgbuild.pipeline.examining import examine
from imgbuild.pipeline.results import document_of, sum_of
from imgbuild.request import build_request, choose_route, expect
from imgbuild.rulebook.spelling import catalogue_facts
from imgbuild.settings import DEFAULTS, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgbuild.digest import Progress
    from imgbuild.documents.difference import Difference
    from imgbuild.documents.findings import Findings
    from imgbuild.documents.inspection import Inspection
    from imgbuild.fixing import Fixed
    from imgbuild.headstart import HeadStart
    from imgbuild.jsontext import JsonDocument
    from imgbuild.packer import Record
    from imgbuild.rulebook import RuleBook

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
          progress: Progress | None = None, meanwhile: Callable[[], object] = nothing,
          begun: HeadStart | None = None) -> Built:
    """Return the manifest of the image at ``path`` with its create request; raises as :func:`inspect` does.

    The findings are those on the image, and what the request cannot do without and only a person knows; with ``whole``
    they are those of :func:`check`.
    """
    image = examine(path, settings, progress, meanwhile, begun)
    disks = _examine_disks(choices, settings, progress)
    book = load_book(settings)
    manifest = _manifest(image, choices, book, settings, disks)
    if manifest is not None and whole:
        findings, tally = linting.lint(book, built_context(settings, book, image, manifest))
    else:
        findings, tally = linting.lint(book, context_of(settings, book, image=image))
    if manifest is not None and not whole:
        findings += linting.lint(book, built_context(settings, book, image, manifest), select=_of_missing(book))[0]
    return Built(manifest, document_of(findings, tally, operation_of(settings, book).id, settings))


def lint(data: bytes, settings: Settings = DEFAULTS, *, name: str, image: str | Inspection | None = None,
         progress: Progress | None = None) -> Findings:
    """Return the findings on the request body ``data`` (JSON); ``name`` is how it is called in the findings.

    With ``image``, the path of an image file or its facts, the request is also compared with these.
    """
    return _lint(settings, _facts_of(image, settings, progress), name, data)[1]


def fix(data: bytes, settings: Settings = DEFAULTS, *, name: str, image: str | Inspection | None = None,
        progress: Progress | None = None) -> Fixed:
    """Return the request body ``data`` (JSON) with all mended that is safe, and the findings on what it is then.

    A text that is no JSON stays as it is; what is accepted is not mended. The parameters are those of :func:`lint`.
    """
    facts = _facts_of(image, settings, progress)
    from imgbuild import fixing  # noqa: PLC0415 - for those who mend

    return fixing.fix(data, partial(_lint, settings, facts, name))


def _facts_of(image: str | Inspection | None, settings: Settings, progress: Progress | None) -> Inspection | None:
    return examine(image, settings, progress) if isinstance(image, str) else image


def _lint(settings: Settings, facts: Inspection | None, name: str, data: bytes) -> tuple[JsonDocument, Findings]:
    book = load_book(settings)
    context = read_context(settings, book, facts, name, data)
    found, tally = linting.lint(book, context, select=settings.select, ignore=settings.ignore)
    return context.document or jsontext.parse(data), document_of(found, tally, context.operation, settings)


def check(paths: Sequence[str] | str, settings: Settings = DEFAULTS,  # noqa: PLR0913 - each is given by its name
          choices: Choices = NO_CHOICES, *, request: tuple[str, bytes] | None = None,
          records: Sequence[Record] = (), progress: Progress | None = None,
          meanwhile: Callable[[], object] = nothing, begun: HeadStart | None = None) -> Checked:
    """Inspect, build and lint each image in one pass.

    ``request`` (its name and its JSON) takes the place of the one that would be built. ``records`` is what was recorded
    of the images when they were built; the digests in them are computed, too. ``begun`` is what was begun for one
    of them.
    """
    paths = [paths] if isinstance(paths, str) else paths
    recorded = {record.path: record for record in records}
    images = [examine(path, _digesting(settings, recorded.get(path)), progress, meanwhile, begun)
              for path in paths]
    disks = _examine_disks(choices, settings, progress)
    book = load_book(settings)
    started = time.monotonic()
    manifests = [_manifest(image, choices, book, settings, disks) for image in images]
    derived = time.monotonic()
    contexts = [context_for(image, manifest, request, book, settings)
                for image, manifest in zip(images, manifests, strict=True)]
    contexts = [replace(context, record=recorded.get(path)) for path, context in zip(paths, contexts, strict=True)]
    contexts += [Context(operation=DATA_OPERATION, image=disk) for disk in disks]
    results = [linting.lint(book, context, select=settings.select, ignore=settings.ignore) for context in contexts]
    findings = linting.distinct(finding for found, _ in results for finding in found)
    document = document_of(findings, sum_of(tally for _, tally in results), contexts[0].operation if contexts else None,
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
    book = load_book(settings)
    manifest = _manifest(image, choices, book, settings, ())
    found, tally = linting.lint(book, built_context(settings, book, image, manifest), select=settings.select,
                                ignore={*settings.ignore, *_of_missing(book)})
    return Checked(document_of(found, tally, operation_of(settings, book).id, settings), (image,), (manifest,))


def _of_missing(book: RuleBook) -> set[str]:
    """Return the rules on what a request cannot do without: where nobody said it, only a person knows."""
    return {rule.id for rule in book.rules if isinstance(rule.check, Mandatory)}


def diff(before: tuple[str, bytes], after: tuple[str, bytes]) -> Difference:
    """Return what changed between two manifests, each its name and its JSON; raises ImgbuildError for no manifest."""
    from imgbuild.comparison import compare  # noqa: PLC0415 - for those who compare
    from imgbuild.verification import read_manifest  # noqa: PLC0415 - as above

    old, new = (read_manifest(data, name) for name, data in (before, after))
    return compare(old, new, (before[0], after[0]))


def _digesting(settings: Settings, record: Record | None) -> Settings:
    """Return the settings with the algorithms of the digests that were recorded, besides those that hold anyway."""
    if record is None or settings.checksums is None or not record.digests:
        return settings
    usual = algorithms_of(settings, rulebook.load_profile(settings.cloud))
    wanted = (digest.algorithm for digest in record.digests)
    return msgspec.structs.replace(settings, checksums=tuple(dict.fromkeys((*usual, *wanted))))


def _examine_disks(choices: Choices, settings: Settings, progress: Progress | None) -> list[Inspection]:
    """Return the facts of the data disks that go along; nobody asks for their checksums."""
    quick = msgspec.structs.replace(settings, checksums=None, claim=None)
    return [examine(chosen.path, quick, progress) for chosen in choices.data_images]


def _manifest(image: Inspection, choices: Choices, book: RuleBook, settings: Settings,
              disks: Sequence[Inspection]) -> Manifest | None:
    """Return the manifest, or ``None`` where the file is no image that a cloud could take."""
    if image.format is None or image.virtual_size is None:
        return None
    operation = operation_of(settings, book)
    policy = policy_of(settings, book.profile, operation.id)
    derived = derive(image, choices, book, policy, operation, disks)
    request = build_request(derived, operation)
    image = msgspec.structs.replace(image, space=msgspec.UNSET)  # for drawing alone: it says nothing of the request
    read = Policy(min_disk=policy, catalogue=catalogue_facts(book) if settings.catalogue is not None else None)
    return Manifest(cloud=book.profile.name, policy=read, image=image, derived=derived, request=request,
                    route=choose_route(image, operation, book.profile, request.body),
                    expected=expect(request, image, book))
