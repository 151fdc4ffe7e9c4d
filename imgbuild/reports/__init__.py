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
}
NAMES = tuple(_REPORTS)


def render(name: str, view: View, page: Page) -> bytes:
    """Return what the report ``name`` makes of ``view``; ``page`` says how wide it may be and whether in colour."""
    made: bytes = import_module(_REPORTS[name][0]).render(view, page)
    return made


def by_ending(path: str) -> str | None:
    """Return the report that the ending of a file name asks for."""
    return next((name for name, (_, endings) in _REPORTS.items() if path.lower().endswith(endings)), None)
