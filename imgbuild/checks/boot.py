"""Checks of firmware and architecture: what the request asks for, what the disk can boot, what Arm needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from imgbuild.checks.base import Case, Check, Hit, Hits, quoted
from imgbuild.checks.system import requested_entry
from imgbuild.kinds import ENVIRONMENTS, kind_of
from imgbuild.profiles import ARM

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "hw_firmware_type"
_NAMES = {"bios": "BIOS", "uefi": "UEFI"}

FirmwareFault = Literal["not-bootable", "default-not-bootable", "iso-not-bootable", "nowhere", "esp-without-loader",
                        "no-system", "arm-bios", "arm-default", "arm-without-uefi"]
_OF_IMAGE = frozenset({"nowhere", "esp-without-loader", "no-system", "arm-without-uefi"})
_ESP_TYPES = frozenset({"EFI system", "FAT EFI system"})
_SAYS_ARM = {"architecture": {"arm": True, "x86": False}, "__support_arm": {"true": True, "false": False}}
_ARM_WORDS = frozenset({"arm", "aarch64", "armv6", "armv7l", "armv7b"})


class Firmware(Check, frozen=True, kw_only=True, tag="firmware"):
    """The disk boots by the firmware that the request asks for, and Arm by UEFI.

    ``fault`` says which case a rule is about. What could not be seen (``null``) is never at fault.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    fault: FirmwareFault

    def applies(self, case: Case) -> bool:
        """Say whether there is a request, an image or both, as the fault needs them."""
        on_request = self.fault not in _OF_IMAGE
        on_image = not self.fault.startswith("arm-") or self.fault == "arm-without-uefi"
        return (case.context.body is not None or not on_request) and (case.image is not None or not on_image)

    def find(self, case: Case) -> Hits:
        """Yield the fault."""
        hit = _FAULTS[self.fault](case)
        if hit is not None:
            yield hit


def is_arm(case: Case) -> bool:
    """Say whether the request or the guest is Arm."""
    entry = requested_entry(case)
    named = case.text("architecture") in _ARM_WORDS or case.text("__support_arm") == "true"
    return named or (entry is not None and entry.architecture == "arm") or _guest_is_arm(case)


def _guest_is_arm(case: Case) -> bool:
    return bool(case.image and case.image.os and case.image.os.architecture in ARM)


def _boots(case: Case, mode: str) -> bool | None:
    firmware = case.image.firmware if case.image else None
    return None if firmware is None else {"bios": firmware.bios, "uefi": firmware.uefi}.get(mode)


def _requested_mode(case: Case, *, iso: bool) -> Hit | None:
    mode = case.text(KEY)
    if mode == "uefi" and _guest_is_arm(case):
        return None  # Arm asks for nothing else: what is wrong then is the disk, which has a rule of its own
    if mode is None or case.image is None or (case.image.format == "iso") != iso or _boots(case, mode) is not False:
        return None
    other = next((word for word in _NAMES if _boots(case, word)), None)
    able = f"boots by {_NAMES[other]} only" if other else "does not boot by it"
    return Hit(message=f"{KEY} is {quoted(mode)}, but the image {able}", pointer=f"/{KEY}", value=mode,
               hint=f"Set {KEY} to {other}." if other else None)


def _not_bootable(case: Case) -> Hit | None:
    return _requested_mode(case, iso=False)


def _iso_not_bootable(case: Case) -> Hit | None:
    return _requested_mode(case, iso=True)


def _default_not_bootable(case: Case) -> Hit | None:
    if KEY in case.body or is_arm(case) or _boots(case, "bios") is not False or not _boots(case, "uefi"):
        return None
    return Hit(message=f"{KEY} is not given, so bios holds, but the image boots by UEFI only", pointer=f"/{KEY}")


def _nowhere(case: Case) -> Hit | None:
    return None if _has_esp(case) else _unbootable(case)


def _esp_without_loader(case: Case) -> Hit | None:
    return _unbootable(case) if _has_esp(case) else None


def _has_esp(case: Case) -> bool:
    return any(partition.type in _ESP_TYPES for partition in (case.image.partitions if case.image else ()))


