"""The place that a finding points at: a line of a guest's file or of the request, or bytes of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import htpy as h

from imgbuild.reports.escape import visible
from imgbuild.reports.page import counted, flat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.documents.findings import Evidence, Finding

_AROUND = 120
"""Characters shown before and behind the place in a line of a request, which may be all of it."""

_GROUP = 8
_PRINTABLE = range(0x20, 0x7F)


def write_excerpt(finding: Finding, lines: Sequence[str]) -> h.Element | None:
    """Return the line that a finding is about; ``None`` where there is none."""
    subject = finding.subject
    if finding.excerpt is not None:
        return _line(subject.line, [finding.excerpt])
    if subject.kind not in {"request", "response"} or subject.line is None or subject.column is None:
        return None
    if not 0 < subject.line <= len(lines):
        return None
    text, column = lines[subject.line - 1], subject.column - 1
    before, after = text[max(0, column - _AROUND) : column].lstrip(), text[column : column + _AROUND].rstrip()
    cut = ("…" if column > _AROUND else "", "…" if len(text) > column + _AROUND else "")
    return _line(subject.line, [cut[0], visible(before), h.mark[visible(after)], cut[1]])


def _line(number: int | None, content: h.Node) -> h.Element:
    return h.pre(".excerpt")[h.span(".line-number")[f"{number} "] if number is not None else None, h.code[content]]


def write_bytes(evidence: Evidence) -> h.Element:
    """Return bytes of the image as a hex dump, under the name of their field and with their place in the file."""
    place = None if evidence.offset is None else f"at byte {evidence.offset} ({evidence.offset:#x})"
    size = None if evidence.length is None else counted(evidence.length, "byte")
    caption = h.figcaption[h.code[evidence.field] if evidence.field else None, " ", flat((place, size))]
    return h.figure(".bytes")[caption, h.pre[h.code["\n".join(_dump(evidence))]] if evidence.hex else None]


def _dump(evidence: Evidence) -> list[str]:
    data = bytes.fromhex(evidence.hex or "")
    start = evidence.offset or 0
    return [f"{start + at:08x}  {data[at : at + _GROUP].hex(' '):<{3 * _GROUP}} {_characters(data[at : at + _GROUP])}"
            for at in range(0, len(data), _GROUP)]


def _characters(data: bytes) -> str:
    return "".join(chr(byte) if byte in _PRINTABLE else "." for byte in data)
