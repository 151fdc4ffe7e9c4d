"""os-release: the text of the file in, its assignments out. Obeys os-release(5).

The format is a subset of shell assignments. Like systemd's own reader, this one is lenient where files in the field
are: an unquoted value may hold spaces, a quote that is never closed ends with its line, other lines are passed over.
Like a shell, it ends a value at a # behind a space.

os-release(5), "Operating system identification",
https://www.freedesktop.org/software/systemd/man/latest/os-release.html
"""

from __future__ import annotations

import re
import unicodedata

LIMIT = 64 * 1024
"""Bytes read of any release file; real ones are under 2 KiB."""

_LONGEST = 256
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_PIECE = re.compile(r"""\s#.*|'([^']*)'?|"((?:\\.|[^"\\])*)(?:"|\\?$)|\\(.?)|((?:[^'"\\\s]|\s(?!#))+)""", re.DOTALL)
_ESCAPE = re.compile(r'\\([$`"\\])')
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def parse(text: str) -> dict[str, str]:
    """Return the assignments of an os-release (or lsb-release) file; the last of two equal names counts.

    Values are unquoted and cleaned: no control or other invisible characters, at most 256 characters.
    """
    values = {}
    for line in text.lstrip("\ufeff").split("\n"):
        match = _ASSIGNMENT.fullmatch(line.strip())
        if match:
            values[match[1]] = clean(_unquote(match[2]))
    return values


def clean(text: str) -> str:
    """Return text from a guest in a form that is safe to show: visible characters only, at most 256 of them."""
    visible = "".join(" " if character == "\t" else character for character in text
                      if character == "\t" or unicodedata.category(character) not in _HIDDEN)
    return visible.strip()[:_LONGEST].strip()


def _unquote(value: str) -> str:
    parts = []
    for single, double, escaped, bare in _PIECE.findall(value):
        parts.append(single or _ESCAPE.sub(r"\1", double) or escaped or bare)
    return "".join(parts)
