"""Checks of tags in the two forms of the service's own calls: ``key.value`` strings, and objects of key and value.

The first dot of a string splits it, later dots belong to the value; without a dot the value is empty
(https://support.huaweicloud.com/api-ims/ims_03_0902.html).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from imgbuild.checks.base import Case, Check, Hit, Hits, label, listed, quoted, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 8


class _Piece(NamedTuple):
    """The key or the value of a tag, with the pointer to where it stands."""

    pointer: str
    text: str
    is_of_object: bool = False


def _pieces(item: object, pointer: str, part: str) -> Iterator[_Piece]:
    if isinstance(item, str):
        key, _, value = item.partition(".")
        yield _Piece(pointer, key if part == "key" else value)
    elif isinstance(item, dict) and isinstance(item.get(part), str):
        yield _Piece(f"{pointer}/{part}", item[part], is_of_object=True)


def _pieces_of(case: Case, part: str) -> Iterator[list[_Piece]]:
    """Yield for each list of tags its keys, or its values."""
    for pointer, items in values_of(case):
        if isinstance(items, list):
            yield [piece for index, item in enumerate(items) for piece in _pieces(item, f"{pointer}/{index}", part)]


class TagLength(Check, frozen=True, kw_only=True, tag="tag-length"):
    """The ``part`` of each tag, its key or its value, has ``min`` to ``max`` characters."""

    part: Literal["key", "value"]
    min: int = 0
    max: int

    def find(self, case: Case) -> Hits:
        """Yield what is too short or too long."""
        for pieces in _pieces_of(case, self.part):
            for piece in pieces:
                if not self.min <= len(piece.text) <= self.max:
                    yield Hit(message=f"{label(piece.pointer)}: the {self.part} {quoted(piece.text)} has"
                              f" {len(piece.text)} characters: {self.min} to {self.max} are accepted",
                              pointer=piece.pointer, value=piece.text)


class TagCharacters(Check, frozen=True, kw_only=True, tag="tag-characters"):
    """The ``part`` of each tag holds ``only`` characters of a class, which ``accepts`` puts into words.

    ``trims`` is true where the cloud removes the spaces at both ends of what stands in an object.
    """

    part: Literal["key", "value"]
    only: str
    accepts: str
    trims: bool = False

    def find(self, case: Case) -> Hits:
        """Yield what holds others, and name those."""
        for pieces in _pieces_of(case, self.part):
            for piece in pieces:
                text = piece.text.strip(" ") if self.trims and piece.is_of_object else piece.text
                # re keeps what it has compiled; to compile it where there is no tag takes 3 ms for nothing.
                found = list(dict.fromkeys(re.findall(f"[^{self.only}]", text)))
                if found:
                    yield Hit(message=f"{label(piece.pointer)}: the {self.part} holds {listed(found[:MANY], 'and')}:"
                              f" accepted are {self.accepts}", pointer=piece.pointer, value=piece.text)


class TagKeysDiffer(Check, frozen=True, kw_only=True, tag="tag-keys-differ"):
    """No two tags of a list have the same key."""

    def find(self, case: Case) -> Hits:
        """Yield each key that was in the list before."""
        for pieces in _pieces_of(case, "key"):
            seen: set[str] = set()
            for piece in pieces:
                if piece.text in seen:
                    yield Hit(message=f"{label(piece.pointer)}: the key {quoted(piece.text)} is given more than once",
                              pointer=piece.pointer, value=piece.text)
                seen.add(piece.text)


class TagsBegin(Check, frozen=True, kw_only=True, tag="tags-begin"):
    """For each of ``prefixes`` a tag begins with it."""

    prefixes: tuple[str, ...]

    def find(self, case: Case) -> Hits:
        """Yield the beginnings that no tag has."""
        for at in case.at:
            tags = case.body.get(label(at))
            known = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
            for prefix in self.prefixes:
                if not any(tag.startswith(prefix) for tag in known):
                    yield Hit(message=f"no tag begins with {quoted(prefix)}", pointer=at)
