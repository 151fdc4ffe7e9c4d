"""Checks of the operating system that the request names: its spelling, its list, and the guest it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from imgbuild.checks.base import Case, Check, Hit, Hits, quoted, texts_at
from imgbuild.checks.disk import requested_type
from imgbuild.numbering import distribution, is_same_system, major_version, release_numbers
from imgbuild.profiles import ARM, edition_words, exact_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.model import OperatingSystem
    from imgbuild.profiles import CatalogueEntry

Fault = Literal["missing", "misspelt", "unlisted", "not-in-region", "sister", "unproven", "default", "near-guest",
                "not-the-guest", "plain-on-arm"]


class OsVersion(Check, frozen=True, kw_only=True, tag="os-version"):
    """``__os_version`` is given, spelt as the catalogue has it, listed on this cloud, and the guest's system.

    ``fault`` says which of these a rule is about; the functions below have its name.
    """

    fault: Fault

    def applies(self, case: Case) -> bool:
        """Say whether there is a request, and a guest where the fault is about one."""
        guest = case.image.os if case.image else None
        return super().applies(case) and (self.fault not in _OF_GUEST or guest is not None)

    def find(self, case: Case) -> Hits:
        """Yield an OS version with this fault."""
        key = _key(case)
        value = case.body.get(key)
        if self.fault == "missing":
            yield from _missing(case, key)
        elif isinstance(value, str):
            hit = _FAULTS[self.fault](case, value)
            if hit is not None:
                message, hint, *choices = hit
                yield Hit(message=message, pointer=f"/{key}", value=value, hint=hint or None, choices=tuple(choices))


_Found = tuple[str, ...] | None
"""A message, a hint or nothing, and the spelling that would be right, where there is one."""


def _key(case: Case) -> str:
    fields = case.operation.fields if case.operation else {}
    return "os_version" if "os_version" in fields else "__os_version"


def is_default(case: Case, value: str) -> bool:
    """Say whether a value is one of the accepted spellings for a system that the cloud does not list."""
    default = case.profile.default_system
    return default is not None and (value == default.value or value in default.also)


def _nearest(case: Case) -> str:
    near = case.context.nearest
    entry = case.catalogue().find(near) if near else None
    where = f" of {' and '.join(entry.clouds)}" if entry else ""
    return f"; the nearest entry is {quoted(near)}{where}" if near else ""


def _missing(case: Case, key: str) -> Hits:
    default = case.profile.default_system
    if key not in case.body and default is not None:
        guest = case.image.os if case.image else None
        yield Hit(message=f"{key} is not given, so {quoted(default.value)} holds"
                          f"{_guest_words(guest)}{_nearest(case)}", pointer=f"/{key}")


def _guest_words(guest: OperatingSystem | None) -> str:
    name = (guest.name or guest.id) if guest else None
    return f"; the guest is {quoted(name)}" if name else ""


def _misspelt(case: Case, value: str) -> _Found:
    if case.catalogue().find(value) is not None:
        return None
    close = _proven(case, value)
    # Which spelling of the default is right, the documents dispute; the list of a region decides it.
    if not close or (is_default(case, value) and not case.catalogue().exact):
        return None
    listed = [entry for entry in close if entry.listed_on(case.profile.name)] or list(close)
    best = next((entry for entry in listed if entry.prefer is None), listed[0])
    right = _preferred(best)
    return (f"{quoted(value)} differs from the listed spelling: did you mean {right!r}?", f"Write {quoted(right)}.",
            right)


def _proven(case: Case, value: str) -> tuple[CatalogueEntry, ...]:
    """Return the entries of nearly this spelling; a label that stands for no value makes nobody misspelt."""
    return tuple(entry for entry in case.catalogue().folded(value) if entry.usable != "unproven" or entry.prefer)


def _preferred(entry: CatalogueEntry) -> str:
    return entry.prefer or entry.os_version


def _in_no_list(case: Case, value: str) -> _Found:
    catalogue = case.catalogue()
    if catalogue.find(value) is not None or _proven(case, value) or is_default(case, value):
        return None
    near = catalogue.nearest(value, case.profile.name) or catalogue.nearest(value)
    where = f"is not in the list of the region, {catalogue.short_name}" if catalogue.exact else \
        "is in no list of OS versions"
    return (f"{quoted(value)} {where}" + (f"; close to it is {near.os_version!r}" if near else ""),
            f"Write {quoted(near.os_version)} if that is the system." if near else "")


def _unlisted(case: Case, value: str) -> _Found:
    return None if case.catalogue().exact else _in_no_list(case, value)


def _not_in_region(case: Case, value: str) -> _Found:
    return _in_no_list(case, value) if case.catalogue().exact else None


def _sister(case: Case, value: str) -> _Found:
    entry = case.catalogue().find(value)
    if entry is None or entry.usable == "unproven" or case.profile.name in entry.clouds or is_default(case, value):
        return None
    same = [other for other in (case.catalogue().find(_preferred(entry)), *case.catalogue().folded(value))
            if other is not None and other.listed_on(case.profile.name)]
    hint = f"Write {quoted(same[0].os_version)}." if same else ""
    here = case.profile.name
    which = f", not in that of {here}" if case.catalogue().has_list_of(here) else f"; no list of {here} is at hand"
    clouds = " and ".join(filter(None, (", ".join(entry.clouds[:-1]), *entry.clouds[-1:])))
    return f"{quoted(value)} is in the list of {clouds}{which}", hint


def _unproven(case: Case, value: str) -> _Found:
    entry = case.catalogue().find(value)
    if entry is None or entry.usable != "unproven" or is_default(case, value):
        return None
    return (f"{quoted(value)} was seen as the name of an image or in the console only",
            f"Write {quoted(entry.prefer)}." if entry.prefer else "")


def _default(case: Case, value: str) -> _Found:
    guest = case.image.os if case.image else None
    if guest is None or not is_default(case, value):
        return None
    return f"{quoted(value)} stands for a system that is in no list{_guest_words(guest)}{_nearest(case)}", ""


def _near_guest(case: Case, value: str) -> _Found:
    entry, guest = case.catalogue().find(value), case.image.os if case.image else None
    if entry is None or guest is None or _contradiction(entry, guest) or entry.version is None:
        return None
    if entry.id == "windows":
        return _other_edition(entry, guest)
    listed, known = entry.numbers, release_numbers(guest.id, exact_version(guest))
    width = min(len(listed), len(known))
    if listed[:width] == known[:width]:
        return None
    return (f"the guest is {quoted(exact_version(guest))}, the catalogue has {quoted(entry.version)}: same"
            " major version"), "Nothing needs to be done." if case.catalogue().exact else ""


def _other_edition(entry: CatalogueEntry, guest: OperatingSystem) -> _Found:
    editions = edition_words(guest.edition)
    if entry.variant is None or not editions or edition_words(entry.variant) == editions:
        return None
    return f"the guest is the edition {quoted(guest.edition)}, the catalogue has {quoted(entry.variant)}", ""


def _not_the_guest(case: Case, value: str) -> _Found:
    entry, guest = case.catalogue().find(value), case.image.os if case.image else None
    if entry is None or guest is None or is_default(case, value):
        return None
    found = _contradiction(entry, guest)
    return (f"{quoted(value)} is said of a guest that {found}", "") if found else None


def _contradiction(entry: CatalogueEntry, guest: OperatingSystem) -> str | None:
    """Return how the guest is another system than the entry names, ``None`` where it may be the one."""
    name = quoted(guest.name or guest.id or "")
    if entry.os_type != "Other" and guest.type and guest.type.lower() != entry.os_type.lower():
        return f"is {guest.type}"
    if guest.bits is not None and guest.bits != entry.bits:
        return f"has {guest.bits} bit"
    if entry.architecture == "arm" and guest.architecture is not None and guest.architecture not in ARM:
        return f"is {guest.architecture}"
    if not entry.names_a_system or guest.id is None:
        return None
    if not _same_distribution(entry, guest):
        return f"is {name}"
    listed, known = (major_version(entry.id, entry.version), major_version(guest.id, exact_version(guest)))
    return f"is {name}" if listed and known and listed != known else None


def _same_distribution(entry: CatalogueEntry, guest: OperatingSystem) -> bool:
    if entry.id == "centos" == guest.id:
        return (entry.variant == "stream") == (guest.variant == "stream" or "stream" in (guest.name or "").lower())
    return is_same_system(entry.id, distribution(guest.id, guest.name))


def _plain_on_arm(case: Case, value: str) -> _Found:
    entry, guest = case.catalogue().find(value), case.image.os if case.image else None
    if entry is None or guest is None or entry.architecture == "arm" or guest.architecture not in ARM:
        return None
    return f"{quoted(value)} does not name ARM, but the guest is {guest.architecture}", ""


_OF_GUEST = frozenset({"default", "near-guest", "not-the-guest", "plain-on-arm"})
_FAULTS: dict[str, Callable[[Case, str], _Found]] = {
    "misspelt": _misspelt, "unlisted": _unlisted, "not-in-region": _not_in_region, "sister": _sister,
    "unproven": _unproven, "default": _default, "near-guest": _near_guest, "not-the-guest": _not_the_guest,
    "plain-on-arm": _plain_on_arm,
}


def requested_entry(case: Case) -> CatalogueEntry | None:
    """Return the catalogue's entry for the OS version of the request."""
    value = case.text(_key(case))
    return case.catalogue().find(value) if value else None


