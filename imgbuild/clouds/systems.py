"""From the system in the guest to the catalogue's spelling of it.

The order is the design's: exact on this cloud; the same distribution, major version and architecture on this cloud;
the same on a sister cloud; else nothing. Never across distributions, major versions or architectures: a name that is
nearly right makes a server that is wrong.

A spelling that was seen as a label only is no value. It leads to the spelling to prefer, if there is one: the cloud's
own images for Arm are called ``… with ARM``, but a real answer has the plain spelling. Without one it is named in
messages, and not written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from imgbuild.numbering import distribution, major_version, release_numbers, version_numbers
from imgbuild.profiles import edition_words, exact_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgbuild.model import OperatingSystem
    from imgbuild.profiles import Catalogue, CatalogueEntry, Profile

Grade = Literal["exact", "near", "sister", "label", "none"]

ARCHITECTURES = {"x86_64": "x86", "x86": "x86", "aarch64": "arm", "arm": "arm"}

# Systems of their own under the id of another, which no catalogue lists.
_OF_ITS_OWN = frozenset({"kitten", "rawhide"})


@dataclass(frozen=True)
class Match:
    """The entry for a system, how it was found, and on which cloud it is listed.

    ``label`` is the entry that led to it, where that is a label. The grade ``label`` is of such an entry alone.
    """

    grade: Grade
    entry: CatalogueEntry | None = None
    cloud: str | None = None
    label: CatalogueEntry | None = None

    @property
    def value(self) -> str | None:
        """The value to write; ``None`` where there is none."""
        return None if self.entry is None or self.grade == "label" else self.entry.os_version


class _Row(NamedTuple):
    """A row of the catalogue, and the entry whose spelling is the value for it."""

    known: CatalogueEntry
    entry: CatalogueEntry


def match_system(system: OperatingSystem, catalogue: Catalogue, profile: Profile) -> Match:
    """Return the best entry for ``system`` in the order of the design."""
    same = [entry for entry in catalogue.of_system(distribution(system.id, system.name)) if _is_for(entry, system)]
    clouds = (profile.name, *profile.sisters)
    for cloud in clouds:
        listed = [row for entry in same if (row := _row(entry, catalogue, cloud)) is not None]
        exact = _best_exact(listed, system)
        found = exact or _best_near(listed, system)
        if found is not None:
            grade: Grade = "sister" if cloud != profile.name else "exact" if exact else "near"
            return Match(grade, found.entry, cloud, None if found.known is found.entry else found.known)
    for cloud in clouds:
        label = _best_exact((_Row(entry, entry) for entry in same if cloud in entry.clouds), system)
        if label is not None:
            return Match("label", catalogue.find(label.known.prefer or "") or label.known, cloud, label.known)
    return Match("none")


def closest_entry(system: OperatingSystem, catalogue: Catalogue) -> CatalogueEntry | None:
    """Return the entry of the same distribution on any cloud that is closest in version, to name in a message.

    A label of exactly this system is closer than the value for another release.
    """
    if not version_numbers(system.version):
        return None
    same = [entry for entry in catalogue.of_system(distribution(system.id, system.name)) if _is_for(entry, system)]
    exact = _best_exact((_Row(entry, entry) for entry in same), system)
    if exact is not None:
        return exact.entry
    listed = [entry for entry in same if entry.usable != "unproven"]
    return min(listed, key=lambda entry: _distance(entry, system), default=None)


def _row(entry: CatalogueEntry, catalogue: Catalogue, cloud: str) -> _Row | None:
    if entry.listed_on(cloud):
        return _Row(entry, entry)
    preferred = catalogue.find(entry.prefer) if entry.prefer and cloud in entry.clouds else None
    return _Row(entry, preferred) if preferred is not None and preferred.listed_on(cloud) else None


def _is_for(entry: CatalogueEntry, system: OperatingSystem) -> bool:
    architecture = ARCHITECTURES.get(system.architecture or "")
    same_machine = entry.bits == system.bits and entry.architecture == architecture
    return same_machine and _same_variant(entry, system)


def _same_variant(entry: CatalogueEntry, system: OperatingSystem) -> bool:
    stream = "stream" in (system.name or "").lower() or system.variant == "stream"
    if (system.variant or "") in _OF_ITS_OWN:
        return False
    return (entry.variant == "stream") == (system.id == "centos" and stream)


def _best_exact(rows: Iterable[_Row], system: OperatingSystem) -> _Row | None:
    exact = [row for row in rows if _is_exact(row.known, system)]
    # The longest version says most: of 7 and 7.9 for a 7.9.2009 guest, 7.9.
    return max(exact, key=lambda row: (len(row.known.numbers), _trust(row)), default=None)


def _is_exact(entry: CatalogueEntry, system: OperatingSystem) -> bool:
    if entry.id == "windows":
        editions = edition_words(system.edition)
        return _is_same_product(entry, system) and (entry.variant is None or editions == edition_words(entry.variant))
    if {entry.id, system.id} == {"sles", "sles_sap"}:
        return False  # what is installed on top makes it a product of its own, on the same base
    listed, known = entry.numbers, _known(system)
    if entry.version == system.version and len(listed) == len(version_numbers(entry.version)):
        return True
    if len(known) > 1:
        listed = listed[: len(known)] + tuple(filter(None, listed[len(known) :]))  # 8.2 is 8.2.0
    return len(listed) > 1 and known[: len(listed)] == listed


def _is_same_product(entry: CatalogueEntry, system: OperatingSystem) -> bool:
    return bool(entry.numbers) and major_version("windows", system.version) == entry.numbers


def _best_near(rows: list[_Row], system: OperatingSystem) -> _Row | None:
    if system.id == "windows":
        products = [row for row in rows if _is_same_product(row.known, system)]
        return min(products, key=lambda row: (_other_edition(row.known, system), -_trust(row)), default=None)
    major = major_version(system.id, exact_version(system))
    near = [row for row in rows if major and major_version(row.known.id, row.known.version) == major]
    return min(near, key=lambda row: (*_distance(row.known, system), -_trust(row)), default=None)


def _other_edition(entry: CatalogueEntry, system: OperatingSystem) -> int:
    """Return how far the edition is off: the place in the guest's own list, then Standard before all others."""
    editions, word = edition_words(system.edition), edition_words(entry.variant)
    if word and word[0] in editions:
        return editions.index(word[0])
    return len(editions) + (word != ("standard",))


def _known(system: OperatingSystem) -> tuple[int, ...]:
    return release_numbers(system.id, exact_version(system))


def _distance(entry: CatalogueEntry, system: OperatingSystem) -> tuple[int, int, int]:
    listed, known = entry.numbers, _known(system)
    width = max(len(listed), len(known), 3)
    gaps = [a - b for a, b in zip(_padded(listed, width), _padded(known, width), strict=True)]
    return abs(gaps[0]), abs(gaps[1]), abs(gaps[2])


def _padded(numbers: tuple[int, ...], width: int) -> tuple[int, ...]:
    return numbers + (0,) * (width - len(numbers))


def _trust(row: _Row) -> int:
    return 2 * (row.entry.usable == "yes") + (row.entry.prefer is None)
