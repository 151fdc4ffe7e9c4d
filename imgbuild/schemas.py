"""JSON Schemas of the documents that imgbuild writes: the name of a kind in, its schema out, made from the models.

The dialect is JSON Schema 2020-12, https://json-schema.org/draft/2020-12. A reader must take further properties: fields
may be added under one schema number, but none changes its meaning.
"""

from __future__ import annotations

from typing import Any

import msgspec

from imgbuild.documents.configuration import Configuration
from imgbuild.documents.destinations import Destinations
from imgbuild.documents.difference import Difference
from imgbuild.documents.findings import Findings
from imgbuild.documents.inspection import Inspection
from imgbuild.documents.manifest import Manifest
from imgbuild.documents.review import Review
from imgbuild.documents.rules import Rules
from imgbuild.documents.verification import Verification
from imgbuild.errors import UsageError
from imgbuild.model import SCHEMA, Value

KINDS: dict[str, type[Value]] = {
    "inspection": Inspection, "manifest": Manifest, "findings": Findings, "verification": Verification,
    "difference": Difference, "destinations": Destinations, "rules": Rules, "review": Review,
    "configuration": Configuration,
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_HEAD = ("imgbuild", "schema", "kind")


def schema_of(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of the documents of ``kind``; raises UsageError where there is no such kind."""
    model = KINDS.get(kind)
    if model is None:
        raise UsageError(f"no document {kind!r}", cure=f"one of: {', '.join(KINDS)}")
    made = msgspec.json.schema(model, ref_template="#/$defs/{name}")
    _require_head(made["$defs"][model.__name__])
    return {"$schema": _DIALECT, "title": f"imgbuild {kind}, schema {SCHEMA}", **made}


def _require_head(document: dict[str, Any]) -> None:
    """Ask for the head of a document, which the model fills in by itself, and for this schema number."""
    document["required"] = [*_HEAD, *document.get("required", [])]
    document["properties"]["schema"] = {"const": SCHEMA}
