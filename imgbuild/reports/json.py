"""The report for programs: documents in, JSON out, as the contract has it. The same facts give the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.reports.escape import visible, visible_json
from imgbuild.reports.views import (
    ConfigurationView,
    DestinationsView,
    DifferenceView,
    FindingsView,
    ImageView,
    ManifestView,
    ReviewView,
    RulesView,
)

if TYPE_CHECKING:
    from imgbuild.reports.page import Page
    from imgbuild.reports.views import View


_DOCUMENTS: dict[type, str] = {
    RulesView: "rules", ReviewView: "review", DestinationsView: "destinations", DifferenceView: "difference",
    ConfigurationView: "configuration",
}


def render(view: View, page: Page) -> bytes:  # noqa: ARG001 - what the page is like makes no difference to programs
    """Return the document of a view as indented JSON; one of several as a line (JSON Lines)."""
    if isinstance(view, ImageView):
        return encode(view.image, line=view.several)
    if isinstance(view, ManifestView):
        return encode(view.manifest.request.body if view.request_only else view.manifest, line=view.several)
    if isinstance(view, FindingsView):
        return encode(view.verification or view.findings)
    return encode(getattr(view, _DOCUMENTS[type(view)]))


def encode(document: object, *, line: bool = False) -> bytes:
    """Return a document as JSON that ends in a newline: indented, or as one line."""
    data = _encode(document)
    return visible_json(data if line else msgspec.json.format(data, indent=2)) + b"\n"


def value_words(value: object) -> str:
    """Return a value of a request: text as it is, anything else as JSON; a question mark for what is not known."""
    if value is None:
        return "?"
    return value if isinstance(value, str) else encode(value, line=True).decode().rstrip()


def _encode(document: object) -> bytes:
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:  # the name of a file that is not UTF-8
        return msgspec.json.encode(_without_surrogates(msgspec.to_builtins(document)))


def _without_surrogates(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, str):
        return "".join(visible(c) if "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, (list, tuple)) else value
