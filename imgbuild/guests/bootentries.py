"""What every boot loader's menu comes down to: entries that name a kernel, its initramfs and its command line.

The parsers of the loaders (``grubcfg``, ``bls``, ``menus``) hand out entries; ``kernels`` compares them to the files.
"""

from __future__ import annotations

import re

import msgspec

LIMIT = 1024 * 1024
"""Bytes read of a boot loader's configuration; grub.cfg with a hundred kernels has 300 KiB."""

MOST_ENTRIES = 512
MOST_INITRDS = 16
LONGEST = 8192
"""Characters of a command line, or of any other word of a menu; Linux itself takes 4096 at most."""

_SEGMENT = re.compile(r"(\d+)|([A-Za-z]+)|(~)")


class Entry(msgspec.Struct, frozen=True):
    """One kernel of a menu; paths are as the loader has them, ``line`` of ``source`` counts from 1.

    ``id`` is what a default can name besides the title.
    """

    title: str
    id: str
    linux: str | None
    initrds: tuple[str, ...] = ()
    options: str | None = None
    devicetree: str | None = None
    source: str = ""
    line: int = 0


class Menu(msgspec.Struct, frozen=True):
    """The entries of one loader in its order; ``default`` is ``None`` where the menu does not tell."""

    entries: tuple[Entry, ...]
    default: Entry | None


def by_title(entries: tuple[Entry, ...], wanted: str) -> Entry | None:
    """Return the entry with this title or id, or ``None``."""
    return next((entry for entry in entries if wanted and wanted in {entry.title, entry.id}), None)


def by_number(entries: tuple[Entry, ...], number: str) -> Entry | None:
    """Return the entry with this number, from 0; the first where there are fewer; ``None`` where it is no number."""
    if not number.isdecimal():
        return None
    place = int(number) if len(number) <= len(str(MOST_ENTRIES)) else MOST_ENTRIES
    return entries[place] if place < len(entries) else next(iter(entries), None)


def version_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts versions as rpm and the boot loaders do: numbers as numbers, above words; ~ is less."""
    parts = [(1, int(number[:18]), "") if number else (0, 0, word) if word else (-1, 0, "")
             for number, word, _ in _SEGMENT.findall(text[:256])]
    return (*parts, (0, -1, ""))
