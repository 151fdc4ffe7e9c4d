"""Files of sections and keys: the text of a systemd unit or a GKeyFile in, its entries with their lines out.

configparser takes one value for a key that may be given several times (``Address=``), and knows no lines; so the few
rules are followed here: ``[Section]``, ``key=value``, comments after ``#`` and ``;``, and a backslash that continues a
line in systemd's files only, where no value asked for here needs it.

systemd.syntax(7), https://www.freedesktop.org/software/systemd/man/latest/systemd.syntax.html
GKeyFile, https://docs.gtk.org/glib/struct.KeyFile.html
"""

from __future__ import annotations

import msgspec

LIMIT = 64 * 1024
"""Bytes read of any such file."""

_MOST_ENTRIES = 4096


class Entry(msgspec.Struct, frozen=True):
    """One assignment; ``line`` counts from 1."""

    section: str
    key: str
    value: str
    line: int


def parse(text: str) -> list[Entry]:
    """Return the assignments in their order; lines that are none are passed over."""
    section, entries = "", []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and line[0] not in "#;" and "=" in line:
            key, _, value = line.partition("=")
            entries.append(Entry(section, key.strip(), value.strip(), number))
    return entries[:_MOST_ENTRIES]


def last(entries: list[Entry], section: str, key: str) -> Entry | None:
    """Return the last assignment of a key, in any case as section and key are written here; ``None`` without one."""
    return next((entry for entry in reversed(entries) if (entry.section, entry.key) == (section, key)), None)


def value_of(entries: list[Entry], section: str, key: str, otherwise: str = "") -> str:
    """Return the last value of a key, or ``otherwise``."""
    found = last(entries, section, key)
    return otherwise if found is None else found.value
