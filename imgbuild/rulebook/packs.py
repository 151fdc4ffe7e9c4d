"""Find and read rule packs: the name of a cloud in, the tables of its packs out, base first.

A pack is a folder of TOML files. ``common`` is the base of all; a cloud's pack has a ``cloud.toml``, whose ``inherits``
names further packs below it. In any file ``[sources.ID]``, ``[errors]`` and ``[[rule]]`` may stand; what else is there
makes up the cloud's profile, a later pack's value taking the place of an earlier one's key by key. A ``[[rule]]`` of an
id that a lower pack has changes only the keys it gives, as an error code does. What a cloud does not have of the packs
below it, its ``[without]`` takes away.

The packs are looked for in the installed package (``imgbuild/_rules``) first, then beside the checkout (``rules/``).
In the package the tables of each file lie beside it as JSON, which is read in a tenth of the time; they count only
while the file is the one that they were made of.
"""

from __future__ import annotations

import os
import re
import zlib
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.defaults import ALL
from imgbuild.errors import RuleBookError, UsageError
from imgbuild.rulebook.inheritance import WITHOUT, in_order, merged, not_there, own_first, taken_away
from imgbuild.rulebook.places import at_line, line_of, line_of_rule
from imgbuild.stamps import stamp_of_file

if TYPE_CHECKING:
    from imgbuild.stamps import Stamp

BASE = "common"
CLOUD_FILE = "cloud.toml"
CATALOGUE_FILE = "os_versions.toml"
OTHER_ERRORS = "errors_other"
OTHER_ERRORS_FILE = f"{OTHER_ERRORS}.toml"
MOST_BYTES = 4 << 20
"""Bytes of a file of rules; the largest of ours has 110 KB."""
# What may stand in any file of a pack and is no value that inspection takes.
_NO_VALUES = frozenset({"sources", "errors", "rule", "operations", "response", "custom_properties", WITHOUT})
READ_WHEN_ASKED = frozenset({CATALOGUE_FILE, OTHER_ERRORS_FILE})


class Packs(msgspec.Struct):
    """The tables of a chain of packs. ``origin`` says for each rule and source which file had it first.

    ``own`` are the ids of rules that a person wrote or changed, ``gone`` the error codes that only a lower pack has.
    """

    chain: tuple[str, ...]
    rules: dict[str, dict[str, Any]] = {}
    sources: dict[str, dict[str, Any]] = {}
    errors: dict[str, dict[str, Any]] = {}
    profile: dict[str, Any] = {}
    origin: dict[str, str] = {}
    own: set[str] = set()
    gone: set[str] = set()

    def take_away(self, places: dict[str, list[str]], path: str) -> None:
        """Take away what a cloud does not have of the packs below it; raises RuleBookError for what is not there."""
        known = {**self.profile, "rules": self.rules, "errors": self.errors}
        places = {place: names for place, names in places.items() if place != OTHER_ERRORS}  # read when asked for
        for name in not_there(known, places):
            raise RuleBookError(f"{shown(path)}: [without] names {name!r}, which no pack below has",
                                cure="remove it, or mend its spelling")
        left = taken_away(known, places)
        self.gone |= set(self.errors) - set(left["errors"])
        self.rules, self.errors = left.pop("rules"), left.pop("errors")
        self.profile = left

    def name_own_documents_first(self) -> None:
        """Put the cloud's own documents before those of the clouds it inherits, in rules, codes and values."""
        own = _own_documents(self.profile)
        self.profile, self.errors = own_first(self.profile, own), own_first(self.errors, own)
        if own:
            self.rules = {rule_id: {**rule, "sources": in_order(rule.get("sources", []), own)}
                          for rule_id, rule in self.rules.items()}

    def add_sources(self, tables: dict[str, dict[str, Any]], path: str) -> None:
        """Add the documents of a file; raises RuleBookError where one of that id is another document."""
        for key, value in tables.items():
            if self.sources.setdefault(key, value) != value:
                raise RuleBookError(f"{shown(path)}: the source {key!r} is another one in {shown(self.origin[key])}",
                                    cure="give one of them another id")
            self.origin.setdefault(key, path)

    def add_rule(self, rule: dict[str, Any], path: str, pack: str, seen: set[str]) -> None:
        """Add a rule of a file, or what it says anew of one that is there; ``seen`` are the ids that ``pack`` has."""
        rule_id: str = rule["id"]
        if rule_id in seen:
            raise RuleBookError(f"{at_line(shown(path), line_of(path, rule_id))}: the rule {rule_id!r} stands in {pack}"
                                " twice", cure="give one of them another id")
        seen.add(rule_id)
        self.rules[rule_id] = {**self.rules.get(rule_id, {}), **rule, "pack": pack}
        self.origin[rule_id] = path


