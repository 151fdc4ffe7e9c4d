r"""Text from images, requests and file names, made fit for a terminal: text in, printable text out.

What is not printable (control characters, escape sequences, line breaks, overrides of the writing direction, halves of
surrogate pairs) becomes a visible escape as in a Python string: ``\x1b``, ``\n``, ``\u202e``. So does the first mark
of what CI servers take for a command when it stands in a log: ``::error::`` at the start of a line (GitHub),
``##vso[`` and ``##teamcity[`` anywhere (Azure, TeamCity).

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands and
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

import re

# Everything that is neither printable nor plain ASCII white space stands in these categories: Cc but for \\t and \\n
# (which JSON escapes itself), Cf, Zl, Zp. Written out, as re knows no categories.
_IN_JSON = (
    "[\\x7f-\\x9f\\xad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u180e\\u200b-\\u200f\\u2028-\\u202e"
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\U000110bd\\U000110cd\\U00013430-\\U0001343f\\U0001bca0-\\U0001bca3"
    "\\U0001d173-\\U0001d17a\\U000e0001\\U000e0020-\\U000e007f]")
_AT_START = re.compile(r"^([ \t]*):(?=:[A-Za-z][^\n]*?::)", re.MULTILINE)
_ANYWHERE = r"#(?=#\w*\[)"
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_BYTE = range(0xDC80, 0xDD00)  # how Python keeps a byte of a file name that is not UTF-8


def visible(text: str) -> str:
    """Return the text with everything escaped that is not printable."""
    return text if text.isprintable() else "".join(map(_visible, text))


def visible_json(data: bytes) -> bytes:
    """Return a JSON document with the characters escaped, as JSON does it, that a terminal or a reader would obey."""
    if b"##" in data:  # it can only be inside a string
        data = re.sub(_ANYWHERE.encode(), rb"\\u0023", data)
    return data if data.isascii() and b"\x7f" not in data else re.sub(_IN_JSON, _json_escape, data.decode()).encode()


def disarmed(text: str) -> str:
    """Return lines of a report in which no CI server finds a command."""
    text = _AT_START.sub(r"\1\\x3a", text) if "::" in text else text
    return re.sub(_ANYWHERE, r"\\x23", text) if "##" in text else text


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    if number in _BYTE:
        return f"\\x{number - 0xDC00:02x}"
    width = 2 if number <= 0xFF else 4 if number <= 0xFFFF else 8  # noqa: PLR2004 - \x, \u and \U
    return _SHORT.get(character) or f"\\{'xuU'[width.bit_length() - 2]}{number:0{width}x}"


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
