"""The closed vocabulary of fixes: what a rule may say under ``fix = {kind = …}``.

What a rule found (:class:`~imgbuild.checks.base.Hit`) in, an :class:`~imgbuild.documents.findings.Edit` of the
request's text out, or nothing where what is right is not plain. A fix never guesses: it writes the one value that its
rule's documents leave. A new kind is one type here and its place in ``AnyFix``; ``rules/README.md`` lists them all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from imgbuild.checks.base import values_of
from imgbuild.documents.findings import Edit
from imgbuild.profiles import fold

if TYPE_CHECKING:
    from imgbuild.checks.base import Case, Hit


class Fix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of the kinds of fix."""

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""
        return " ".join((type(self).__doc__ or "").split()).replace("``", "`")

    def edit(self, case: Case, hit: Hit) -> Edit | None:
        """Return the edit that mends what was found."""
        raise NotImplementedError


class Suggested(Fix, frozen=True, kw_only=True, tag="suggested"):
    """Writes the value that the check names as right, where it names only one."""

    def edit(self, case: Case, hit: Hit) -> Edit | None:
        """Return the value in the place of the other."""
        del case
        return _set(hit, hit.choices[0]) if len(hit.choices) == 1 else None


class Spelling(Fix, frozen=True, kw_only=True, tag="spelling"):
    """Writes the only one of the right values, or keys, that differs in case, spaces and punctuation alone."""

    def edit(self, case: Case, hit: Hit) -> Edit | None:
        """Return the right spelling."""
        alike = [choice for choice in hit.choices if isinstance(choice, str) and isinstance(hit.value, str)
                 and fold(choice) == fold(hit.value)]
        if len(alike) != 1:
            return None
        return _rename(case, hit, alike[0]) if hit.on_key else _set(hit, alike[0])


class Set(Fix, frozen=True, kw_only=True, tag="set"):
    """Writes ``value``, also where the field is missing."""

    value: str | int | bool

    def edit(self, case: Case, hit: Hit) -> Edit | None:
        """Return the value in its place."""
        del case
        return _set(hit, self.value)


class Remove(Fix, frozen=True, kw_only=True, tag="remove"):
    """Takes out the item or the member."""

    def edit(self, case: Case, hit: Hit) -> Edit | None:
        """Return the removal."""
        del case
        return Edit(action="remove", pointer=hit.pointer) if hit.pointer else None


class Trim(Fix, frozen=True, kw_only=True, tag="trim"):
    """Takes the spaces at both ends off a string, unless nothing would be left."""

    def edit(self, case: Case, hit: Hit) -> Edit | None:
        """Return the string without them."""
        del case
        return _set(hit, hit.value.strip(" ")) if isinstance(hit.value, str) and hit.value.strip(" ") else None


class Separator(Fix, frozen=True, kw_only=True, tag="separator"):
    """Writes ``new`` for ``old`` in an item of a list of strings that has ``old`` once and ``new`` nowhere."""

    old: str
    new: str

    def edit(self, case: Case, hit: Hit) -> Edit | None:
        """Return the item with the other separator."""
        found = dict(values_of(case)).get((hit.pointer or "").rpartition("/")[0])
        index = (hit.pointer or "").rpartition("/")[2]
        item = found[int(index)] if isinstance(found, list) and index.isdecimal() else None
        if not isinstance(item, str) or item.count(self.old) != 1 or self.new in item:
            return None
        return _set(hit, item.replace(self.old, self.new))


class Mark(Fix, frozen=True, kw_only=True, tag="byte-order-mark"):
    """Takes the byte order mark off the text."""

    def edit(self, case: Case, hit: Hit) -> Edit | None:
        """Return the removal, where there is a mark."""
        del hit
        problems = case.context.document.problems if case.context.document is not None else ()
        marked = any(problem.code == "json-bom" for problem in problems)
        return Edit(action="remove-mark", pointer="") if marked else None


class Repeated(Fix, frozen=True, kw_only=True, tag="repeated-key"):
    """Takes out a key that is given again with the very same value; which of two values is meant, nobody knows."""

    def edit(self, case: Case, hit: Hit) -> Edit | None:
        """Return the removal of the last one."""
        document = case.context.document
        if document is None or hit.pointer not in document.repeated_alike:
            return None
        # A pointer names the last of several; what is repeated inside an earlier one is out of its reach.
        is_last = document.key_position_of(hit.pointer or "") == hit.position
        return Edit(action="remove", pointer=hit.pointer or "") if is_last else None


AnyFix = Suggested | Spelling | Set | Remove | Trim | Separator | Mark | Repeated

KINDS: dict[str, type[Fix]] = {str(kind.__struct_config__.tag): kind for kind in AnyFix.__args__}


_folded = lru_cache(maxsize=4096)(fold)  # each of many keys is compared with all the others


def _set(hit: Hit, value: object) -> Edit | None:
    return None if hit.pointer is None else Edit(action="set", pointer=hit.pointer, value=value)


def _rename(case: Case, hit: Hit, key: str) -> Edit | None:
    """Return the other key, unless the object has it or another key that means it: which of the two is meant then?"""
    document, pointer = case.context.document, hit.pointer or ""
    parent = document.find(pointer.rpartition("/")[0]) if document is not None else None
    alike = [name for name in (parent[1].members or () if parent else ())
             if isinstance(name, str) and _folded(name) == _folded(key)]
    return Edit(action="rename", pointer=pointer, key=key) if len(alike) == 1 else None
