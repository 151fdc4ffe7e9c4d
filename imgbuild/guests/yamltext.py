"""YAML of a guest: a text in, plain values out, or why it cannot be read.

The files are small and written by people: netplan's and cloud-init's. ryaml reads them (the parser of libyaml in Rust,
with limits on depth and on repetition of anchors): its import takes 0.9 ms of processor time where PyYAML takes 16,
which is an eighth of what a whole inspection may take. An own reader of a subset would be no faster. Where no wheel of
it fits the machine, YAML counts as not readable, and the checks that need it say ``unknown``.

Two things are bounded here: the size, and the brackets, for the time that nested ones take grows with their square.
Booleans follow YAML 1.2 in the reader; what guests' own readers (YAML 1.1) take for one, :func:`truth` says.

YAML 1.2.2, https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

from typing import Any

import msgspec

LIMIT = 64 * 1024
"""Bytes read of any YAML file; real ones are under 8 KiB."""

MOST_BRACKETS = 1024
_WORDS = {"y": True, "yes": True, "on": True, "true": True, "1": True,
          "n": False, "no": False, "off": False, "false": False, "0": False}


class Unreadable(msgspec.Struct, frozen=True):
    """Why a text gives no values."""

    reason: str


def parse(text: str) -> Any:  # noqa: ANN401 - any value that YAML can say
    """Return what a YAML text says as dicts, lists and scalars, or :class:`Unreadable`."""
    if text.count("[") + text.count("{") > MOST_BRACKETS:
        return Unreadable(f"it has over {MOST_BRACKETS} brackets")
    try:
        import ryaml  # noqa: PLC0415 - for guests that have such files
    except ImportError:
        return Unreadable("the package ryaml, which reads YAML, is not installed")
    try:
        return ryaml.loads(text)
    except ValueError as error:
        return Unreadable(f"it is no YAML: {error}")


def truth(value: object) -> bool | None:
    """Return what YAML 1.1 takes a value for; ``None`` for what is no boolean."""
    if isinstance(value, bool):
        return value
    return _WORDS.get(str(value).lower()) if isinstance(value, (str, int)) else None


def line_of(text: str, *keys: str) -> int | None:
    """Return the line (from 1) of the last of ``keys``, each looked for after the one before; ``None`` without it."""
    lines, wanted, found = text.split("\n"), list(keys), None
    for number, line in enumerate(lines, start=1):
        while wanted and _gives(line, wanted[0]):
            found = number
            wanted.pop(0)
    return found


def _gives(line: str, key: str) -> bool:
    """Say whether a line gives a key a value, in block style or in braces."""
    before, colon, _ = line.replace('"', "").replace("'", "").partition(f"{key}:")
    before = before.strip(" \t-")
    return bool(colon) and (not before or before.endswith(("{", ",")))
