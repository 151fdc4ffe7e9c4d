"""How far a spelling of ``__os_version`` can be trusted: an entry of the catalogue in, its reason in words out.

The built-in list was put together from documents, so that it says how old these are, and of each spelling in which way
it was seen. The list of a region needs neither: it is the server's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgbuild.documents.manifest import CatalogueFacts
    from imgbuild.documents.rules import SpellingEntry
    from imgbuild.profiles import CatalogueEntry
    from imgbuild.rulebook import RuleBook

SEEN = {
    "yes": "printed as a value",
    "likely": "in lists of the console or in somebody's tool, so likely a value",
    "unproven": "seen as a label only, so perhaps no value",
}


def catalogue_facts(book: RuleBook) -> CatalogueFacts:
    """Return where the list in force comes from, how much is in it, and for the built-in one how old it is."""
    from imgbuild.documents.manifest import CatalogueFacts  # noqa: PLC0415 - few runs state what the list is

    found = book.catalogue
    if found.exact:
        return CatalogueFacts(name=found.name, exact=True, entries=len(found.entries))
    dates = sorted({date for entry in found.entries for date in _dates(entry, book)})
    sure = {usable: sum(entry.usable == usable for entry in found.entries) for usable in SEEN}
    return CatalogueFacts(name=found.name, exact=False, entries=len(found.entries), oldest=dates[0], newest=dates[-1],
                          usable_as_os_version=sure)


def list_words(facts: CatalogueFacts) -> str:
    """Return the list in force in words: ``built in: 386 spellings, documents of 2022-04-30 to 2026-07-02``."""
    if facts.exact:
        return f"list of the region, {facts.name}: {facts.entries} spellings, exact"
    return f"built in: {facts.entries} spellings, documents of {facts.oldest} to {facts.newest}, not complete"


def trust_words(entry: CatalogueEntry, book: RuleBook) -> str:
    """Return as a reason in which way a spelling was seen, and of when the documents are."""
    if book.catalogue.exact:
        return f"spelt as in the list of the region, {book.catalogue.short_name}"
    dates = sorted(_dates(entry, book))
    when = dates[0] if len(set(dates)) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"built-in list: {SEEN[entry.usable]}, {when}"


def spelling_entry(entry: CatalogueEntry, book: RuleBook) -> SpellingEntry:
    """Return a spelling as ``imgbuild explain`` shows it."""
    from imgbuild.documents.rules import SpellingEntry  # noqa: PLC0415 - only explain shows one

    return SpellingEntry(
        os_version=entry.os_version, id=entry.id if entry.names_a_system else None, version=entry.version,
        variant=entry.variant, os_type=entry.os_type, bits=entry.bits, architecture=entry.architecture,
        platform=entry.platform, clouds=entry.clouds, usable_as_os_version=entry.usable, seen=trust_words(entry, book),
        prefer=entry.prefer, sources=tuple(book.source(source) for source in entry.sources))


def _dates(entry: CatalogueEntry, book: RuleBook) -> list[str]:
    return [date for source in entry.sources if (date := book.document(source).date) is not None]
