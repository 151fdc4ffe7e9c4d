"""Rules of a person's own: a folder of TOML files in, added to the packs of a cloud.

A file holds ``[[rule]]`` and ``[sources.ID]``, as the files of a pack do. A rule whose id the book has changes only the
keys that it gives: ``severity = "note"``. A new one needs an id, a severity and a check; what it does not say of title,
reason, cure and document, it is given.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from imgbuild.errors import RuleBookError
from imgbuild.rulebook.packs import identified, read_toml
from imgbuild.rulebook.places import at_line, line_of, line_of_name

if TYPE_CHECKING:
    from imgbuild.rulebook.packs import Packs

PACK = "own"
_TABLES = ("rule", "sources")


def add_own(packs: Packs, folder: str) -> None:
    """Add the rules of all TOML files in a folder; raises RuleBookError where one does not hold together."""
    seen: set[str] = set()
    for path in _files(folder):
        tables = read_toml(path)
        _check(path, tables)
        packs.add_sources(tables.get("sources", {}), path)
        for rule in identified(tables.get("rule", []), path):
            known = packs.rules.get(rule["id"])
            # What is changed still speaks for the pack that it is of.
            packs.own.add(rule["id"])
            packs.add_rule(rule if known else _completed(packs, rule, path), path, known["pack"] if known else PACK,
                           seen)


def _files(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise RuleBookError(f"cannot read the rules in {folder!r}: {error.strerror}",
                            cure="name a folder of TOML files") from error
    files = [os.path.join(folder, name) for name in names if name.endswith(".toml")]
    if not files:
        raise RuleBookError(f"there is no file of rules in {folder!r}", cure="name a folder of TOML files")
    return files


def _check(path: str, tables: dict[str, Any]) -> None:
    """Refuse what is no rule and no source, before anything is made of it."""
    for name, value in tables.items():
        if name not in _TABLES:
            raise RuleBookError(f"{at_line(path, line_of_name(path, name))}: {name!r} is neither a rule nor a source",
                                cure="begin each rule with [[rule]], each document with [sources.ID]")
        items = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
        if isinstance(value, dict) == (name == "rule") or not all(isinstance(item, dict) for item in items):
            wanted = "[[rule]]" if name == "rule" else "[sources.ID]"
            raise RuleBookError(f"{at_line(path, line_of_name(path, name))}: {name!r} is no table of that kind",
                                cure=f"begin it with {wanted}")


def _completed(packs: Packs, rule: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a new rule with all that a rule has."""
    rule_id = rule["id"]
    name = f"own-{os.path.basename(path).removesuffix('.toml')}"
    packs.add_sources({name: {"title": f"own rules, {os.path.basename(path)}", "kind": "own"}}, path)
    kind = rule["check"].get("kind", "") if isinstance(rule.get("check"), dict) else ""
    group = "guest" if str(kind).startswith("guest") else "request"
    line = line_of(path, rule_id)
    return {"title": rule_id.replace("-", " "), "group": group, "sources": [name],
            "why": "This is a rule of your own.", "hint": f"See {os.path.basename(path)}{f':{line}' if line else ''}.",
            **rule}
