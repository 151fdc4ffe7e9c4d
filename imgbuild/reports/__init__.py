"""The reports: a view and a page in, the bytes to write out. A new report is one module and one line in the table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgbuild.reports.page import Page
    from imgbuild.reports.views import View

# For each report its module, imported when it is asked for, and the endings of file names that ask for it.
_REPORTS = {
    "text": ("imgbuild.reports.text", (".txt",)),
    "json": ("imgbuild.reports.json", (".json", ".jsonl")),
    "sarif": ("imgbuild.reports.sarif", (".sarif", ".sarif.json")),
    "junit": ("imgbuild.reports.junit", (".xml",)),
    "github": ("imgbuild.reports.github", ()),
    "markdown": ("imgbuild.reports.markdown", (".md",)),
    "html": ("imgbuild.reports.html", (".html", ".htm")),
}
DRAWING = frozenset({"html"})
"""The reports that draw disks: they ask where there is data in them."""

NAMES = tuple(_REPORTS)


def prepare(name: str, kind: type[View]) -> None:
    """Import what makes the report ``name`` of a view of that kind, in time that nobody waits for."""
    module = import_module(_REPORTS[name][0])
    if hasattr(module, "prepare"):
        module.prepare(kind)


def render(name: str, view: View, page: Page) -> bytes:
    """Return what the report ``name`` makes of ``view``; ``page`` says how wide it may be and whether in colour."""
    made: bytes = import_module(_REPORTS[name][0]).render(view, page)
    return made


def by_ending(path: str) -> str | None:
    """Return the report that the ending of a file name asks for."""
    asked = [(ending, name) for name, (_, endings) in _REPORTS.items() for ending in endings
             if path.lower().endswith(ending)]
    return max(asked, key=lambda pair: len(pair[0]))[1] if asked else None
