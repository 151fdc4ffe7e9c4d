"""The facts, a request and a rule book in, the context that the rules are asked in out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imgbuild import jsontext
from imgbuild.checks import Context
from imgbuild.clouds.systems import closest_entry, match_system
from imgbuild.errors import UsageError
from imgbuild.pipeline.books import operation_of, policy_of
from imgbuild.readers import quoted
from imgbuild.recognition import recognise
from imgbuild.source import shown

if TYPE_CHECKING:
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Manifest
    from imgbuild.rulebook import RuleBook
    from imgbuild.settings import Settings

def context_for(image: Inspection, manifest: Manifest | None, request: tuple[str, bytes] | None, book: RuleBook,
                settings: Settings) -> Context:
    """Return what is asked about an image and its request: the one that was given, by name and JSON, or built."""
    if request is not None:
        return read_context(settings, book, image, *request)
    return built_context(settings, book, image, manifest)


def built_context(settings: Settings, book: RuleBook, image: Inspection, manifest: Manifest | None) -> Context:
    """Return what is asked about a request that was built: its findings have the image's path, but no line."""
    request = manifest.request if manifest is not None else None
    context = context_of(settings, book, image=image, body=request.body if request is not None else None)
    return replace(context, request_path=image.path, path=request.path if request is not None else None)


def read_context(settings: Settings, book: RuleBook, image: Inspection | None, name: str, data: bytes) -> Context:
    """Return what is asked about a request that was read; its call is recognised where none is named.

    Raises:
        UsageError: It is a document that imgbuild wrote.
    """
    document = jsontext.parse(data)
    body = document.value if isinstance(document.value, dict) else None
    _refuse_own(body or {}, shown(name))
    context = context_of(settings, book, image=image, body=body)
    if settings.operation is None and body is not None:
        found = recognise(body, book.profile, image)
        context = replace(context, operation=found.operation, recognised=found,
                          min_disk_policy=policy_of(settings, book.profile, found.operation))
    return replace(context, document=document, request_path=shown(name))


def _refuse_own(body: dict[str, Any], name: str) -> None:
    """Refuse a document of our own: every finding would be about another text than the person means."""
    kind = body.get("kind")
    if not (isinstance(body.get("schema"), int) and isinstance(kind, str)):  # no request has a number there
        return
    if kind != "manifest":
        raise UsageError(f"{name!r} is no request: it is a document of imgbuild, of kind {quoted(kind)}",
                         cure="name the request; imgbuild build --request-only writes one")
    raise UsageError(f"{name!r} is a manifest, which holds a request among other things",
                     cure="imgbuild verify takes manifests and lints their requests; "
                          "jq .request.body MANIFEST | imgbuild lint - lints the request alone")


def context_of(settings: Settings, book: RuleBook, *, image: Inspection | None,
             body: dict[str, Any] | None = None) -> Context:
    """Return what is asked about an image and the body of a request, either of which may be missing."""
    operation = operation_of(settings, book).id
    return Context(operation=operation, body=body, image=image, nearest=_nearest(image, book),
                   listed=_is_listed(image, book), min_disk_policy=policy_of(settings, book.profile, operation))


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
