"""Which of two versions is newer: dpkg's order and rpm's.

"Debian Policy", Version, https://www.debian.org/doc/debian-policy/ch-controlfields.html#version
rpmvercmp, https://rpm-software-management.github.io/rpm/manual/dependencies.html
"""

from __future__ import annotations

import re
from itertools import zip_longest

_RELATION = re.compile(r"\s*(>=|<=|==|=|>|<)\s*(\S+)\s*")
_PARTS = re.compile(r"[0-9]+|[a-zA-Z]+|~|\^")
_TURNS = re.compile(r"([^0-9]*)([0-9]*)")
_LONGEST = 256


def parse_relation(text: str) -> tuple[str, str] | None:
    """Return sign and version of a relation such as ``>= 22.1``; ``None`` where it is none."""
    match = _RELATION.fullmatch(text)
    return None if match is None else (match[1], match[2])


def holds(kind: str, version: str, relation: str) -> bool:
    """Say whether a version stands in this relation; what has no release in the relation has none on either side."""
    sign, wanted = parse_relation(relation) or ("", "")
    if "-" not in wanted:
        version = version.rpartition("-")[0] if "-" in version else version
    if ":" not in wanted:
        version = version.partition(":")[2] if ":" in version else version
    order = compare(kind, version, wanted)
    return {">=": order >= 0, "<=": order <= 0, ">": order > 0, "<": order < 0}.get(sign, order == 0)


def compare(kind: str, one: str, other: str) -> int:
    """Return -1, 0 or 1 as ``one`` is older than, the same as or newer than ``other``."""
    for first, second in zip(_split(one), _split(other), strict=True):
        order = _compare_deb(first, second) if kind == "deb" else _compare_rpm(first, second)
        if order:
            return order
    return 0


def _split(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version[:_LONGEST].partition(":")
    upstream, _, release = (rest if colon else epoch).rpartition("-")
    return (epoch if colon else "0"), upstream or release, release if upstream else ""


def _compare_deb(one: str, other: str) -> int:
    """Compare as dpkg: texts and numbers in turns; ``~`` comes before the end, letters before other signs."""
    parts = zip_longest(_TURNS.findall(one), _TURNS.findall(other), fillvalue=("", ""))
    for (text, number), (other_text, other_number) in parts:
        pairs = zip_longest(text, other_text, fillvalue="")
        order = next((order for a, b in pairs if (order := _sign(_weight(a) - _weight(b)))), 0)
        order = order or _sign(int(number or 0) - int(other_number or 0))
        if order:
            return order
    return 0


def _weight(character: str) -> int:
    if not character:
        return 0
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 0x110000


def _compare_rpm(one: str, other: str) -> int:
    """Compare as rpm: numbers and words, the rest only separates; ``~`` comes before the end, ``^`` after it."""
    for first, second in zip_longest(_PARTS.findall(one), _PARTS.findall(other), fillvalue=""):
        if first != second:
            order = _by_mark(first, second, "~", -1) or _by_mark(first, second, "^", 1 if "" in {first, second} else -1)
            return order or _by_kind(first, second)
    return 0


def _by_mark(first: str, second: str, mark: str, order: int) -> int:
    if first == mark:
        return order
    return -order if second == mark else 0


def _by_kind(first: str, second: str) -> int:
    if first.isdigit() and second.isdigit():
        return _sign(int(first) - int(second))
    if first.isdigit() != second.isdigit() and first and second:
        return 1 if first.isdigit() else -1
    return 1 if first > second else -1


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
