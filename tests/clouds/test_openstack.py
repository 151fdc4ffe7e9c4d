"""Properties of an OpenStack image: what the disk tells, in words of the vocabulary, and why others are left out."""

from __future__ import annotations

import msgspec
import pytest
from images import containers, disks
from tools import needs

from imgbuild import linting, pipeline, rulebook
from imgbuild.checks import Context
from imgbuild.choices import Choices
from imgbuild.clouds.openstack import system_fields
from imgbuild.documents.inspection import Inspection
from imgbuild.settings import Settings

BOOK = rulebook.load("openstack")
OPERATION = BOOK.profile.operations["create-metadata"]
DEBIAN = {"type": "Linux", "id": "debian", "version": "12", "release": "12.5", "name": "Debian GNU/Linux 12",
          "architecture": "x86_64", "bits": 64}
PASS = {"lin_virtio": "pass", "lin_virtio_scsi": "pass", "lin_ide": "pass"}
UEFI, BIOS = {"uefi": True, "bios": False}, {"uefi": False, "bios": True}


def derived(*, checks=None, **facts):
    guest = [{"check": check, "status": status, "detail": f"{check} {status}", "files": []}
             for check, status in (checks or {}).items()]
    facts = {"path": "disk.qcow2", "size": 1 << 20, "format": "qcow2", "os": DEBIAN, "guest": guest, **facts}
    return system_fields(msgspec.convert(facts, Inspection), BOOK, OPERATION, {})


def values(**facts):
    return {name: field.value for name, field in derived(**facts).items() if field.value is not None}


def system(**about):
    return DEBIAN | about


@pytest.mark.parametrize(("guest", "expected"), [
    (system(), ("x86_64", "linux", "debian", "12")),
    (system(architecture="x86"), ("i686", "linux", "debian", "12")),
    (system(architecture="aarch64"), ("aarch64", "linux", "debian", "12")),
    (system(architecture="arm"), ("armv7l", "linux", "debian", "12")),
    (system(architecture="riscv64"), (None, "linux", "debian", "12")),
    (system(architecture=None), (None, "linux", "debian", "12")),
    (system(id="opensuse-leap", version="15.6"), ("x86_64", "linux", "opensuse", "15.6")),
    (system(id="alpine", version="3.20.0"), ("x86_64", "linux", "alpinelinux", "3.20.0")),
    (system(id="amzn", version="2023"), ("x86_64", "linux", "amzn", "2023")),
    (system(id="arch", version=None), ("x86_64", "linux", "arch", None)),
    (system(id=None, version=None), ("x86_64", "linux", None, None)),
    (system(type="Windows", id="windows", version="2022"), ("x86_64", "windows", "windows", "2022")),
    (system(type="Other", id="freebsd", version="14.1"), ("x86_64", None, "freebsd", "14.1")),
])
def test_names_of_the_system(guest, expected):
    found = values(os=guest)
    assert tuple(found.get(name) for name in ("architecture", "os_type", "os_distro", "os_version")) == expected


@pytest.mark.parametrize(("firmware", "architecture", "expected"), [
    (BIOS, "x86_64", {"hw_firmware_type": "bios"}),
    (UEFI, "x86_64", {"hw_firmware_type": "uefi", "hw_machine_type": "q35"}),
    (UEFI | {"secure_boot": True}, "x86_64",
     {"hw_firmware_type": "uefi", "hw_machine_type": "q35", "os_secure_boot": "optional"}),
    (UEFI | {"secure_boot": False}, "x86_64", {"hw_firmware_type": "uefi", "hw_machine_type": "q35"}),
    (UEFI, "aarch64", {"hw_firmware_type": "uefi"}),
    ({"uefi": True, "bios": True, "secure_boot": True}, "x86_64", {}),
    ({"uefi": True}, "x86_64", {}),
    ({}, "x86_64", {}),
])
def test_firmware(firmware, architecture, expected):
    found = values(firmware=firmware, os=system(architecture=architecture))
    assert {name: value for name, value in found.items()
            if name in {"hw_firmware_type", "hw_machine_type", "os_secure_boot"}} == expected


