"""The page as a whole: head, verdicts, an index where there are several images, a part for each of them, the end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import htpy as h
from markupsafe import Markup

from imgbuild.inside.views import image_of
from imgbuild.jsontext import split_lines
from imgbuild.reports.findings import SEVERITIES, Part, is_good, parts
from imgbuild.reports.html.disk import draw_disk, write_disk
from imgbuild.reports.html.elements import code, facts, heading, mark, section, table
from imgbuild.reports.html.findings import Context, anchor, write_accepted, write_findings
from imgbuild.reports.html.image import write_file, write_glance, write_readiness, write_system
from imgbuild.reports.html.request import write_request, write_route
from imgbuild.reports.page import counted, flat
from imgbuild.sizes import human_size
from imgbuild.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.documents.findings import Finding
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Manifest
    from imgbuild.reports.views import FindingsView

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_USUAL = "create-metadata"
_MOST_TO_DO = 12
_MOST_INSIDE = 20


def write_document(view: FindingsView) -> str:
    """Return the page; the documents of ``view`` are printable."""
    every = list(parts(view))
    title = every[0].name if len(every) == 1 else counted(len(every), "image")
    head = h.head[
        h.meta(charset="utf-8"), h.meta(http_equiv="Content-Security-Policy", content=_POLICY),
        h.meta(name="viewport", content="width=device-width, initial-scale=1"),
        h.meta(name="color-scheme", content="light dark"), h.meta(name="referrer", content="no-referrer"),
        h.title[f"{title}: {_verdict_word(view.findings.findings, view).lower()} - imgbuild"],
        h.style[Markup(_style())],  # noqa: S704 - our own file
    ]
    body = h.body[
        h.a(".skip", href="#main")["To the report"],
        h.header(".top")[h.p[h.strong["imgbuild"], f" {__version__}"], h.p[_target(view)]],
        h.main(id="main")[_summary(every, view) if len(every) > 1 else None,
                          [_part(part, number, view, len(every)) for number, part in enumerate(every, 1)],
                          write_accepted(view.findings.accepted, 2)],
        h.footer[h.p[_tally(view)]],
    ]
    return f"{h.html(lang='en')[head, body]}\n"


def _style() -> str:
    with open(os.path.join(os.path.dirname(__file__), "style.css"), encoding="utf-8") as sheet:
        return f"\n{sheet.read()}"


def _target(view: FindingsView) -> str:
    operation = view.findings.operation
    return view.cloud if operation in {None, _USUAL} else f"{view.cloud}, {operation}"


def _tally(view: FindingsView) -> str:
    tally = view.findings.rules
    return (f"{counted(tally.passed, 'rule')} passed, {tally.failed} failed, {tally.not_applicable} not applicable."
            f" Exit status {view.status}.")


def _verdict_word(found: Sequence[Finding], view: FindingsView) -> str:
    word = "READY" if view.verification is None else "VERIFIED"
    return word if is_good(found, view) else f"NOT {word}"


def _summary(every: Sequence[Part], view: FindingsView) -> h.Element:
    rows = [[h.a(href=f"#image-{number}")[part.name], _state(part, view), _counts(part.findings),
             part.image.format if part.image is not None else None,
             h.span(".nowrap")[human_size(part.image.size)] if part.image is not None else None,
             part.image.os.name if part.image is not None and part.image.os is not None else None]
            for number, part in enumerate(every, 1)]
    return h.section(aria_labelledby="summary-title")[
        heading(1, f"{counted(len(every), 'image')} for {view.cloud}", id="summary-title"),
        _verdict(view.findings.findings, view, None),
        h.nav(aria_label="Images")[table("Images", ("Image", "Verdict", "Findings", "Format", "Size", "System"), rows)]]


def _state(part: Part, view: FindingsView) -> h.Element:
    good = is_good(part.findings, view)
    return h.span(".state")[mark("good" if good else "error"), _verdict_word(part.findings, view)]


def _counts(found: Sequence[Finding]) -> str:
    counts = ((severity, sum(finding.severity == severity for finding in found)) for severity in SEVERITIES)
    return flat(counted(count, severity) for severity, count in counts if count) or "none"


def _part(part: Part, number: int, view: FindingsView, several: int) -> h.Element:
    level, prefix = (1, "") if several == 1 else (2, f"image-{number}-")
    image, manifest = _described(part, view)
    return h.article(".part", id=f"image-{number}", aria_labelledby=f"image-{number}-title")[
        heading(level, _path(part.name), h.span(".target")[f" → {_target(view)}"],
                id=f"image-{number}-title"),
        _verdict(part.findings, view, prefix),
        h.p(".lead")["The facts and the request are those of the manifest."] if view.verification and image else None,
        write_glance(image, manifest.route if manifest is not None else None) if image is not None else None,
        draw_disk(image) if image is not None else None,
        _sections(part, view, level + 1, prefix),
    ]


def _described(part: Part, view: FindingsView) -> tuple[Inspection | None, Manifest | None]:
    """Return the image and the manifest to show: none beside a request of one's own, and what was verified is its."""
    if view.verification is not None and part.manifest is not None:
        return part.manifest.image, part.manifest
    return part.image, part.manifest if view.name is None else None


