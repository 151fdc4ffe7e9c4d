"""The report for people: a view in, aligned lines of text out; colours only where the page has them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from imgbuild.reports.views import (
    ConfigurationView,
    DestinationsView,
    DifferenceView,
    FindingsView,
    ImageView,
    ManifestView,
    ReviewView,
)

if TYPE_CHECKING:
    from imgbuild.reports.page import Page
    from imgbuild.reports.sheet import Sheet
    from imgbuild.reports.views import RulesView, View


def prepare(kind: type[View]) -> None:
    """Import rich, and what writes views of that kind; the module for findings imports those for all beside them."""
    import_module("imgbuild.reports.sheet")
    import_module(f"imgbuild.reports.{'text_inspection' if kind is ImageView else 'text_findings'}")


def render(view: View, page: Page) -> bytes:
    """Return a view as UTF-8 text."""
    if isinstance(view, ManifestView) and view.request_only:  # made to be sent: it is JSON for people, too
        from imgbuild.reports import json  # noqa: PLC0415 - beside its one use

        return json.render(view, page)
    from imgbuild.reports.sheet import Sheet  # noqa: PLC0415 - it imports rich

    sheet = Sheet(page)
    if isinstance(view, (ImageView, ManifestView)) and view.number:
        sheet.line()
    _write(view, sheet)
    return sheet.text().encode()


def _write(view: View, sheet: Sheet) -> None:
    """Write a view; each has a module, which the others need not import."""
    if isinstance(view, ImageView):
        from imgbuild.reports import text_inspection  # noqa: PLC0415 - see above

        text_inspection.write(sheet, view.image)
    elif isinstance(view, ManifestView):
        from imgbuild.reports import text_manifest  # noqa: PLC0415 - see above

        text_manifest.write(sheet, view.manifest)
    elif isinstance(view, FindingsView):
        from imgbuild.reports import text_findings  # noqa: PLC0415 - see above

        text_findings.write(sheet, view)
    elif isinstance(view, DifferenceView):
        from imgbuild.reports import text_difference  # noqa: PLC0415 - see above

        text_difference.write(sheet, view.difference)
    elif isinstance(view, DestinationsView):
        from imgbuild.reports import text_destinations  # noqa: PLC0415 - see above

        text_destinations.write(sheet, view.destinations)
    elif isinstance(view, ReviewView):
        from imgbuild.reports import text_review  # noqa: PLC0415 - see above

        text_review.write(sheet, view.review)
    elif isinstance(view, ConfigurationView):
        from imgbuild.reports import text_configuration  # noqa: PLC0415 - see above

        text_configuration.write(sheet, view.configuration)
    else:
        _write_rules(view, sheet)


def _write_rules(view: RulesView, sheet: Sheet) -> None:
    from imgbuild.reports import text_rules  # noqa: PLC0415 - see above

    if view.page:
        text_rules.write_page(sheet, view.rules)
    else:
        text_rules.write_list(sheet, view.rules)
