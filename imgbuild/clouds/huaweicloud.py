"""Huawei Cloud Image Management Service: the fields that name the system, ``__os_version`` and ``hw_firmware_type``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.clouds.systems import Match, closest_entry, match_system
from imgbuild.model import Derived
from imgbuild.profiles import ARM

if TYPE_CHECKING:
    from imgbuild.model import Inspection, OperatingSystem, Source
    from imgbuild.rulebook import RuleBook

DEFAULT_BITS = 64


def system_fields(image: Inspection, book: RuleBook) -> dict[str, Derived]:
    """Return ``__os_version``, ``hw_firmware_type`` and ``__support_arm``, each only where it is better given."""
    found = {"__os_version": _os_version(image.os, book), "hw_firmware_type": _firmware_type(image, book),
             "__support_arm": _support_arm(image.os, book)}
    return {name: derived for name, derived in found.items() if derived is not None}


def _os_version(system: OperatingSystem | None, book: RuleBook) -> Derived | None:
    if system is None:
        return None
    match = match_system(system, book.catalogue, book.profile)
    if match.entry is not None:
        return _of_entry(system, match, book)
    return None if _default_fits(system) else _default(system, book)


def _of_entry(system: OperatingSystem, match: Match, book: RuleBook) -> Derived:
    entry = match.entry
    assert entry is not None  # noqa: S101 - the caller has looked
    guest = f"the guest is {describe(system)}" + (f" ({system.source})" if system.source else "")
    words = {
        "exact": f"{match.cloud} lists exactly this system",
        "near": f"{match.cloud} lists no {system.release or system.version}; same distribution, major version and"
                f" architecture: {entry.version}",
        "sister": f"not in the list of {book.profile.name}; {match.cloud} lists it",
    }
    return Derived(value=entry.os_version, why=(guest, words[match.grade]),
                   sources=tuple(book.source(source) for source in entry.sources[:2]))


def _default_fits(system: OperatingSystem) -> bool:
    """Say whether the value that the server puts for a missing one (another Linux, 64 bit) is true."""
    return system.type == "Linux" and system.bits == DEFAULT_BITS


def _default(system: OperatingSystem, book: RuleBook) -> Derived:
    default = book.profile.default_system
    others = [entry for entry in book.catalogue.of_system("other") if entry.listed_on(book.profile.name)]
    fitting = [entry.os_version for entry in others if (entry.os_type, entry.bits) == (system.type, system.bits)]
    value = default.value if default.value in fitting or not fitting else fitting[0]
    near = closest_entry(system, book.catalogue)
    nearest = f"; nearest entry: {near.os_version!r}" if near is not None else ""
    return Derived(value=value, why=(f"no entry fits {describe(system)}{nearest}",),
                   sources=tuple(book.source(source, default.reading or None) for source in default.sources))


def describe(system: OperatingSystem) -> str:
    """Return the system in a few words: name, point release, architecture."""
    name = system.name or " ".join(filter(None, (system.id, system.version))) or "unknown"
    release = f" {system.release}" if system.release and system.release not in name else ""
    return f"{name}{release}, {system.architecture or 'architecture unknown'}"


def _support_arm(system: OperatingSystem | None, book: RuleBook) -> Derived | None:
    """The create call has no architecture field; this attribute is what tells an Arm image from one for x86."""
    if system is None or system.architecture not in ARM:
        return None
    return Derived(value="true", why=(f"the guest is {describe(system)}",), sources=_documents("__support_arm", book))


def _documents(name: str, book: RuleBook) -> tuple[Source, ...]:
    field = book.profile.custom_properties.get(name)
    return tuple(book.source(source) for source in field.sources) if field is not None else ()


def _firmware_type(image: Inspection, book: RuleBook) -> Derived | None:
    value, reason = _choose_firmware(image)
    if value is None:
        return None
    return Derived(value=value, why=(reason, *image.firmware.why), sources=_documents("hw_firmware_type", book))


def _choose_firmware(image: Inspection) -> tuple[str | None, str]:
    firmware = image.firmware
    if image.os is not None and image.os.architecture in ARM:
        return "uefi", "arm images boot by UEFI only"
    if firmware.bios:
        return "bios", "boots both ways; bios is the default on x86" if firmware.uefi else "boots by BIOS only"
    if firmware.uefi:
        return "uefi", "boots by UEFI, not by BIOS" if firmware.bios is False else "boots by UEFI"
    return None, ""
