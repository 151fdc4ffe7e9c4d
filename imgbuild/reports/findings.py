"""What the machine-readable reports on findings share: who may be asked for one, and the places that findings have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from imgbuild.errors import UsageError
from imgbuild.reports.escape import visible
from imgbuild.reports.views import FindingsView

if TYPE_CHECKING:
    from imgbuild.model import Finding, Severity
    from imgbuild.reports.views import View

_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


def findings_view(view: View, name: str) -> FindingsView:
    """Return the view if it is one of findings; raises UsageError for a report that only findings have."""
    if isinstance(view, FindingsView):
        return view
    raise UsageError(f"there is no {name} report of this", cure=f"lint and check have {name}; here it is text or json")


def counts(finding: Finding, fail_on: str) -> bool:
    """Say whether a finding makes the exit status 1."""
    return fail_on != "never" and _SEVERITIES.index(finding.severity) <= _SEVERITIES.index(fail_on)


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
