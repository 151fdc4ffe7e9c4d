"""What a pack takes over from the packs below it and what it takes away, and whose documents it names first.

``[without]`` in a cloud's ``cloud.toml`` maps a place in the profile (``disk_formats``, ``operations.action.fields``),
or ``rules`` and ``errors``, to the names there that this cloud does not have. ``own_documents`` are the beginnings of
the ids of its own documents: where a rule or a value cites several, those come first, since the first is the reading
taken. Tables are read once and shared, so nothing here changes one in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHOUT = "without"


def taken_away(values: dict[str, Any], places: dict[str, list[str]]) -> dict[str, Any]:
    """Return the tables of a profile less the names that ``places`` lists for a place; others are passed over."""
    for place, names in places.items():
        values = _less(values, place.split("."), names)
    return values


def _less(table: dict[str, Any], place: list[str], names: list[str]) -> dict[str, Any]:
    if not place:
        return {key: value for key, value in table.items() if key not in names}
    below = table.get(place[0])
    return {**table, place[0]: _less(below, place[1:], names)} if isinstance(below, dict) else table


def not_there(values: dict[str, Any], places: dict[str, list[str]]) -> Iterator[str]:
    """Yield what ``places`` takes away although it is not there, as ``disk_formats.iso``."""
    for place, names in places.items():
        table: Any = values
        for key in place.split("."):
            table = table.get(key) if isinstance(table, dict) else None
        yield from (f"{place}.{name}" for name in names if not isinstance(table, dict) or name not in table)


def own_first(table: dict[str, Any], own: tuple[str, ...]) -> dict[str, Any]:
    """Return a table in which each list of ``sources`` begins with the documents whose ids begin with ``own``."""
    if not own:
        return table
    return {key: value if not isinstance(value, (dict, list)) else in_order(value, own) if key == "sources"
            else _own_first(value, own) for key, value in table.items()}


def _own_first(value: Any, own: tuple[str, ...]) -> Any:  # noqa: ANN401 - a table, a list or a leaf of TOML
    if isinstance(value, dict):
        return own_first(value, own)
    return [_own_first(item, own) for item in value] if isinstance(value, list) and value and isinstance(
        value[0], dict) else value


def in_order(sources: Any, own: tuple[str, ...]) -> Any:  # noqa: ANN401 - what a pack has for sources, seen later
    """Return ids of documents, those that begin with the first of ``own`` first; others keep their order."""
    mine = [source for source in sources if isinstance(source, str) and source.startswith(own)]
    if not mine or not isinstance(sources, list):
        return sources
    ordered = [source for start in own for source in mine if source.startswith(start)]
    return list(dict.fromkeys((*ordered, *sources)))


def merged(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the values of ``top``; tables are merged key by key, all else is replaced."""
    both = {key: merged(base[key], value) for key, value in top.items()
            if isinstance(value, dict) and isinstance(base.get(key), dict)}
    return {**base, **top, **both}
