"""The values in force, for a person: each with where it came from, then what was decided on rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.json import value_words
from imgbuild.reports.page import Word, flat

if TYPE_CHECKING:
    from imgbuild.documents.configuration import Configuration
    from imgbuild.reports.sheet import Sheet


def write(sheet: Sheet, configuration: Configuration) -> None:
    """Write the values, the defaults of the request, the severities and the suppressions."""
    sheet.head("configuration", configuration.file or "no file: imgbuild.toml or [tool.imgbuild] of pyproject.toml")
    if sheet.page.quiet:
        return
    sheet.table([[setting.name, "-" if setting.value in (None, []) else value_words(setting.value),
                  Word(setting.origin, "faint")] for setting in configuration.values])
    if configuration.request:
        sheet.section("Request")
        sheet.table([[name, value_words(value)] for name, value in configuration.request.items()])
    if configuration.severity:
        sheet.section("Severity")
        sheet.table([[rule, level] for rule, level in configuration.severity.items()])
    if configuration.suppress:
        sheet.section("Accepted")
        sheet.table([[entry["rule"], flat((entry["path"], entry["expires"] and f"until {entry['expires']}")) or "-",
                      entry["reason"]] for entry in configuration.suppress], sentence=2)