@pytest.mark.parametrize(("checks", "firmware", "expected"), [
    (PASS, BIOS, {"hw_disk_bus": "scsi", "hw_scsi_model": "virtio-scsi", "hw_vif_model": "virtio"}),
    (PASS | {"lin_virtio_scsi": "fail"}, BIOS, {"hw_disk_bus": "virtio", "hw_vif_model": "virtio"}),
    (PASS | {"lin_virtio_scsi": "unknown"}, BIOS, {"hw_disk_bus": "virtio", "hw_vif_model": "virtio"}),
    ({"lin_virtio": "fail", "lin_virtio_scsi": "fail", "lin_ide": "pass"}, BIOS, {"hw_disk_bus": "ide"}),
    ({"lin_virtio": "fail", "lin_virtio_scsi": "fail", "lin_ide": "pass"}, UEFI, {}),
    ({"lin_virtio": "unknown", "lin_virtio_scsi": "unknown", "lin_ide": "pass"}, BIOS, {}),
    (PASS | {"lin_fstab_uuid": "fail"}, BIOS, {"hw_vif_model": "virtio"}),
    ({"win_virtio": "pass"}, BIOS, {"hw_disk_bus": "virtio", "hw_vif_model": "virtio"}),
    ({}, BIOS, {}),
])
def test_buses(checks, firmware, expected):
    found = values(checks=checks, firmware=firmware)
    assert {name: value for name, value in found.items()
            if name in {"hw_disk_bus", "hw_scsi_model", "hw_vif_model"}} == expected


def test_what_is_left_out_says_why():
    found = derived(checks=PASS | {"lin_grub_uuid": "fail"}, firmware={"uefi": True, "bios": True},
                    os=system(architecture="riscv64"))
    assert {name: field.why for name, field in found.items() if field.value is None} == {
        "architecture": ("the architecture of the guest is riscv64: there is no word for it",),
        "hw_firmware_type": ("boots by BIOS and by UEFI: whichever the cloud gives is right",),
        "hw_disk_bus": ("lin_grub_uuid fail: on another bus the disk has another name",),
        "hw_qemu_guest_agent": ("no qemu-guest-agent that will be started was seen",)}


def test_user_and_agent():
    found = values(os=system(default_user="debian", agents=["qemu-guest-agent"]))
    assert (found["os_admin_user"], found["hw_qemu_guest_agent"]) == ("debian", "yes")


def test_a_data_disk_has_no_properties():
    part = {"index": 1, "start": 0, "size": 1 << 20, "filesystem": "ext4"}
    assert derived(os=None, partitions=[part], firmware={"bios": False, "uefi": False}) == {}


def test_a_disc_has_no_buses():
    assert set(values(format="iso", checks=PASS, firmware=BIOS)) == {
        "architecture", "os_type", "os_distro", "os_version", "hw_firmware_type"}


# What only a person knows of an image by the standard of SCS.
PERSONS = {"replace_frequency": "monthly", "provided_until": "none", "uuid_validity": "last-3", "os_purpose": "generic",
           "image_source": "private", "image_description": "a system", "image_build_date": "2026-11-28",
           "image_original_user": "none"}


@needs("qemu-img", *disks.XFS_TOOLS)
@pytest.mark.parametrize("layout", disks.LAYOUTS)
@pytest.mark.parametrize("cloud", ["openstack", "scs"])
def test_the_builder_obeys_the_linter(cloud, layout, disk, tmp_path):
    path = containers.wrap("qcow2", disk(layout), tmp_path)
    choices = Choices(min_ram=512, extra=PERSONS) if cloud == "scs" else Choices()

    found = pipeline.check([str(path)], Settings(cloud=cloud, checksums=None), choices).findings.findings

    of_request = [finding.message for finding in found if finding.group == "request" and finding.severity != "note"]
    # The disks without a boot menu and with kernel names in fstab: on which bus theirs is to be cannot be known.
    assert [message for message in of_request if not message.startswith("hw_disk_bus is missing")] == []
    if disks.LAYOUTS[layout].stock:
        assert [finding.message for finding in found if finding.severity == "error"] == []
        assert len([finding for finding in found if finding.severity == "warning"]) <= 2


@needs(*disks.XFS_TOOLS)
def test_a_reading_of_min_disk_that_no_document_of_the_cloud_has(disk):
    settings = Settings(cloud="openstack", min_disk_policy="greater", checksums=None)
    manifest = pipeline.build(str(disk("gpt-uefi-ext4")), settings).manifest
    assert (manifest.derived["min_disk"].value, manifest.policy.min_disk) == (1, "greater")


ODD = (None, True, 7, 1.5, "", "\x00", "x" * 5000, [], ["a", 7, None], {}, {"a": []}, 2**70)


@pytest.mark.parametrize("cloud", ["openstack", "scs"])
def test_no_value_of_a_field_is_too_odd(cloud):
    book = rulebook.load(cloud)
    image = msgspec.convert({"path": "disk.raw", "size": 1, "format": "raw", "os": DEBIAN}, Inspection)
    operation = book.profile.operations["create-metadata"]
    for value in ODD:
        body = dict.fromkeys(operation.documented(book.profile.custom_properties), value)
        assert linting.lint(book, Context(body=body, image=image))[1].failed > 0
