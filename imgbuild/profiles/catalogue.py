"""The spellings of ``__os_version``: which system each stands for, on which clouds, and which is near another."""

# Without the future import, as in model.py.
import os
import re
from functools import cached_property
from typing import Literal

from imgbuild.model import OperatingSystem
from imgbuild.numbering import is_same_system, version_numbers
from imgbuild.profiles.leaf import Leaf

ARM = frozenset({"aarch64", "arm"})
"""The architectures of guests, 64 and 32 bit, that the clouds call arm."""
SERVICE_PACK = re.compile(r"(?:SP|U)\d+")
_PUNCTUATION = re.compile(r"[\W_]+")
UNKNOWN_SYSTEM = "unknown"
"""The ``id`` of a spelling in a region's list that no row of the built-in catalogue explains."""

LONGEST_SPELLING = 100

_EDITION_ENDS = ("evalcore", "evalcor", "eval", "core", "cor")


def edition_words(editions: str | None) -> tuple[str, ...]:
    """Return the editions of a Windows so that two ways to write one are equal: ``ServerStandard``, ``Standard``.

    What stands behind a colon is a part of the edition (``Datacenter: Azure Edition``).
    """
    words = [fold(part.partition(":")[0]).removeprefix("server") for part in (editions or "").split(",")]
    for end in _EDITION_ENDS:
        words = [word.removesuffix(end) or word for word in words]
    return tuple(word for word in words if word)


class CatalogueEntry(Leaf, frozen=True, kw_only=True):
    """One spelling of ``__os_version`` and what it stands for.

    ``id`` and ``version`` are as os-release would say them (``sles`` ``15.3``, ``debian`` ``12.0.0``), ``variant`` is
    what os-release keeps elsewhere (``stream``; the edition of a Windows). ``bits`` is 32 or 64, ``architecture``
    ``x86`` or ``arm``. ``usable`` is ``yes`` or ``likely`` where the spelling was seen as a value, ``unproven`` where
    it was seen as a label only. ``prefer`` is another spelling of the same system to prefer.
    """

    os_version: str
    id: str
    version: str | None
    variant: str | None
    platform: str
    os_type: Literal["Linux", "Windows", "Other"]
    bits: int
    architecture: Literal["x86", "arm"]
    usable: Literal["yes", "likely", "unproven"]
    clouds: tuple[str, ...]
    uefi: Literal["required", "listed", "not-listed"]
    prefer: str | None
    sources: tuple[str, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the version, and of the service pack where the list names one apart from it."""
        pack = self.variant if self.variant is not None and SERVICE_PACK.fullmatch(self.variant) else ""
        return version_numbers(f"{self.version or ''} {pack}")

    @property
    def names_a_system(self) -> bool:
        """Whether the spelling says which distribution it is, so far as is known."""
        return self.id not in {"other", UNKNOWN_SYSTEM}

    def listed_on(self, cloud: str) -> bool:
        """Say whether the cloud takes this spelling as a value, so far as its documents show."""
        return self.usable != "unproven" and cloud in self.clouds


def exact_version(system: OperatingSystem) -> str | None:
    """Return the version of a guest to compare with the catalogue's: for a Windows the product's, not its builds."""
    return system.version if system.id == "windows" else system.release or system.version


def fold(text: str) -> str:
    """Return the text without case, spaces and punctuation, to tell a misspelling from another system."""
    return _PUNCTUATION.sub("", text.casefold())


class Catalogue:
    """The known spellings of ``__os_version`` on all clouds. ``name`` says where they come from.

    ``exact`` is true for a list that was fetched for one region; the built-in one is known to be incomplete.
    """

    def __init__(self, entries: tuple[CatalogueEntry, ...], *, name: str = "built in", exact: bool = False) -> None:
        self.entries = entries
        self.name = name
        self.exact = exact

    @property
    def short_name(self) -> str:
        """What the list is called within a sentence: of a file, its name without the folder."""
        return os.path.basename(self.name) or self.name

    @cached_property
    def _by_spelling(self) -> dict[str, CatalogueEntry]:
        return {entry.os_version: entry for entry in self.entries}

    @cached_property
    def _by_folded(self) -> dict[str, tuple[CatalogueEntry, ...]]:
        groups: dict[str, list[CatalogueEntry]] = {}
        for entry in self.entries:
            groups.setdefault(fold(entry.os_version), []).append(entry)
        return {key: tuple(group) for key, group in groups.items()}

    def find(self, os_version: str) -> CatalogueEntry | None:
        """Return the entry of exactly this spelling."""
        return self._by_spelling.get(os_version)

    def for_cloud(self, cloud: str) -> tuple[CatalogueEntry, ...]:
        """Return the entries that are listed as values on a cloud; labels (unproven) are left out."""
        return tuple(entry for entry in self.entries if entry.listed_on(cloud))

    def has_list_of(self, cloud: str) -> bool:
        """Say whether any system is known to be listed on a cloud; of some only the value for all others is known."""
        return any(entry.names_a_system and entry.listed_on(cloud) for entry in self.entries)

    def of_system(self, system_id: str) -> tuple[CatalogueEntry, ...]:
        """Return the entries of a distribution by the id that os-release has for it."""
        return tuple(entry for entry in self.entries if is_same_system(entry.id, system_id))

    def folded(self, text: str) -> tuple[CatalogueEntry, ...]:
        """Return the entries that differ from ``text`` at most in case, spaces and punctuation."""
        return self._by_folded.get(fold(text), ())

    def nearest(self, text: str, cloud: str | None = None) -> CatalogueEntry | None:
        """Return the entry whose spelling is closest, of those listed on ``cloud`` if one is named.

        Never one of another major version, nor one for Arm for one that is not. A text of over 100 characters is no
        spelling of anything.
        """
        if len(text) > LONGEST_SPELLING:
            return None
        from difflib import get_close_matches  # noqa: PLC0415 - only a misspelt request pays for it

        pool = self.entries if cloud is None else self.for_cloud(cloud)
        alike = [entry for entry in pool if entry.usable != "unproven" and _shape(entry.os_version) == _shape(text)]
        spellings = {fold(entry.os_version): entry for entry in reversed(alike)}
        close = get_close_matches(fold(text), spellings, n=1, cutoff=0.75)
        return spellings[close[0]] if close else None


def _shape(spelling: str) -> tuple[str, tuple[int, ...], bool]:
    """Return what must be the same in a near miss: first letter, major version, and whether it is for Arm."""
    words = fold(spelling)
    return words[:1], version_numbers(spelling)[:1], words.endswith("arm")
