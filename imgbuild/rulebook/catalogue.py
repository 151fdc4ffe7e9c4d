"""The built-in OS catalogue: ``os_versions.toml`` of the common pack in, a Catalogue out.

Its rows stand in one string of cells between bars, since that is read in a tenth of the time that an array of tables
takes.
"""

from __future__ import annotations

import os
from typing import Any

import msgspec

from imgbuild.errors import RuleBookError
from imgbuild.profiles import Catalogue, CatalogueEntry
from imgbuild.rulebook.packs import BASE, CATALOGUE_FILE, folder, read_toml, shown

_LISTS = ("clouds", "sources")
_OPTIONAL = ("version", "variant", "prefer")


def read_catalogue() -> tuple[Catalogue, dict[str, dict[str, Any]]]:
    """Return the built-in catalogue and the sources of its rows."""
    path = os.path.join(folder(), BASE, CATALOGUE_FILE)
    table = read_toml(path)
    sources: dict[str, dict[str, Any]] = table.get("sources", {})
    columns = table.get("columns", [])
    entries = tuple(_entry(path, columns, line, sources) for line in table.get("rows", "").strip().splitlines())
    return Catalogue(entries), sources


def _entry(path: str, columns: list[str], line: str, sources: dict[str, dict[str, Any]]) -> CatalogueEntry:
    cells = [cell.strip() for cell in line.split("|")]
    if len(cells) != len(columns):
        raise _broken(path, cells[0], f"it has {len(cells)} cells, not {len(columns)}")
    row: dict[str, Any] = dict(zip(columns, cells, strict=True))
    row |= {name: tuple(row.get(name, "").split()) for name in _LISTS}
    row |= {name: None for name in _OPTIONAL if row.get(name) == "-"}
    try:
        entry = msgspec.convert(row, CatalogueEntry, strict=False)
    except msgspec.ValidationError as error:
        raise _broken(path, cells[0], str(error)) from error
    for source in entry.sources:
        if source not in sources:
            raise _broken(path, cells[0], f"there is no source {source!r}")
    return entry


def _broken(path: str, row: str, what: str) -> RuleBookError:
    return RuleBookError(f"{shown(path)}: row {row!r}: {what}", cure="mend the row")
