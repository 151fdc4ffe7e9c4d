"""What changed between two manifests, for a person: a line for each change, by the part of the manifest."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from imgbuild.reports.json import value_words
from imgbuild.reports.page import Word, counted, flat

if TYPE_CHECKING:
    import msgspec

    from imgbuild.documents.difference import Change, Difference
    from imgbuild.reports.sheet import Sheet

_DISKS: dict[bool | msgspec.UnsetType, str] = {True: "the same disk", False: "another disk"}


def write(sheet: Sheet, difference: Difference) -> None:
    """Write the changes."""
    disks = _DISKS.get(difference.same_disk)
    sheet.head(f"{difference.before} -> {difference.after}", flat((counted(len(difference.changes), "change"), disks)))
    if sheet.page.quiet:
        return
    for part, changes in groupby(difference.changes, key=lambda change: change.pointer.split("/")[1]):
        sheet.section(part[:1].upper() + part[1:])
        sheet.table([_row(change) for change in changes], sentence=2)


def _row(change: Change) -> list[str | Word]:
    name = change.pointer.split("/", 2)[-1].removeprefix("body/").replace("~1", "/").replace("~0", "~")
    if change.before is None:
        return [name, Word("new", "good"), value_words(change.after)]
    if change.after is None:
        return [name, Word("gone", "warning"), value_words(change.before)]
    return [name, Word("now", "note"), f"{value_words(change.after)}, was {value_words(change.before)}"]
