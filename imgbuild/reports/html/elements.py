"""What all parts of the page are made of: headings, tables, lists of facts, marks, links. Text is escaped by htpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import htpy as h

from imgbuild.reports.findings import address_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgbuild.model import Source

# The shape says it, too: no mark is told from another by its colour alone.
_SHAPES = {
    "error": "M5 .6H11L15.4 5V11L11 15.4H5L.6 11V5Z M5.4 4.2 4.2 5.4 6.8 8 4.2 10.6 5.4 11.8 8 9.2 10.6 11.8 11.8 10.6"
             " 9.2 8 11.8 5.4 10.6 4.2 8 6.8Z",
    "warning": "M8 1 15.6 15H.4Z M7.2 5.8V10.4H8.8V5.8Z M7.2 11.6V13.2H8.8V11.6Z",
    "note": "M8 .8A7.2 7.2 0 1 1 8 15.2 7.2 7.2 0 1 1 8 .8Z M7.2 6.8V12H8.8V6.8Z M7.2 4V5.6H8.8V4Z",
    "good": "M8 .8A7.2 7.2 0 1 1 8 15.2 7.2 7.2 0 1 1 8 .8Z M4.6 7.6 3.5 8.7 7 12.2 12.6 5.6 11.4 4.6 6.9 9.9Z",
    "unknown": "M8 .8A7.2 7.2 0 1 1 8 15.2 7.2 7.2 0 1 1 8 .8Z M8 2.6A5.4 5.4 0 1 0 8 13.4 5.4 5.4 0 1 0 8 2.6Z",
}


def mark(kind: str) -> h.Element:
    """Return the sign of a severity or a status; the word stands beside it."""
    return h.svg(f".mark.{kind}", viewBox="0 0 16 16", aria_hidden="true")[h.path(d=_SHAPES[kind], fill_rule="evenodd")]


def heading(level: int, *content: h.Node, **attributes: str) -> h.Element:
    """Return a heading; one below ``h6`` does not exist."""
    element: h.Element = (h.h1, h.h2, h.h3, h.h4, h.h5, h.h6)[min(level, 6) - 1]
    return element(**attributes)[content]


def section(level: int, name: str, title: str, *content: h.Node) -> h.Element:
    """Return a section with its heading; ``name`` is its id."""
    return h.section(id=name, aria_labelledby=f"{name}-title")[heading(level, title, id=f"{name}-title"), content]


def facts(*pairs: tuple[str, h.Node]) -> h.Element | None:
    """Return a list of facts; those without a value are left out."""
    there = [(name, value) for name, value in pairs if value not in (None, "", [], ())]
    return h.dl(".facts")[([h.dt[name], h.dd[value]] for name, value in there)] if there else None


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[h.Node]], style: str = "") -> h.Element:
    """Return a table whose first column names the row; ``style`` is a class with its dot.

    On a narrow screen each row becomes a block in which every cell has its column's name before it; the roles are there
    because a table that is laid out otherwise is none any more for some screen readers.
    """
    heads = [h.th(role="columnheader", scope="col")[name] for name in columns]
    return h.table(style, role="table")[
        h.caption[caption],
        h.thead(role="rowgroup")[h.tr(role="row")[heads]],
        h.tbody(role="rowgroup")[(h.tr(role="row")[_cells(columns, row)] for row in rows)],
    ]


def _cells(columns: Sequence[str], row: Sequence[h.Node]) -> Iterable[h.Element]:
    first, *others = row
    yield h.th(role="rowheader", scope="row", data_column=columns[0])[h.div[first]]
    for column, cell in zip(columns[1:], others, strict=True):
        empty = cell in (None, "")
        yield h.td(role="cell", data_column=column, class_={"empty": empty})[h.div["-" if empty else cell]]


def more(summary: h.Node, *content: h.Node, is_open: bool = False) -> h.Element:
    """Return what a reader may open; printed it is always open."""
    return h.details(open=is_open)[h.summary[summary], h.div(".inside")[content]]


def code(text: str | None) -> h.Element | None:
    """Return words of a program: a path, a name, a digest."""
    return None if text is None else h.code[text]


def lines(texts: Iterable[str]) -> h.Element:
    """Return lines of a file or a document as they stand there."""
    return h.pre[h.code["\n".join(texts)]]


def sources(documents: Sequence[Source]) -> h.Element | None:
    """Return who says so: with several the first is the reading that was taken."""
    if not documents:
        return None
    return h.ul(".sources")[(h.li[source(document)] for document in documents)]


def source(document: Source) -> list[h.Node]:
    """Return a document: its title, which leads to it, its date, and what it says."""
    address = address_of(document)
    title = h.a(href=address, rel="noreferrer")[document.title] if address else document.title
    return [title, h.span(".date")[f" {document.date}"] if document.date else None,
            [" ", h.q[document.reading]] if document.reading else None]
