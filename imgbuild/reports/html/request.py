"""The request: each field with its value, the reasons for it and who says so; the body; the way that the file takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import htpy as h
import msgspec

from imgbuild.reports.html.elements import code, lines, mark, more, section, source, table
from imgbuild.reports.json import encode, value_words
from imgbuild.reports.page import counted, flat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.documents.manifest import Derived, Manifest, Route
    from imgbuild.model import Source

_COLUMNS = ("Field", "Value", "Why")


def write_request(manifest: Manifest, level: int, prefix: str) -> h.Element:
    """Return the section on the request that was built."""
    request = manifest.request
    documents = list(dict.fromkeys(_document(it) for field in manifest.derived.values() for it in field.sources))
    rows = ([code(name), _value(field.value), _reasons(field, documents, prefix)]
            for name, field in manifest.derived.items())
    return section(
        level, f"{prefix}request", "Request",
        h.p(".lead")[h.code[f"{request.method} {request.path}"],
                     f" on {manifest.cloud}, operation {request.operation}. Each field says where its value is from."],
        table("Fields of the request", _COLUMNS, rows, ".fields"),
        more(f"{counted(len(documents), 'document')} that say so", h.ol(".sources")[(
            h.li(id=f"{prefix}source-{number}")[source(document)] for number, document in enumerate(documents, 1))],
            is_open=True) if documents else None,
        more("The body as JSON", lines(encode(request.body).decode().splitlines()), is_open=True) if request.body else
        h.p[f"The body of the call is the file itself ({request.content_type})."])


def write_route(route: Route, level: int, prefix: str) -> h.Element:
    """Return the section on the import paths: the one that carries the file, and why the others do not."""
    chosen: list[h.Node] = [h.strong[route.operation], *_needs(route.needs)]
    if route.operation is None:
        chosen = [mark("error"), h.strong["No import path carries this file."]]
    others = ([code(other.operation), "no" if other.why_not else "could, too", flat((other.why_not, *(
        f"needs {need}" for need in other.needs)), "; ")] for other in route.others)
    return section(level, f"{prefix}route", "Way to the cloud", h.p(".lead")[chosen],
                   h.ul[(h.li[reason] for reason in route.why)] if route.why else None,
                   table("Other import paths", ("Operation", "Carries it", "Why"), others) if route.others else None)


def _needs(needs: tuple[str, ...]) -> Iterator[str]:
    if needs:
        yield f"; it needs {flat(needs, ', ')}"


def _value(value: object) -> h.Node:
    if value is None:
        return h.span(".faint")["not known"]
    return h.code(".value")[value_words(value)]


def _reasons(field: Derived, documents: list[Source], prefix: str) -> Iterator[h.Node]:
    """Give the reasons for a value, and in which words which of the documents below say so."""
    yield h.p[flat(field.why, "; ")]
    readings: dict[str | None, list[int]] = {}
    for it in field.sources:
        readings.setdefault(it.reading, []).append(documents.index(_document(it)) + 1)
    for reading, numbers in readings.items():
        links: list[h.Node] = [[h.a(href=f"#{prefix}source-{number}")[f"[{number}]"], " "] for number in numbers]
        yield h.p(".faint")[links, h.q[reading] if reading else None]


def _document(it: Source) -> Source:
    return msgspec.structs.replace(it, reading=None)
