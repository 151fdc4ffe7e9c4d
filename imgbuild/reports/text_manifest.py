"""A create request for a person: each field with its value and the reasons for it, then the way the file will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.json import encode
from imgbuild.reports.page import Word, flat
from imgbuild.reports.text_inspection import boot_words, headline, system_words

if TYPE_CHECKING:
    from imgbuild.model import Derived, Inspection, Manifest, Route
    from imgbuild.reports.page import Page


def write(page: Page, manifest: Manifest) -> None:
    """Write the manifest of one image."""
    page.line(Word(manifest.image.path, "title"), f"-> {manifest.cloud}")
    if page.quiet:
        return
    write_image(page, manifest.image)
    write_request(page, manifest)


def write_image(page: Page, image: Inspection) -> None:
    """Write the facts of an image in as few lines as they need."""
    page.section("Image", headline(image))
    if image.os is not None:
        page.fact("system", system_words(image.os))
    if image.virtual_size is not None:
        page.fact("boots", boot_words(image))
    for name, digest in (image.checksums or {}).items():
        page.fact(name, digest)


def write_request(page: Page, manifest: Manifest) -> None:
    """Write the call, its fields with their reasons, and the route."""
    request = manifest.request
    page.section("Request", f"{request.method} {request.path}")
    page.table([[name, value_words(request.body.get(name)), _reasons(derived, page)]
                for name, derived in manifest.derived.items()])
    _write_route(page, manifest.route)


def value_words(value: object) -> str:
    """Return a value of a request: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else encode(value, line=True).decode().rstrip()


def _reasons(derived: Derived, page: Page) -> str:
    sources = [f"[{source.title}, {source.date}]" for source in derived.sources] if page.verbose else []
    return flat((*derived.why, *sources), "; ")


def _write_route(page: Page, route: Route) -> None:
    if route.operation is None:
        page.section("Route", Word("no import path carries this file", "error"))
    else:
        page.section("Route", f"{route.operation}: {flat(route.why, '; ')}")
    for reason in route.why if route.operation is None else ():
        page.fact("", reason)
    for other in route.others if page.verbose or route.operation is None else ():
        page.fact("or", f"{other.operation}: {other.why_not or 'could carry it as well'}")

