"""OpenStack: the properties by which Nova gives a server what the disk needs.

Facts of an image in; firmware, machine, buses, agent, and the names of the system in Glance's vocabulary out. What the
disk does not tell is left out with the reason: the cloud then does what it does for any image. What is for whoever
publishes the image (hypervisor_type, hw_rng_model: ``rules/openstack/properties.toml`` says why) is not derived.

Useful image properties, https://docs.openstack.org/glance/latest/admin/useful-image-properties.html
UEFI and Secure Boot, https://docs.openstack.org/nova/latest/admin/uefi.html and .../secure-boot.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.clouds.huaweicloud import said_of
from imgbuild.documents.manifest import Derived
from imgbuild.kinds import kind_of
from imgbuild.model import QEMU_AGENT
from imgbuild.profiles import ARM, word_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgbuild.documents.inspection import Inspection
    from imgbuild.model import GuestCheck, OperatingSystem
    from imgbuild.profiles import FieldSpec, Operation
    from imgbuild.rulebook import RuleBook

X86 = frozenset({"x86", "x86_64"})
_TYPES = {"Linux": "linux", "Windows": "windows"}
# The checks of a guest that say whether its kernel has the drivers for a disk on this bus when it mounts the disk.
_VIRTIO, _SCSI, _IDE = ("lin_virtio", "win_virtio"), ("lin_virtio_scsi",), ("lin_ide",)
_BY_NAME = ("lin_fstab_uuid", "lin_grub_uuid")


def system_fields(image: Inspection, book: RuleBook, operation: Operation,
                  body: dict[str, Any]) -> dict[str, Derived]:
    """Return the properties of the image; one whose value is ``None`` says why it is left out."""
    del operation, body  # only the one call takes properties, and none of them depends on another field
    fields = book.profile.custom_properties
    found = _names(image.os, fields) if image.os is not None else {}
    if kind_of(image) != "data":
        found |= _hardware(image)
    return {name: derived for name, derived in found.items() if derived is not None}


def _names(system: OperatingSystem, fields: Mapping[str, FieldSpec]) -> dict[str, Derived | None]:
    """Return what names the system: architecture, type, distribution, version, the user who may log in."""
    said = said_of(system)
    return {"architecture": _architecture(system, fields["architecture"]), "os_type": _type(system),
            "os_distro": _distro(system, fields["os_distro"]),
            "os_version": Derived(value=system.version, why=(
                said if system.version else f"{said}: it has no version, or does not say it",)),
            "os_admin_user": _admin(system), "image_original_user": _admin(system)}


def _architecture(system: OperatingSystem, field: FieldSpec) -> Derived:
    word = word_of(system.architecture, field)
    if word is None:
        seen = system.architecture or "not known"
        return Derived(value=None, why=(f"the architecture of the guest is {seen}: there is no word for it",))
    return Derived(value=word, why=(said_of(system),))


def _type(system: OperatingSystem) -> Derived | None:
    word = _TYPES.get(system.type or "")
    return None if word is None else Derived(value=word, why=(said_of(system),))


def _distro(system: OperatingSystem, field: FieldSpec) -> Derived:
    if system.id is None:
        return Derived(value=None, why=("the guest does not say which distribution it is",))
    word, said = word_of(system.id, field), said_of(system)
    if word is None:
        return Derived(value=system.id, why=(said, "the vocabulary has no word for it: its own id of os-release"))
    translated = (f"the vocabulary has {word} for {system.id}",) if word != system.id else ()
    return Derived(value=word, why=(said, *translated))


def _admin(system: OperatingSystem) -> Derived | None:
    if system.default_user is None:
        return None
    agent = "Cloudbase-Init" if system.type == "Windows" else "cloud-init"
    return Derived(value=system.default_user, why=(f"the user that {agent} makes at the first start",))


def _hardware(image: Inspection) -> dict[str, Derived | None]:
    """Return what the server is to be given: firmware and machine of any disk that boots, the rest by the guest."""
    firmware = _firmware(image)
    found = {"hw_firmware_type": firmware, "hw_machine_type": _machine(image, firmware),
             "os_secure_boot": _secure_boot(image, firmware)}
    if image.os is not None and image.format != "iso":
        found |= _buses(image) | {"hw_qemu_guest_agent": _agent(image.os)}
    return found


def _firmware(image: Inspection) -> Derived:
    firmware = image.firmware
    if image.os is not None and image.os.architecture in ARM:
        return Derived(value="uefi", why=("Arm boots by UEFI only",))
    if firmware.bios and firmware.uefi:
        return Derived(value=None, why=("boots by BIOS and by UEFI: whichever the cloud gives is right",))
    if firmware.bios and firmware.uefi is False:
        return Derived(value="bios", why=("boots by BIOS only", *firmware.why))
    if firmware.uefi and firmware.bios is False:
        return Derived(value="uefi", why=("boots by UEFI only", *firmware.why))
    return Derived(value=None, why=("by which firmware the disk boots could not be seen", *firmware.why))


def _machine(image: Inspection, firmware: Derived) -> Derived | None:
    """Return q35 where an x86 machine must have UEFI, as Nova's guide recommends; else the cloud's own machine fits."""
    if firmware.value != "uefi" or image.os is None or image.os.architecture not in X86:
        return None
    return Derived(value="q35", why=("recommended for UEFI on x86, and required for Secure Boot",))


def _secure_boot(image: Inspection, firmware: Derived) -> Derived | None:
    """Return optional where a signed loader was seen: to ask for more is for a person."""
    if firmware.value != "uefi" or not image.firmware.secure_boot:
        return None
    return Derived(value="optional", why=("the boot loader is signed; a host without Secure Boot starts it, too",))


def _buses(image: Inspection) -> dict[str, Derived | None]:
    """Return the bus of the disk and the model of the NIC for which the kernel has its drivers in time."""
    virtio, scsi, ide = (_check(image, *names) for names in (_VIRTIO, _SCSI, _IDE))
    named = _check(image, *_BY_NAME, status="fail")
    found = {"hw_vif_model": _if_passed(virtio, "virtio")}
    if named is not None:
        why = f"{named.detail}: on another bus the disk has another name"
        return found | {"hw_disk_bus": Derived(value=None, why=(why,))}
    if _passed(scsi):
        return found | {"hw_disk_bus": _if_passed(scsi, "scsi"), "hw_scsi_model": _if_passed(scsi, "virtio-scsi")}
    if _passed(virtio):
        return found | {"hw_disk_bus": _if_passed(virtio, "virtio")}
    if virtio is not None and virtio.status == "fail" and _passed(ide) and image.firmware.bios:
        return found | {"hw_disk_bus": _if_passed(ide, "ide", virtio.detail)}
    seen = virtio.detail if virtio is not None else "the drivers of the guest could not be seen"
    return found | {"hw_disk_bus": Derived(value=None, why=(seen,))}


def _agent(system: OperatingSystem) -> Derived:
    if QEMU_AGENT in system.agents:
        return Derived(value="yes", why=(f"{QEMU_AGENT} is installed and will be started",))
    return Derived(value=None, why=(f"no {QEMU_AGENT} that will be started was seen",))


def _check(image: Inspection, *names: str, status: str | None = None) -> GuestCheck | None:
    return next((fact for fact in image.guest if fact.check in names and status in {None, fact.status}), None)


def _passed(fact: GuestCheck | None) -> bool:
    return fact is not None and fact.status == "pass"


def _if_passed(fact: GuestCheck | None, value: str, *why: str) -> Derived | None:
    return Derived(value=value, why=(*why, fact.detail)) if fact is not None and fact.status == "pass" else None
