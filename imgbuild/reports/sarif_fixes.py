"""The fixes in a SARIF log: a request's text and its findings in, what ``lint --fix`` writes for each of them out.

Each is one replacement in the request (SARIF 2.1.0, sections 3.55 to 3.57), with the lines and columns of the text. The
byte order mark is no part of the text: it goes as bytes.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from imgbuild import jsontext
from imgbuild.documents.findings import Edit
from imgbuild.splices import MARK, splice_of

if TYPE_CHECKING:
    from imgbuild.documents.findings import Finding
    from imgbuild.jsontext import JsonDocument


class Fixes:
    """The fixes of one request, whose text is read when the first is asked for."""

    def __init__(self, request: bytes | None) -> None:
        self._request = request

    @cached_property
    def _document(self) -> JsonDocument:
        return jsontext.parse(self._request or b"")

    def of(self, finding: Finding, file: dict[str, Any]) -> list[dict[str, Any]]:
        """Return how a finding in the ``file`` (an artifactLocation) is mended, at most one way."""
        if self._request is None or not isinstance(finding.fix, Edit):
            return []
        return [{"description": {"text": finding.hint}, "artifactChanges": [
            {"artifactLocation": file, "replacements": [self._replacement(finding.fix)]}]}]

    def _replacement(self, edit: Edit) -> dict[str, Any]:
        if edit.action == "remove-mark":
            return {"deletedRegion": {"byteOffset": 0, "byteLength": len(MARK.encode())}}
        start, end, text = splice_of(self._document, edit)
        (line, column), (last_line, after) = self._document.position_at(start), self._document.position_at(end)
        region = {"startLine": line, "startColumn": column, "endLine": last_line, "endColumn": after}
        return {"deletedRegion": region, **({"insertedContent": {"text": text}} if text else {})}
