"""YAML for people: plain values in, a document out in blocks, with a reason behind a value where there is one.

Texts are quoted, so that none is taken for a number or a word; https://yaml.org/spec/1.2.2/#double-quoted-style
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


_ESCAPED = '"\\'


class Said(NamedTuple):
    """A plain value, and what is said of it."""

    value: Any
    why: str


def written(document: dict[str, Any]) -> str:
    """Return a document; in it dicts, lists, texts, numbers, true, false, null and values with a reason."""
    return "---\n" + "".join(f"{line}\n" for line in _lines(document))


def _lines(node: dict[str, Any] | list[Any]) -> Iterator[str]:
    entries = [("-", value) for value in node] if isinstance(node, list) else [
        (f"{key}:", value) for key, value in node.items()]
    for head, value in entries:
        if not isinstance(value, (dict, list)) or not value:
            yield f"{head} {_scalar(value)}"
        elif head == "-":
            first, *more = _lines(value)
            yield f"- {first}"
            yield from (f"  {line}" for line in more)
        else:
            yield head
            yield from (f"  {line}" for line in _lines(value))


def _scalar(value: Any) -> str:  # noqa: ANN401 - a plain value
    if isinstance(value, Said):
        return f"{_scalar(value.value)}  # {value.why}"
    if isinstance(value, str):
        return f'"{"".join(map(_character, value))}"'
    return json.dumps(value)


def _character(character: str) -> str:
    if character in _ESCAPED:
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