class OsType(Check, frozen=True, kw_only=True, tag="os-type"):
    """The system, by the request or else by the guest, is not of type ``is_not``, ``but`` for these OS versions.

    ``so`` says what follows if it is.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    is_not: str
    but: tuple[str, ...] = ()
    so: str

    def applies(self, case: Case) -> bool:
        """Say whether a request or a guest names a system."""
        return requested_type(case) is not None

    def find(self, case: Case) -> Hits:
        """Yield a system of this type."""
        value = case.text(_key(case))
        if requested_type(case) == self.is_not and value not in self.but:
            yield Hit(message=f"the system is {self.is_not}: {self.so}", pointer=f"/{_key(case)}" if value else None,
                      value=value, on="request" if value else "image")


class Memory32(Check, frozen=True, kw_only=True, tag="memory-of-32-bit"):
    """A 32-bit system asks for no more than ``max_mib`` of memory."""

    max_mib: int

    def find(self, case: Case) -> Hits:
        """Yield a min_ram that a 32-bit system cannot have."""
        memory, entry = case.integer("min_ram"), requested_entry(case)
        guest = case.image.os.bits if case.image and case.image.os else None
        bits = entry.bits if entry is not None and entry.names_a_system else guest or (entry.bits if entry else None)
        if memory is not None and bits == 32 and memory > self.max_mib:  # noqa: PLR2004 - the word size itself
            yield Hit(message=f"min_ram is {memory} MiB, but the system has 32 bit: {self.max_mib} MiB is the most",
                      pointer="/min_ram", value=memory, hint=f"Set min_ram to {self.max_mib} or less.")


class SystemsOfFlavour(Check, frozen=True, kw_only=True, tag="systems-of-flavour"):
    """A property of a flavour family is set only for the ``systems`` that may use it (id and version)."""

    systems: tuple[str, ...]

    def find(self, case: Case) -> Hits:
        """Yield the property on another system."""
        entry = requested_entry(case)
        if entry is None or not entry.names_a_system:
            return
        system = f"{entry.id} {entry.version}"
        if any(system == listed or system.startswith(f"{listed} ") for listed in self.systems):
            return
        for pointer, text in texts_at(case):
            if text == "true":
                yield Hit(message=f"{pointer[1:]} is set, but {quoted(entry.os_version)} is not among its systems",
                          pointer=pointer, value=text)
