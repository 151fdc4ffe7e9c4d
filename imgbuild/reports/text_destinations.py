"""Where an image can go, for a person: a row for each cloud, with what stands in the way where it does not take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.page import Word, counted, flat
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from imgbuild.documents.destinations import Destination, Destinations, Placed
    from imgbuild.reports.sheet import Sheet

_VERDICTS = {"yes": Word("yes", "good"), "no": Word("no", "error"), "unknown": Word("unknown", "warning")}
_FITS = Word("fits", "note")
_HEADING = ["cloud", "can go", "format", "min_disk", "route", "OS version", "in the way"]
_FILE_HEADING = ["cloud", "the file", "route", "in the way"]


def write(sheet: Sheet, destinations: Destinations) -> None:
    """Write a table for each image."""
    for number, image in enumerate(destinations.images):
        if number:
            sheet.line()
        _write_image(sheet, image)


def _write_image(sheet: Sheet, image: Placed) -> None:
    asked = [row for row in image.destinations if row.basis == "rules"]
    taken = sum(row.verdict == "yes" for row in asked)
    sheet.head(image.path, f"goes to {taken} of {counted(len(asked), 'cloud')}")
    if sheet.page.quiet:
        return
    sheet.sentence(flat((image.format or "format not known", None if image.virtual_size is None else
                         f"{human_size(image.virtual_size)} disk", f"{human_size(image.size)} file",
                         None if image.os is None else image.os.name or image.os.id)), indent=2)
    for name, digest in (image.checksums or {}).items():
        sheet.fact(name, digest)
    said: dict[str, str] = {}
    sheet.table([_HEADING, *(_row(row, said) for row in asked)], heading=True, sentence=len(_HEADING) - 1)
    others = [row for row in image.destinations if row.basis != "rules"]
    if others:
        sheet.section("Others", "of these clouds only rules on the file are known")
        rows = [_file_row(row, said) for row in others]
        sheet.table([_FILE_HEADING, *rows], heading=True, sentence=len(_FILE_HEADING) - 1)


def _row(row: Destination, said: dict[str, str]) -> list[str | Word]:
    min_disk = "-" if row.min_disk is None else f"{row.min_disk} GiB"
    return [row.cloud, _VERDICTS[row.verdict], row.format or "-", min_disk, row.route or "-", row.os_version or "-",
            _way(row, said)]


def _file_row(row: Destination, said: dict[str, str]) -> list[str | Word]:
    fits = row.verdict == "unknown" and row.obstacle is None
    return [row.cloud, _FITS if fits else _VERDICTS[row.verdict], row.route or "-", _way(row, said)]


def _way(row: Destination, said: dict[str, str]) -> str:
    """Return what stands in the way; ``said`` has the clouds at which it was told first."""
    if row.obstacle is None:
        return "-"
    rule = f" ({row.obstacle.rule})" if row.obstacle.rule else ""
    words, first = f"{row.obstacle.message}{rule}", said.setdefault(row.obstacle.message, row.cloud)
    more = f"; {counted(row.errors - 1, 'more error')}" if row.errors > 1 else ""
    return f"{words if first == row.cloud else f'as at {first}'}{more}"
