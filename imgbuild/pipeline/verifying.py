"""The story of verify: read the manifest or statement -> find and examine the image -> lint, the answer beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild import jsontext, linting, rulebook
from imgbuild.algorithms import ALGORITHMS
from imgbuild.documents.verification import Verification
from imgbuild.errors import UsageError
from imgbuild.examination import nothing
from imgbuild.pipeline.books import load_book
from imgbuild.pipeline.contexts import context_of
from imgbuild.pipeline.examining import examine
from imgbuild.pipeline.results import document_of
from imgbuild.rulebook.digest import digest_of as rulebook_digest
from imgbuild.settings import DEFAULTS, Settings
from imgbuild.source import shown
from imgbuild.verification import expected_at, find_beside, find_image, next_steps, read_manifest, stage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgbuild.digest import Progress
    from imgbuild.documents.manifest import Manifest
    from imgbuild.statements import Attested


def verify(path: str, settings: Settings = DEFAULTS, *, data: bytes,  # noqa: PLR0913 - each is compared by its name
           image: str | None = None, answer: tuple[str, bytes] | None = None, statement: Attested | None = None,
           progress: Progress | None = None, meanwhile: Callable[[], object] = nothing) -> Verification:
    """Say whether all is still as the manifest ``data`` says; ``path`` is where it is.

    The image is looked for beside the manifest, then as it was typed, unless ``image`` names it; it is always read
    whole. With ``content`` in the settings its disk is compared, in whatever file, and not that file or the request.
    With ``answer`` (its name and its JSON) it is read only where it is named. The request is compared with
    the rules of today, the image with what ``statement`` says of it. Raises ImgbuildError for what is no manifest,
    SourceError where there is no image.
    """
    return verify_manifest(read_manifest(data, path), path, settings, image=image, answer=answer, statement=statement,
                           progress=progress, meanwhile=meanwhile)


def verify_manifest(manifest: Manifest, path: str, settings: Settings, *,  # noqa: PLR0913 - as above
                    image: str | None, answer: tuple[str, bytes] | None, statement: Attested | None,
                    progress: Progress | None, meanwhile: Callable[[], object]) -> Verification:
    """Do what :func:`verify` does, of a manifest that is read already."""
    settings = msgspec.structs.replace(settings, cloud=manifest.cloud, operation=manifest.request.operation,
                                       min_disk_policy=manifest.policy.min_disk)
    asked = answer is None or settings.content
    named = find_image(manifest, path) if image is None and asked else image
    if settings.content and not manifest.image.content:
        raise UsageError(f"{path!r} has no digest of the whole disk", cure="imgbuild build --content makes one")
    digests = (*(() if settings.content else manifest.image.checksums or ()), *_digests_of(statement))
    facts = None if named is None else examine(named, _hashing(settings, digests), progress, meanwhile)
    book = load_book(settings)
    body = None if settings.content else manifest.request.body  # another container is not what would be uploaded
    context = replace(context_of(settings, book, image=facts, body=body), manifest=manifest,
                      by_content=settings.content, request_path=path, path=manifest.request.path,
                      statement=_on_today(statement, settings), **_answered(manifest, answer))
    findings, tally = linting.lint(book, context, select=settings.select, ignore=settings.ignore)
    found = document_of(findings, tally, manifest.request.operation, settings)
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
    facts = examine(named, _hashing(settings, _digests_of(said)), progress, meanwhile)
    book = load_book(settings)
    context = replace(context_of(settings, book, image=facts), statement=_on_today(said, settings))
    findings, tally = linting.lint(book, context, select=settings.select, ignore=settings.ignore)
    found = document_of(findings, tally, None, settings)
    return Verification(manifest=None, statement=said.path, image=named, verified=not found.summary.error, rules=tally,
                        summary=found.summary, findings=found.findings, accepted=found.accepted)


def _hashing(settings: Settings, digests: Sequence[str]) -> Settings:
    """Return the settings with these checksums, or those of the cloud where there are none; the file is always read.

    It is not where its disk is, unless something is said of the file as well.
    """
    checksums = tuple(dict.fromkeys(digests))
    return msgspec.structs.replace(settings, cache=False, checksums=checksums or (None if settings.content else ()))


def _digests_of(statement: Attested | None) -> tuple[str, ...]:
    """Return the algorithms of the digests in a statement that can be computed here."""
    if statement is None:
        return ()
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
