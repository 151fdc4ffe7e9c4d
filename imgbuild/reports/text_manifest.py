"""A create request for a person: each field with its value and the reasons for it, then the way the file will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.json import value_words
from imgbuild.reports.page import Word, flat
from imgbuild.reports.text_inspection import boot_words, headline, system_words, write_digests, write_run

if TYPE_CHECKING:
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Derived, Manifest, Route
    from imgbuild.reports.sheet import Sheet


def write(sheet: Sheet, manifest: Manifest) -> None:
    """Write the manifest of one image."""
    sheet.line(Word(manifest.image.path, "title"), f"-> {manifest.cloud}")
    if sheet.page.quiet:
        return
    write_image(sheet, manifest.image)
    write_request(sheet, manifest)
    write_run(sheet, manifest.image)


def write_image(sheet: Sheet, image: Inspection) -> None:
    """Write the facts of an image in as few lines as they need."""
    sheet.section("Image", headline(image))
    if image.os is not None:
        sheet.fact("system", system_words(image.os))
    if image.virtual_size is not None:
        sheet.fact("boots", boot_words(image))
    write_digests(sheet, image)


def write_request(sheet: Sheet, manifest: Manifest) -> None:
    """Write the call, its fields with their reasons, and the route."""
    request = manifest.request
    sheet.section("Request", f"{request.method} {request.path}")
    sheet.table([[name, value_words(derived.value), _reasons(derived, sheet)]
                 for name, derived in manifest.derived.items()], sentence=2)
    _write_route(sheet, manifest.route)


def _reasons(derived: Derived, sheet: Sheet) -> str:
    sources = [f"[{source.title}, {source.date}]" for source in derived.sources] if sheet.page.verbose else []
    return flat((*derived.why, *sources), "; ")


def _write_route(sheet: Sheet, route: Route) -> None:
    if route.operation is None:
        sheet.section("Route", Word("no import path carries this file", "error"))
    else:
        sheet.section("Route", f"{route.operation}: {flat(route.why, '; ')}")
    for reason in route.why if route.operation is None else ():
        sheet.fact("", reason)
    for need in route.needs:
        sheet.fact("needs", need)
    for other in route.others if sheet.page.verbose or route.operation is None else ():
        words = other.why_not or flat(("could carry it as well", *(f"needs {need}" for need in other.needs)), "; ")
        sheet.fact("or", f"{other.operation}: {words}")

