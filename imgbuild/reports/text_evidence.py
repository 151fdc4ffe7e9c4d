"""Evidence in words: the field by its standard's name, its place in the file, and its bytes in hex."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.page import counted, flat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.documents.findings import Evidence
    from imgbuild.documents.rules import Example
    from imgbuild.model import Problem


def evidence_words(shown: Problem | Evidence | Example) -> Iterator[str]:
    """Give the field that is wrong by the standard's name, its place and its bytes; nothing where there is none."""
    place = None if shown.offset is None else f"at byte {shown.offset}"
    size = None if shown.length is None else counted(shown.length, "byte")
    where = flat((flat((shown.field, place), " "), size))
    if where:
        yield flat((where, shown.hex), ": ")