def _unbootable(case: Case) -> Hit | None:
    """Return the hit for a guest that is seen to boot by neither firmware; Arm has a rule of its own."""
    guest = case.image.os if case.image else None
    if guest is None or _guest_is_arm(case) or _boots(case, "bios") is not False or _boots(case, "uefi") is not False:
        return None
    name = quoted(guest.name or guest.id) if guest.name or guest.id else "the guest"
    why = "; ".join(case.image.firmware.why) if case.image else ""
    return Hit(message=f"{name} boots neither by BIOS nor by UEFI" + (f": {why}" if why else ""), on="image")


def _no_system(case: Case) -> Hit | None:
    """Return the hit for what makes no server; a data disk is worth a word only, as it may be meant to be one."""
    image = case.image
    if image is None or image.os is not None or image.firmware.bios is not False or image.firmware.uefi is not False:
        return None
    if image.format == "iso":
        return Hit(message="the disc has no boot image and no system that is known: a server does not start from it",
                   on="image")
    if kind_of(image) != "data" or case.text("type") == ENVIRONMENTS["data"]:
        return None
    return Hit(message="no system and no boot loader is on the disk: a server does not start from it", on="image",
               severity="note")


def _arm_bios(case: Case) -> Hit | None:
    if case.text(KEY) != "bios" or not is_arm(case):
        return None
    return Hit(message=f"{KEY} is 'bios', but the image is for Arm", pointer=f"/{KEY}", value="bios",
               hint=f"Set {KEY} to uefi.")


def _arm_default(case: Case) -> Hit | None:
    if KEY in case.body or not is_arm(case):
        return None
    return Hit(message=f"{KEY} is not given, but the image is for Arm", pointer=f"/{KEY}", hint=f"Set {KEY} to uefi.")


def _arm_without_uefi(case: Case) -> Hit | None:
    if not _guest_is_arm(case) or _boots(case, "uefi") is not False:
        return None
    return Hit(message="the guest is for Arm, but the disk does not boot by UEFI", on="image")


_FAULTS: dict[str, Callable[[Case], Hit | None]] = {
    "not-bootable": _not_bootable, "iso-not-bootable": _iso_not_bootable, "nowhere": _nowhere,
    "esp-without-loader": _esp_without_loader, "no-system": _no_system,
    "default-not-bootable": _default_not_bootable, "arm-bios": _arm_bios, "arm-default": _arm_default,
    "arm-without-uefi": _arm_without_uefi,
}


class Architecture(Check, frozen=True, kw_only=True, tag="architecture"):
    """The architecture is one: ``against`` the OS version of the request, or the guest."""

    against: Literal["os-version", "guest"]

    def applies(self, case: Case) -> bool:
        """Say whether there is a request, and a guest to compare with."""
        guest = case.image.os if case.image else None
        known = guest is not None and guest.architecture is not None
        return super().applies(case) and (known or self.against == "os-version")

    def find(self, case: Case) -> Hits:
        """Yield an architecture that contradicts."""
        hit = _against_version(case) if self.against == "os-version" else _against_guest(case)
        if hit is not None:
            yield hit


def _against_version(case: Case) -> Hit | None:
    entry = requested_entry(case)
    if entry is None or entry.architecture != "arm":
        return None
    if case.text("architecture") == "arm" or case.text("__support_arm") == "true":
        return None
    pointer = "/architecture" if "architecture" in case.body else "/__os_version"
    return Hit(message=f"{quoted(entry.os_version)} names ARM, but the request does not say architecture arm",
               pointer=pointer, value=entry.os_version)


def _against_guest(case: Case) -> Hit | None:
    arm = _guest_is_arm(case)
    for key, words in _SAYS_ARM.items():
        said = words.get(case.text(key) or "")
        if said is not None and said != arm and case.image and case.image.os:
            return Hit(message=f"{key} is {quoted(case.text(key))}, but the guest is {case.image.os.architecture}",
                       pointer=f"/{key}", value=case.text(key))
    return None
