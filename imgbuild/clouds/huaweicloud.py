"""Huawei Cloud Image Management Service: the fields that name the system.

The create call of OpenStack has ``__os_version`` and takes attributes; the calls of the service's own have
``os_version``, ``os_type`` and ``architecture``. Both take ``hw_firmware_type``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.clouds.systems import ARCHITECTURES, Match, closest_entry, match_system
from imgbuild.documents.manifest import Derived
from imgbuild.profiles import ARM, exact_version
from imgbuild.rulebook.spelling import catalogue_facts, list_words, trust_words

if TYPE_CHECKING:
    from imgbuild.documents.inspection import Inspection
    from imgbuild.model import OperatingSystem, Source
    from imgbuild.profiles import CatalogueEntry, DefaultSystem, Operation
    from imgbuild.rulebook import RuleBook

DEFAULT_BITS = 64


def system_fields(image: Inspection, book: RuleBook, operation: Operation,
                  body: dict[str, Any]) -> dict[str, Derived]:
    """Return the fields of the operation that name the system, each only where it is better given.

    ``body`` decides whether the OS version may be left out.
    """
    fields, system = operation.fields, image.os
    version = _os_version(system, book, needed="os_version" in fields and fields["os_version"].is_mandatory(body))
    found = {"os_version" if "os_version" in fields else "__os_version": version,
             "os_type": _os_type(system, operation, version), "architecture": _architecture(system, operation),
             "hw_firmware_type": _firmware_type(image, book),
             "__support_arm": _support_arm(system, book) if operation.custom_properties else None}
    return {name: derived for name, derived in found.items() if derived is not None}


def _os_version(system: OperatingSystem | None, book: RuleBook, *, needed: bool) -> Derived | None:
    if system is None:
        return None
    match = match_system(system, book.catalogue, book.profile)
    if match.value is not None:
        return _of_entry(system, match, book)
    return None if _default_fits(system) and not needed else _default(system, book)


def _os_type(system: OperatingSystem | None, operation: Operation, version: Derived | None) -> Derived | None:
    """Return the type in the words of the operation; where the OS version is given, that one says it."""
    field = operation.fields.get("os_type")
    is_said = "os_version" in operation.fields and version is not None and version.value is not None
    if system is None or field is None or is_said:
        return None
    word = system.type if system.type in field.allowed else "Other"
    return Derived(value=word, why=(said_of(system),)) if word in field.allowed else None


def _architecture(system: OperatingSystem | None, operation: Operation) -> Derived | None:
    word = ARCHITECTURES.get(system.architecture or "") if system is not None else None
    if system is None or word is None or "architecture" not in operation.fields:
        return None
    return Derived(value=word, why=(said_of(system),))


def _of_entry(system: OperatingSystem, match: Match, book: RuleBook) -> Derived:
    entry = match.entry
    assert entry is not None  # noqa: S101 - the caller has looked
    guest = said_of(system) + (f" ({system.source})" if system.source else "")
    words = {
        "exact": f"{match.cloud} lists exactly this system",
        "near": f"{match.cloud} lists no {_exactly(system)}; same distribution, major version and"
                f" architecture: {_listed(entry)}",
        "sister": f"{_not_here(book)}; {match.cloud} lists it",
    }
    why = [guest, words[match.grade], trust_words(entry, book)]
    if match.label is not None:
        why.append(f"{match.label.os_version!r} is the name of an image; its value is the spelling without it")
    return Derived(value=entry.os_version, why=tuple(why),
                   sources=tuple(book.source(source) for source in entry.sources[:2]))


def _not_here(book: RuleBook) -> str:
    cloud = book.profile.name
    return f"not in the list of {cloud}" if book.catalogue.has_list_of(cloud) else f"no list of {cloud} is at hand"


def _exactly(system: OperatingSystem) -> str:
    """Return what tells the system from the entries that are near: its release, its edition."""
    if system.id == "windows":
        return f"{system.version} {system.edition or 'without an edition'}"
    version = str(exact_version(system))
    return f"{system.id} {version}" if system.id == "sles_sap" else version


def _listed(entry: CatalogueEntry) -> str:
    return " ".join(filter(None, (entry.version, entry.variant)))


def _default_fits(system: OperatingSystem) -> bool:
    """Say whether the value that the server puts for a missing one (another Linux, 64 bit) is true."""
    return system.type == "Linux" and system.bits == DEFAULT_BITS


def _default_system(book: RuleBook) -> DefaultSystem:
    default = book.profile.default_system
    assert default is not None  # noqa: S101 - each of these clouds has one
    return default


def _default(system: OperatingSystem, book: RuleBook) -> Derived:
    """Return the value for a system that no entry fits; none where each value there is would be false."""
    default, near = _default_system(book), closest_entry(system, book.catalogue)
    value = _value_for_others(system, book)
    why = [f"no entry fits {describe(system)}" + (f"; nearest entry: {near.os_version!r}" if near is not None else "")]
    if value is None:
        why.append(f"the default, {default.value!r}, would be false{_label_for_others(system, book)}")
    return Derived(value=value, why=(*why, list_words(catalogue_facts(book))),
                   sources=tuple(book.source(source, default.reading or None) for source in default.sources))


def _value_for_others(system: OperatingSystem, book: RuleBook) -> str | None:
    default, cloud = _default_system(book).value, book.profile.name
    fitting = [entry.os_version for entry in _others(system, book) if entry.listed_on(cloud)]
    may_be_default = system.type == "Linux" and system.bits in {DEFAULT_BITS, None}
    return default if may_be_default or default in fitting else next(iter(fitting), None)


def _label_for_others(system: OperatingSystem, book: RuleBook) -> str:
    labels = [entry.os_version for entry in _others(system, book) if book.profile.name in entry.clouds]
    return f"; the console has {labels[0]!r}, which no page has as a value" if labels else ""


def _others(system: OperatingSystem, book: RuleBook) -> list[CatalogueEntry]:
    """Return the entries for systems that are in no list, of the type and the word size of this one."""
    return [entry for entry in book.catalogue.of_system("other")
            if (entry.os_type, entry.bits) == (system.type, system.bits)]


def said_of(system: OperatingSystem) -> str:
    """Return the clause that a reason begins with: a disc is no guest, it installs one."""
    verb = "the disc installs" if (system.source or "").startswith("installation medium") else "the guest is"
    return f"{verb} {describe(system)}"


def describe(system: OperatingSystem) -> str:
    """Return the system in a few words: name, point release, architecture."""
    name = system.name or " ".join(filter(None, (system.id, system.version))) or "unknown"
    release = f" {system.release}" if system.release and system.release not in name else ""
    return f"{name}{release}, {system.architecture or 'architecture unknown'}"


def _support_arm(system: OperatingSystem | None, book: RuleBook) -> Derived | None:
    """The create call has no architecture field; this attribute is what tells an Arm image from one for x86."""
    if system is None or system.architecture not in ARM:
        return None
    return Derived(value="true", why=(said_of(system),), sources=_documents("__support_arm", book))


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
