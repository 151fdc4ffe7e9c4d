"""The text in which LVM2 keeps the metadata of a volume group: text in, nested dictionaries out.

    vg0 {
        extent_size = 8192                      # a number
        status = ["RESIZEABLE", "READ"]         # a list
        physical_volumes { pv0 { id = "…" } }   # sections
    }

The grammar is that of ``libdm/libdm-config.c`` in LVM2, https://sourceware.org/git/?p=lvm2.git;a=blob;f=libdm/libdm-config.c;
the keys are described in lvm.conf(5) and vgcfgbackup(8), https://man7.org/linux/man-pages/man8/vgcfgbackup.8.html.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from imgbuild.readers import BrokenImage, broken

MAX_DEPTH = 8
"""A segment of a volume is four sections deep."""
MAX_TOKENS = 200_000

_TOKEN = re.compile(r"(?P<skip>[\s\0]+|#[^\n]*)" r'|(?P<string>"(?:[^"\\]|\\.)*+")' r'|(?P<mark>[{}\[\],="])'
                    r'|(?P<word>[^\s\0{}\[\],="#]+)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]{1,19}")

Section = dict[str, Any]


def parse(text: str) -> Section:
    """Return the sections and values of a metadata text.

    Raises:
        BrokenImage: ``lvm-metadata-damaged`` where it does not follow the grammar.
    """
    return _Parser(text).section(depth=0)


def number(section: Section, key: str, limit: int) -> int:
    """Return the number at ``key``, from 0 to ``limit``, or raise BrokenImage."""
    return checked(section.get(key), key, limit)


def checked(value: object, key: str, limit: int) -> int:
    """Return ``value``, which stood at ``key``, where it is a number from 0 to ``limit``, or raise BrokenImage."""
    if isinstance(value, int) and 0 <= value <= limit:
        return value
    raise _wrong(value, key, f"a number from 0 to {limit}")


def word(section: Section, key: str) -> str:
    """Return the string at ``key``, or raise BrokenImage."""
    value = section.get(key)
    if isinstance(value, str):
        return value
    raise _wrong(value, key, "a string")


def subsection(section: Section, key: str) -> Section:
    """Return the section at ``key``, an empty one where there is none, or raise BrokenImage."""
    value = section.get(key, {})
    if isinstance(value, dict):
        return value
    raise _wrong(value, key, "a section")


def items(section: Section, key: str) -> list[Any]:
    """Return the list at ``key``; a single value is a list of one, as in lvm.conf(5)."""
    value = section.get(key, [])
    return value if isinstance(value, list) else [value]


def _wrong(value: object, key: str, wanted: str) -> BrokenImage:
    return broken("lvm-metadata-damaged", f"the LVM metadata gives {repr(value)[:40]} as {key}, it should be {wanted}",
                  field=key)


def _damaged(reason: str) -> BrokenImage:
    return broken("lvm-metadata-damaged", f"the LVM metadata cannot be read: {reason}")


class _Parser:
    def __init__(self, text: str) -> None:
        tokens = ((match.lastgroup or "", match[0]) for match in _TOKEN.finditer(text) if match.lastgroup != "skip")
        self._tokens = list(islice(tokens, MAX_TOKENS + 1))
        self._next = 0
        if len(self._tokens) > MAX_TOKENS:
            raise _damaged(f"it has more than {MAX_TOKENS} words")

    def section(self, depth: int) -> Section:
        """Read up to the end of the section (or of the text, outermost)."""
        if depth > MAX_DEPTH:
            raise _damaged(f"its sections are nested deeper than {MAX_DEPTH}")
        found: Section = {}
        while self._next < len(self._tokens):
            kind, name = self._take()
            if (kind, name) == ("mark", "}") and depth:
                return found
            if kind == "mark":
                raise _damaged(f"{name!r} stands where a name should be")
            found[_plain(kind, name)] = self._content(depth)
        if depth:
            raise _damaged("it ends inside a section")
        return found

    def _content(self, depth: int) -> object:
        mark = self._take()
        if mark == ("mark", "{"):
            return self.section(depth + 1)
        if mark != ("mark", "="):
            raise _damaged(f"{mark[1][:40]!r} stands where '=' or '{{' should be")
        kind, text = self._take()
        return self._list() if (kind, text) == ("mark", "[") else _value(kind, text)

    def _list(self) -> list[str | int]:
        found: list[str | int] = []
        while (token := self._take()) != ("mark", "]"):
            if token != ("mark", ","):
                found.append(_value(*token))
        return found

    def _take(self) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise _damaged("it ends in the middle of a value")
        self._next += 1
        return self._tokens[self._next - 1]


def _plain(kind: str, text: str) -> str:
    return _ESCAPE.sub(r"\1", text[1:-1]) if kind == "string" else text


def _value(kind: str, text: str) -> str | int:
    if kind == "mark":
        raise _damaged(f"{text!r} stands where a value should be")
    return int(text) if kind == "word" and _NUMBER.fullmatch(text) else _plain(kind, text)
