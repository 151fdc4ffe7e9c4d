"""From the system in the guest to the catalogue's spelling of it.

The order is the design's: exact on this cloud; the same distribution, major version and architecture on this cloud;
the same on a sister cloud; else nothing. Never across distributions, major versions or architectures: a name that is
nearly right makes a server that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imgbuild.profiles import exact_version, major_version, version_numbers

if TYPE_CHECKING:
    from imgbuild.model import OperatingSystem
    from imgbuild.profiles import Catalogue, CatalogueEntry, Profile

Grade = Literal["exact", "near", "sister", "none"]

ARCHITECTURES = {"x86_64": "x86", "x86": "x86", "aarch64": "arm", "arm": "arm"}


@dataclass(frozen=True)
class Match:
    """The entry for a system, how it was found, and on which cloud it is listed."""

    grade: Grade
    entry: CatalogueEntry | None = None
    cloud: str | None = None


def match_system(system: OperatingSystem, catalogue: Catalogue, profile: Profile) -> Match:
    """Return the best entry for ``system`` in the order of the design."""
    candidates = [entry for entry in catalogue.of_system(system.id or "") if _same_machine(entry, system)]
    for cloud in (profile.name, *profile.sisters):
        listed = [entry for entry in candidates if entry.listed_on(cloud)]
        exact = _best_exact(listed, system)
        found = exact or _best_near(listed, system)
        if found is not None:
            grade: Grade = "sister" if cloud != profile.name else "exact" if exact else "near"
            return Match(grade, found, cloud)
    return Match("none")


def closest_entry(system: OperatingSystem, catalogue: Catalogue) -> CatalogueEntry | None:
    """Return the entry of the same distribution on any cloud that is closest in version, to name in a message."""
    if not version_numbers(system.version):
        return None
    listed = (entry for entry in catalogue.of_system(system.id or "") if entry.usable != "unproven")
    candidates = [entry for entry in listed if _same_machine(entry, system)]
    return min(candidates, key=lambda entry: _distance(entry, system), default=None)


def _same_machine(entry: CatalogueEntry, system: OperatingSystem) -> bool:
    architecture = ARCHITECTURES.get(system.architecture or "")
    return entry.bits == system.bits and entry.architecture == architecture and _same_variant(entry, system)


def _same_variant(entry: CatalogueEntry, system: OperatingSystem) -> bool:
    """Say whether the editions of a Windows, or the streams of CentOS, are the same; some entries name no edition."""
    if system.id == "windows":
        edition = (system.edition or "").partition(":")[0].casefold()
        return entry.variant is None or entry.variant.casefold() == edition
    stream = "stream" in (system.name or "").lower() or system.variant == "stream"
    return (entry.variant == "stream") == (system.id == "centos" and stream)


def _best_exact(entries: list[CatalogueEntry], system: OperatingSystem) -> CatalogueEntry | None:
    exact = [entry for entry in entries if _is_exact(entry, system)]
    # The longest version says most: of 7 and 7.9 for a 7.9.2009 guest, 7.9.
    return max(exact, key=lambda entry: (len(entry.numbers), _trust(entry)), default=None)


def _is_exact(entry: CatalogueEntry, system: OperatingSystem) -> bool:
    listed, known = entry.numbers, version_numbers(exact_version(system))
    if entry.version == system.version and len(listed) == len(version_numbers(entry.version)):
        return True
    if len(known) > 1:
        listed = listed[: len(known)] + tuple(filter(None, listed[len(known) :]))  # 8.2 is 8.2.0
    return len(listed) > 1 and known[: len(listed)] == listed


def _best_near(entries: list[CatalogueEntry], system: OperatingSystem) -> CatalogueEntry | None:
    major = major_version(system.id, exact_version(system))
    near = [entry for entry in entries if major and major_version(entry.id, entry.version) == major]
    return min(near, key=lambda entry: (*_distance(entry, system), -_trust(entry)), default=None)


def _distance(entry: CatalogueEntry, system: OperatingSystem) -> tuple[int, int, int]:
    listed, known = entry.numbers, version_numbers(exact_version(system))
    width = max(len(listed), len(known), 3)
    gaps = [a - b for a, b in zip(_padded(listed, width), _padded(known, width), strict=True)]
    return abs(gaps[0]), abs(gaps[1]), abs(gaps[2])


def _padded(numbers: tuple[int, ...], width: int) -> tuple[int, ...]:
    return numbers + (0,) * (width - len(numbers))


def _trust(entry: CatalogueEntry) -> int:
    return 2 * (entry.usable == "yes") + (entry.prefer is None)