@cache
def folder() -> str:
    """Return the folder of the packs; raises RuleBookError where there is none."""
    here = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    for candidate in (os.path.join(here, "_rules"), os.path.join(os.path.dirname(here), "rules")):
        if os.path.isdir(os.path.join(candidate, BASE)):
            return candidate
    raise RuleBookError(f"no rule packs beside {here}", cure="reinstall imgbuild")


def clouds() -> tuple[str, ...]:
    """Return the names of the clouds that have a pack."""
    return tuple(sorted(name for name in os.listdir(folder()) if os.path.isfile(_path(name, CLOUD_FILE))))


def read_values(cloud: str) -> dict[str, Any]:
    """Return the merged ``cloud.toml`` of a cloud and of what it inherits."""
    values: dict[str, Any] = {}
    for name in chain_of(cloud)[1:]:
        table = read_toml(_path(name, CLOUD_FILE))
        own = {key: value for key, value in table.items() if key not in _NO_VALUES}
        values = merged(taken_away(values, table.get(WITHOUT, {})), own)
    return own_first(values, _own_documents(values))


def _own_documents(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(values.get("own_documents", ()))


def read_packs(cloud: str) -> Packs:
    """Return all tables of a cloud's packs but those that are read when somebody asks."""
    packs = Packs(chain_of(cloud))
    for name in packs.chain:
        seen: set[str] = set()
        if name != BASE:
            packs.take_away(read_toml(_path(name, CLOUD_FILE)).get(WITHOUT, {}), _path(name, CLOUD_FILE))
        for path in pack_files(name):
            if os.path.basename(path) not in READ_WHEN_ASKED:
                _add(packs, path, name, seen)
    packs.name_own_documents_first()
    return packs


def pack_files(name: str) -> list[str]:
    """Return the paths of all files of a pack."""
    return [_path(name, file) for file in sorted(os.listdir(_path(name))) if file.endswith(".toml")]


def read_other_errors(cloud: str) -> dict[str, dict[str, Any]]:
    """Return the codes that answer other calls than those that make an image from a file."""
    found: dict[str, Any] = {OTHER_ERRORS: {}}
    for name in chain_of(cloud)[1:]:
        found = taken_away(found, read_toml(_path(name, CLOUD_FILE)).get(WITHOUT, {}))
        path = _path(name, OTHER_ERRORS_FILE)
        if os.path.isfile(path):
            found = merged(found, {OTHER_ERRORS: read_toml(path).get("errors", {})})
    return own_first(found[OTHER_ERRORS], _own_documents(read_values(cloud)))


def chain_of(cloud: str) -> tuple[str, ...]:
    """Return the packs of a cloud, base first; raises UsageError for a cloud without a pack."""
    if cloud not in clouds():
        cure = "imgbuild check --cloud all IMAGE asks them all" if cloud == ALL else f"one of: {', '.join(clouds())}"
        raise UsageError(f"no cloud {cloud!r}", cure=cure)
    return (BASE, *_ancestors(cloud, ()))


def _ancestors(cloud: str, below: tuple[str, ...]) -> tuple[str, ...]:
    if cloud in below or cloud not in clouds():
        raise RuleBookError(f"the pack {below[-1]!r} cannot inherit {cloud!r}", cure="name another pack of a cloud")
    found: dict[str, None] = {}
    for parent in read_toml(_path(cloud, CLOUD_FILE)).get("inherits", ()):
        found.update(dict.fromkeys(_ancestors(parent, (*below, cloud))))
    return (*found, cloud)


def identified(rules: list[dict[str, Any]], path: str) -> list[dict[str, Any]]:
    """Return the rules of a file; raises RuleBookError where one of them has no id."""
    for number, rule in enumerate(rules):
        if not isinstance(rule.get("id"), str):
            raise RuleBookError(f"{at_line(shown(path), line_of_rule(path, number))}: a rule has no id",
                                cure='begin it with id = "..."')
    return rules


def read_toml(path: str) -> dict[str, Any]:
    """Return the tables of a file, read once; raises RuleBookError where it cannot be read or is no TOML."""
    return _read_toml(path, stamp_of_file(path))


@lru_cache(512)
def _read_toml(path: str, _stamp: Stamp) -> dict[str, Any]:
    if not os.path.isfile(path):
        raise RuleBookError(f"{shown(path)}: it is no regular file", cure="move it away, or put a file in its place")
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
        compiled = _read_compiled(f"{path}.json")
        return compiled.tables if compiled is not None and compiled.crc32 == zlib.crc32(data) else _parse(data)
    except OSError as error:
        raise RuleBookError(f"{shown(path)}: {error.strerror}", cure="make it a file that can be read") from error
    except (ValueError, RecursionError) as error:
        raise _no_toml(path, str(error)) from error


def _no_toml(path: str, error: str) -> RuleBookError:
    """Return what is wrong with a file that is no TOML, with the place where the reader stopped."""
    place = re.search(r" \((?:at line (\d+), column (\d+)|at end of document)\)", error)
    if place is None:
        what = "tables lie too deep in each other" if "recursion" in error else error
        return RuleBookError(f"{shown(path)}: {what}", cure="mend the file")
    where = f"{place[1]}:{place[2]}" if place[1] else "at its end"
    return RuleBookError(f"{shown(path)}:{where}: {error[: place.start()]}", cure="mend the file there")


class _Compiled(msgspec.Struct, frozen=True):
    """What ``hatch_build.py`` puts beside a file in a wheel: its tables, and the checksum of the bytes they are of."""

    crc32: int
    tables: dict[str, Any]


def _read_compiled(path: str) -> _Compiled | None:
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(), type=_Compiled)
    except (OSError, msgspec.DecodeError):
        return None


