"""What the reports on findings share: who may be asked for one, what counts, what belongs to an image, and places."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from imgbuild.errors import UsageError
from imgbuild.reports.escape import visible
from imgbuild.reports.views import FindingsView

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from imgbuild.documents.findings import Finding, Subject
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Manifest
    from imgbuild.model import Severity, Source
    from imgbuild.reports.views import View

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Part(NamedTuple):
    """What an image, or the request where there is none, has to do with: its name, findings, facts and manifest."""

    name: str
    findings: Sequence[Finding]
    image: Inspection | None
    manifest: Manifest | None


def findings_view(view: View, name: str) -> FindingsView:
    """Return the view if it is one of findings; raises UsageError for a report that only findings have."""
    if isinstance(view, FindingsView):
        return view
    raise UsageError(f"there is no {name} report of this", cure=f"lint and check have {name}; here it is text or json")


def counts(finding: Finding, fail_on: str) -> bool:
    """Say whether a finding makes the exit status 1."""
    return fail_on != "never" and SEVERITIES.index(finding.severity) <= SEVERITIES.index(fail_on)


def exit_status(findings: Iterable[Finding], fail_on: str) -> int:
    """Return 1 where a finding is at or over the severity ``fail_on``, else 0."""
    return int(any(counts(finding, fail_on) for finding in findings))


def is_good(found: Sequence[Finding], view: FindingsView) -> bool:
    """Say whether what these findings are about is called ready, or verified."""
    return not any(finding.severity == "error" or counts(finding, view.fail_on) for finding in found)


def parts(view: FindingsView) -> Iterator[Part]:
    """Give a part for each image, or for the request where there is none."""
    findings = view.findings.findings
    if len(view.images) <= 1:
        image = view.images[0] if view.images else None
        manifest = view.manifests[0] if view.manifests else None
        name = image.path if image is not None and not view.of_request else view.name or "request"
        yield Part(name, findings, image, manifest)
        return
    paths = [image.path for image in view.images]
    for image, manifest in zip(view.images, view.manifests, strict=True):
        yield Part(image.path, [found for found in findings if found.subject.path == image.path], image, manifest)
    others = [found for found in findings if found.subject.path not in paths]
    if others:
        yield Part(view.name or "request", others, None, None)


def place_of(subject: Subject) -> str:
    """Return the place that a finding points at as people write it."""
    if subject.guest_path is not None:
        return subject.guest_path if subject.line is None else f"{subject.guest_path} line {subject.line}"
    if subject.line is not None:
        return f"{subject.path or 'request'}:{subject.line}:{subject.column}"
    return subject.pointer or subject.path or ""


def address_of(source: Source) -> str | None:
    """Return the address of a source if it is one that a link may lead to."""
    return source.url if source.url and re.fullmatch(r"https?://[^\s<>()\"'`\\]+", source.url) else None


def file_of(finding: Finding, view: FindingsView) -> str | None:
    """Return the path of the file that a finding is about, as it was given; ``None`` for standard input."""
    path = finding.subject.path or view.name or (view.images[0].path if view.images else None)
    return None if path in {None, "-"} else path


def uri_of(path: str) -> str:
    """Return a path as a URI reference (RFC 3986), whatever bytes it has; an absolute path keeps its slash."""
    uri = quote(_bytes(path), safe="/")
    return f"./{uri}" if ":" in path.partition("/")[0] else uri


def _bytes(path: str) -> bytes:
    """Return the bytes of a path; of one inside a guest that cannot be one of this system, a visible form."""
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:
        return visible(path).encode()
