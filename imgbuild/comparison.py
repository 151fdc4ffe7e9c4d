"""diff: two manifests in, what changed between them out, by meaning.

Lists whose items have names are compared item by item (partitions by their number, volumes by name, readiness checks by
id, problems by code), lists in which order means nothing as sets (tags). Left out is what follows from the rest or says
nothing of the image: reasons, sources, the version that built it, the run. A change is named by a JSON Pointer (RFC
6901) into the manifest, in which a named item stands under its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.documents.difference import Change, Difference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Manifest

_NAMED = {"partitions": "index", "volumes": "name", "guest": "check", "problems": "code", "others": "operation"}
_UNORDERED = frozenset({"tags"})
_SAYS_NOTHING = frozenset({"/imgbuild", "/schema", "/kind", "/expected", "/image/imgbuild", "/image/schema",
                           "/image/kind", "/image/path", "/image/run"})
_REASONS = ("why", "sources", "why_not")
_ORDER = ("/request", "/route", "/policy", "/cloud", "/derived", "/image")


def compare(before: Manifest, after: Manifest, names: tuple[str, str]) -> Difference:
    """Return what changed from one manifest to another; ``names`` is how they are called.

    A field of the request stands under ``/request/body`` alone, not once more under ``/derived``.
    """
    old, new = (_named(msgspec.to_builtins(manifest)) for manifest in (before, after))
    old["derived"], new["derived"] = _beside(old), _beside(new)
    changes = sorted(_changes("", old, new), key=lambda change: (_rank(change.pointer), change.pointer))
    return Difference(before=names[0], after=names[1], same_disk=_same_disk(before.image, after.image),
                      changes=tuple(changes))


def _same_disk(one: Inspection, other: Inspection) -> bool | msgspec.UnsetType:
    """Say whether both have the same disk, where both were read whole."""
    if not one.content or not other.content:
        return msgspec.UNSET
    return one.content.is_same_disk(other.content)


def _beside(document: dict[str, Any]) -> dict[str, Any]:
    """Return the derived values that the body does not have."""
    body = document["request"]["body"]
    return {name: field for name, field in document["derived"].items() if name not in body}


def _rank(pointer: str) -> int:
    return next((rank for rank, start in enumerate(_ORDER) if pointer.startswith(start)), len(_ORDER))


def _named(value: Any, key: str = "") -> Any:  # noqa: ANN401 - a JSON value
    """Return a value with its lists as objects by name, or sorted, where that is their meaning."""
    if isinstance(value, dict):
        return {name: _named(item, name) for name, item in value.items()}
    if not isinstance(value, (list, tuple)):
        return value
    if key in _UNORDERED:
        return sorted(value, key=str)
    by = _NAMED.get(key)
    if by is None or not all(isinstance(item, dict) and by in item for item in value):
        return [_named(item) for item in value]
    return {_free(item, by, value[:place]): _named(item) for place, item in enumerate(value)}


def _free(item: dict[str, Any], by: str, earlier: Any) -> str:  # noqa: ANN401 - the items before it
    """Return the name of an item; of several of one name, the second and further ones are numbered."""
    again = sum(other[by] == item[by] for other in earlier)
    return str(item[by]) if not again else f"{item[by]} ({again + 1})"


def _changes(pointer: str, old: Any, new: Any) -> Iterator[Change]:  # noqa: ANN401 - JSON values
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            step = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            if step not in _SAYS_NOTHING and not (name in _REASONS and pointer.startswith(("/derived", "/route"))):
                yield from _changes(step, old.get(name), new.get(name))
    elif type(old) is not type(new) or old != new:
        yield Change(pointer=pointer, before=old, after=new)
