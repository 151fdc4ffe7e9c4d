"""The documents of a view, made fit to be shown: every text in them printable, and none of it endless.

Done once and for all strings, so that no part of the page can forget it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from imgbuild.reports.escape import visible

if TYPE_CHECKING:
    from imgbuild.documents.manifest import Manifest
    from imgbuild.model import Value
    from imgbuild.reports.views import FindingsView

MOST_CHARACTERS = 1500
"""What is shown of a text: more than any of ours has, less than a guest may put into a label."""

T = TypeVar("T", bound="Value")


def printable_view(view: FindingsView) -> FindingsView:
    """Return a view whose documents can be shown.

    The bytes of a request stay as they are, for what is shown of them is cut out, and so does the body of one that was
    built: as JSON it brings its own escapes.
    """
    return msgspec.structs.replace(
        view, findings=_made_printable(view.findings), cloud=printable(view.cloud),
        name=None if view.name is None else printable(view.name), images=[_made_printable(it) for it in view.images],
        manifests=[None if it is None else _with_body(it) for it in view.manifests],
        rules={printable(key): _made_printable(rule) for key, rule in view.rules.items()},
        verification=None if view.verification is None else _made_printable(view.verification))


def printable(text: str) -> str:
    """Return a text with escapes for what is not printable, cut where it is very long."""
    if len(text) > MOST_CHARACTERS:
        return f"{visible(text[:MOST_CHARACTERS])}… ({len(text)} characters)"
    return visible(text)


def _with_body(manifest: Manifest) -> Manifest:
    made = _made_printable(manifest)
    return msgspec.structs.replace(made, request=msgspec.structs.replace(made.request, body=manifest.request.body))


def _made_printable(document: T) -> T:
    return msgspec.convert(_walked(msgspec.to_builtins(document)), type(document))


def _walked(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): _walked(item) for key, item in value.items()}
    return [_walked(item) for item in value] if isinstance(value, (list, tuple)) else value