def _sections(part: Part, view: FindingsView, level: int, prefix: str) -> Iterator[h.Node]:
    """Give the sections that there are, and before them a list that leads to each."""
    image, manifest = _described(part, view)
    context = Context(view.rules, split_lines(view.request) if view.request is not None else [], level, prefix)
    named: list[tuple[str, str, h.Node]] = [
        ("next", "What to do next", _to_do(part, view, level, prefix)),
        ("findings", "Findings", write_findings(part.findings, context))]
    if image is not None:
        named.append(("inside", "Inside", _inside(image, level, prefix)))
        named += [("disk", "Disk", write_disk(image, level, prefix)),
                  ("boot", "Boot and system", write_system(image, level, prefix)),
                  ("ready", "Readiness", write_readiness(image.guest, level, prefix))]
    if manifest is not None:
        named += [("request", "Request", write_request(manifest, level, prefix)),
                  ("route", "Way to the cloud", write_route(manifest.route, level, prefix))]
    if image is not None:
        named.append(("file", "File", write_file(image, level, prefix)))
    there = [(name, title, written) for name, title, written in named if written is not None]
    yield h.nav(".contents", aria_label=f"Sections on {part.name}")[
        h.ul[(h.li[h.a(href=f"#{prefix}{name}")[title]] for name, title, _ in there)]]
    yield from (written for _, _, written in there)


def _inside(image: Inspection, level: int, prefix: str) -> h.Element | None:
    """Return the section on what must be decompressed or taken out first; ``None`` where there is nothing inside."""
    if not image.inside:
        return None
    return section(level, f"{prefix}inside", "Inside", [
        _one_inside(image_of(entry), level + 1, f"{prefix}inside-{number}-")
        for number, entry in enumerate(image.inside[:_MOST_INSIDE], 1)])


def _one_inside(image: Inspection, level: int, prefix: str) -> list[h.Node]:
    digests = ((name, code(digest)) for name, digest in (image.checksums or {}).items())
    return [heading(level, _path(image.path) if image.path else "What it decompresses to"), write_glance(image, None),
            facts(*digests), draw_disk(image), write_disk(image, level + 1, prefix),
            write_system(image, level + 1, prefix), write_readiness(image.guest, level + 1, prefix)]


def _path(path: str) -> h.Element:
    """Return a path in which the file's own name stands out."""
    folder, slash, name = path.rpartition("/")
    return h.span(".path")[h.span(".folder")[folder + slash] if folder else None, name or path]


def _verdict(found: Sequence[Finding], view: FindingsView, prefix: str | None) -> h.Element:
    good = is_good(found, view)
    return h.div(class_=["verdict", "good" if good else "bad"])[
        h.p(".word")[mark("good" if good else "error"), _verdict_word(found, view)],
        h.ul[(_chip(severity, sum(finding.severity == severity for finding in found), prefix)
              for severity in SEVERITIES)]]


def _chip(severity: str, count: int, prefix: str | None) -> h.Element:
    content: list[h.Node] = [mark(severity), counted(count, severity)]
    link = count and prefix is not None
    return h.li(class_=severity if count else "none")[h.a(href=f"#{prefix}{severity}s")[content] if link else content]


def _to_do(part: Part, view: FindingsView, level: int, prefix: str) -> h.Element | None:
    steps = [*_cures(part.findings, prefix)]
    left = len(steps) - _MOST_TO_DO
    if view.verification is not None:
        steps = [*steps[:_MOST_TO_DO], *view.verification.next]
    elif not steps:
        steps = [*_next(part)]
    if not steps:
        return None
    return section(level, f"{prefix}next", "What to do next", h.ol(".steps")[(h.li[step] for step in (
        *steps[:_MOST_TO_DO], *([f"and {left} more, below"] if left > 0 else [])))])


def _cures(found: Sequence[Finding], prefix: str) -> Iterator[h.Node]:
    """Give the cure of each error, once, with a link to its block."""
    said: set[str] = set()
    for finding in found:
        if finding.severity == "error" and finding.hint not in said:
            said.add(finding.hint)
            reason = h.a(".faint", href=f"#{anchor(finding, prefix)}")[finding.message]
            yield [h.span(".cure")[finding.hint], " ", reason]


def _next(part: Part) -> Iterator[h.Node]:
    manifest = part.manifest
    if manifest is None:
        return
    yield ["Create the image: ", h.code[f"{manifest.request.method} {manifest.request.path}"], " with the body below."]
    if manifest.route.operation is not None and manifest.route.operation != manifest.request.operation:
        yield ["Bring the file there by ", h.code[manifest.route.operation], f": {flat(manifest.route.why, '; ')}."]
    yield ["Then compare the answer with what was foretold: ",
           h.code["imgbuild verify MANIFEST --response ANSWER.json"], "."]