def _parse(data: bytes) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - 3 ms that an installed package does not need

    if len(data) > MOST_BYTES:
        raise ValueError(f"it has over {MOST_BYTES} bytes: no file of rules has")
    return tomllib.loads(_decoded(data))


def _decoded(data: bytes) -> str:
    """Return the text, without the mark that some editors put before it."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = data[: error.start]
        line, column = start.count(b"\n") + 1, error.start - start.rfind(b"\n")
        encoding = "UTF-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "another encoding"
        raise ValueError(f"it is no UTF-8 but {encoding} (at line {line}, column {column})") from error


def shown(path: str) -> str:
    """Return how a file is called in messages: ``rules/common/qcow2.toml`` for ours, its path for anybody else's."""
    is_ours = os.path.dirname(os.path.dirname(path)) == os.fspath(folder())
    return "/".join(("rules", *path.split(os.sep)[-2:])) if is_ours else path


def _path(*names: str) -> str:
    return os.path.join(folder(), *names)


def _add(packs: Packs, path: str, pack: str, seen: set[str]) -> None:
    tables = {key: value for key, value in read_toml(path).items() if key != WITHOUT}
    packs.add_sources(tables.pop("sources", {}), path)
    packs.errors = merged(packs.errors, tables.pop("errors", {}))
    for rule in identified(tables.pop("rule", []), path):
        packs.add_rule(rule, path, pack, seen)
    packs.profile = merged(packs.profile, tables)
