"""Words of a rule book that lead elsewhere: its tables in; what leads nowhere, and what nothing leads to, out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.defaults import DEFAULT_CLOUD
from imgbuild.rulebook.inheritance import WITHOUT
from imgbuild.rulebook.packs import BASE, pack_files, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.rulebook import RuleBook
    from imgbuild.rulebook.packs import Packs
    from imgbuild.rulebook.rules import Rule

_SOURCES = frozenset({"sources", "server_set_sources"})
_CODES = frozenset({"errors", "missing_errors", "size_errors"})


def unused_sources(book: RuleBook, packs: Packs) -> list[str]:
    """Return the documents of the packs that no rule, value, code or row of them cites."""
    cited = {word for path in _paths(packs) for table in [read_toml(path)] for key, value in table.items()
             if key != "sources" for word in _strings(value)}
    cited |= {source for entry in book.catalogue.entries for source in entry.sources}
    return [source for source in packs.sources if source not in cited]


def _paths(packs: Packs) -> list[str]:
    return [path for name in packs.chain for path in pack_files(name)]


def _strings(value: object) -> Iterator[str]:
    """Yield all strings in a table, its keys as well."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def dead_references(book: RuleBook, packs: Packs) -> Iterator[tuple[str, str, str]]:
    """Yield the words that lead nowhere, each with the file it stands in and the cure."""
    own = {BASE, packs.chain[-1]}  # what a pack takes away, those below it may still name
    for path in (path for name in packs.chain if name in own for path in pack_files(name)):
        # The codes of common rules are those of the default cloud, and of the clouds that inherit it.
        has_codes = DEFAULT_CLOUD in packs.chain or path not in pack_files(BASE)
        for key, word in _named({key: value for key, value in read_toml(path).items() if key != WITHOUT}):
            if key in _SOURCES and word not in book.sources and not _in_catalogue(book, word):
                yield path, f"there is no source {word!r}", f"add [sources.{word}]"
            if key in _CODES and has_codes and word not in book.all_errors:
                yield path, f"there is no error code {word!r}", "add it to the table of errors"


def _in_catalogue(book: RuleBook, source: str) -> bool:
    return any(source in entry.sources for entry in book.catalogue.entries)


def _named(value: object) -> Iterator[tuple[str, str]]:
    """Yield the words in lists, with the key that each list stands under."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, list):
                yield from ((key, word) for word in inner if isinstance(word, str))
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def dead_words(rule: Rule, book: RuleBook) -> Iterator[tuple[str, str, str]]:
    """Yield the operations and fields of a rule that its cloud does not have."""
    known = book.profile.operations
    for operation in rule.operations:
        if operation not in known:
            yield "dead", f"there is no operation {operation!r}", f"one of: {', '.join(sorted(known))}"
    fields = _fields(book)
    for pointer in rule.places:
        first = pointer.removeprefix("/").partition("/")[0]
        if fields and first not in fields:
            yield "dead", f"no operation has a field {first!r}", "point at a field of the request"


def _fields(book: RuleBook) -> frozenset[str]:
    """Return the fields of all calls, and those that the server alone sets."""
    profile = book.profile
    found: set[Any] = set(profile.custom_properties) | set(profile.server_set) | set(profile.response)
    for operation in profile.operations.values():
        found |= set(operation.fields)
    return frozenset(found)

