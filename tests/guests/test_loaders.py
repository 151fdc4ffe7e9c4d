"""Whether UEFI firmware can boot a disk, and under Secure Boot."""

from __future__ import annotations

import pytest
from bootsectors import OLD_SHIM, SHIM, certificates, program
from phony import DIRECTORY
from phonydisk import ESP, part

from imgbuild.guests.loaders import uefi

FAKE = "MZ fake efi loader"
WHERE = "the EFI system partition (partition 1)"
FALLBACK = "EFI/BOOT/BOOTX64.EFI"
NOTHING = "firmware with fresh NVRAM finds nothing to start"


def esp(tree, kind="fat32", index=1, **more):
    return part(index, tree, kind, type="EFI system", type_id=ESP, **more)


def judge(tree, architecture="x86_64"):
    return uefi([esp(tree)], architecture)


def test_the_fallback_loader():
    assert judge({"/EFI/BOOT/BOOTX64.EFI": program()}).uefi == (True, "EFI/BOOT/BOOTX64.EFI on partition 1")


@pytest.mark.parametrize("path", ["/EFI/BOOT/BOOTX64.EFI", "/efi/boot/bootx64.efi", "/EFI/Boot/BootX64.efi"])
def test_letters_may_be_large_or_small(path):
    assert judge({path: FAKE}).uefi.value is True


@pytest.mark.parametrize(("architecture", "name", "value"), [
    ("x86_64", "BOOTX64.EFI", True), ("x86_64", "BOOTAA64.EFI", False), ("x86_64", "BOOTIA32.EFI", False),
    ("x86", "BOOTIA32.EFI", True), ("x86", "BOOTX64.EFI", True), ("aarch64", "BOOTAA64.EFI", True),
    ("aarch64", "BOOTX64.EFI", False),
    ("riscv64", "BOOTRISCV64.EFI", True), ("loongarch64", "BOOTLOONGARCH64.EFI", True), ("arm", "BOOTARM.EFI", True),
    ("s390x", "BOOTX64.EFI", False), (None, "BOOTX64.EFI", True), (None, "BOOTAA64.EFI", True),
])
def test_each_architecture_has_its_own(architecture, name, value):
    assert judge({f"/EFI/BOOT/{name}": FAKE}, architecture).uefi.value is value


def test_vendor_loaders_alone_do_not_boot():
    tree = {"/EFI/debian/shimx64.efi": FAKE, "/EFI/Microsoft/Boot/bootmgfw.efi": FAKE, "/EFI/BOOT": DIRECTORY}
    why = f"{WHERE} has no fallback loader ({FALLBACK}), only EFI/Microsoft, EFI/debian: {NOTHING}"
    assert judge(tree) == ((False, why), None)


@pytest.mark.parametrize(("tree", "architecture", "why"), [
    ({}, "x86_64", f"{WHERE} has no fallback loader ({FALLBACK}): {NOTHING}"),
    ({}, None, f"{WHERE} has no fallback loader (such as {FALLBACK}): {NOTHING}"),
    ({}, "s390x", f"{WHERE} has no loader for s390x"),
    ({"/EFI/BOOT/BOOTX64.EFI": FAKE}, "aarch64", f"{WHERE} has {FALLBACK} only, which does not start aarch64"),
    ({"/EFI/BOOT/BOOTX64.EFI": b""}, "x86_64", f"{FALLBACK} on partition 1 is empty"),
    ({"/EFI/BOOT/BOOTX64.EFI": DIRECTORY}, None, f"{WHERE} has no fallback loader (such as {FALLBACK}): {NOTHING}"),
    ({"/EFI/BOOT/BOOTX64.EFI": program(0xAA64)}, None,
     f"{FALLBACK} on partition 1 is a program for aarch64, not x86_64"),
    ({"/EFI/BOOT/BOOTX64.EFI": SHIM}, None,
     f"{FALLBACK} on partition 1 is shim, but has no fallback program and no GRUB beside it"),
])
def test_what_does_not_boot(tree, architecture, why):
    assert judge(tree, architecture) == ((False, why), None)


def test_a_loader_that_is_no_program_is_unseen():
    found = judge({"/EFI/BOOT/BOOTX64.EFI": "garbage"})
    assert found.uefi == (None, f"{FALLBACK} on partition 1 is no program for UEFI")


def test_the_names_of_vendors_cannot_write_on_the_terminal():
    assert judge({"/EFI/\x1b[2Jdebian": DIRECTORY}).uefi.why.isprintable()


@pytest.mark.parametrize("second", ["fbx64.efi", "grubx64.efi", "FBX64.EFI", "GRUBX64.EFI"])
@pytest.mark.parametrize("shim", [SHIM, OLD_SHIM])
def test_shim_needs_its_second_stage_beside_it(shim, second):
    found = judge({"/EFI/BOOT/BOOTX64.EFI": shim, f"/EFI/BOOT/{second}": FAKE})
    assert found.uefi.value is True
    assert found.secure_boot == (True, "EFI/BOOT/BOOTX64.EFI (shim) is signed under Microsoft Corporation UEFI CA 2011")


def test_the_second_stage_of_another_machine_is_none():
    assert judge({"/EFI/BOOT/BOOTX64.EFI": SHIM, "/EFI/BOOT/grubaa64.efi": FAKE}).uefi.value is False


@pytest.mark.parametrize(("loader", "value", "why"), [
    (program(), False, "EFI/BOOT/BOOTX64.EFI is not signed"),
    (program(certificates=certificates(b"Microsoft UEFI CA 2023")), True,
     "EFI/BOOT/BOOTX64.EFI is signed under Microsoft UEFI CA 2023"),
    (program(certificates=certificates(b"Debian Secure Boot CA")), None,
     "EFI/BOOT/BOOTX64.EFI is signed, but under no authority that firmware trusts as delivered"),
    (FAKE, None, "EFI/BOOT/BOOTX64.EFI on partition 1 is no PE program: who signed it cannot be seen"),
])
def test_secure_boot(loader, value, why):
    found = judge({"/EFI/BOOT/BOOTX64.EFI": loader})
    assert found.uefi.value is True
    assert found.secure_boot == (value, why)


@pytest.mark.parametrize(("block", "value", "why"), [
    (esp({}, "ext4"), False, f"{WHERE} holds ext4, not FAT"),
    (esp({}, None), False, f"{WHERE} holds no file system"),
    (esp(None), None, f"{WHERE} cannot be read"),
    (esp({"/EFI/BOOT/BOOTX64.EFI": FAKE}, damaged=("/EFI",)), None,
     f"{WHERE} cannot be read: the inode of '/EFI' is damaged"),
])
def test_what_is_wrong_with_the_partition(block, value, why):
    assert uefi([block], "x86_64") == ((value, why), None)


def test_no_efi_system_partition():
    assert uefi([part(1, {})], None) == ((False, "there is no EFI system partition"), None)
    assert uefi([], None).uefi.value is False


def test_the_best_of_several():
    blocks = [esp({}, index=1), esp({"/EFI/BOOT/BOOTX64.EFI": FAKE}, index=2), esp(None, index=3)]
    assert uefi(blocks, None).uefi == (True, "EFI/BOOT/BOOTX64.EFI on partition 2")
    assert uefi([blocks[0], blocks[2]], None).uefi.value is None


def test_a_fat_on_the_whole_disk():
    block = part(0, {"/EFI/BOOT/BOOTX64.EFI": FAKE}, "fat16", type=None)
    assert uefi([block], None).uefi == (True, "EFI/BOOT/BOOTX64.EFI on the whole disk")
    empty = uefi([part(0, {}, "fat16", type=None)], "x86_64").uefi
    assert empty == (False, f"the file system on the whole disk has no fallback loader ({FALLBACK}): {NOTHING}")


def test_a_loader_on_another_fat_depends_on_the_firmware():
    block = part(1, {"/EFI/BOOT/BOOTAA64.EFI": FAKE}, "fat32", type="FAT32 (LBA)")
    assert uefi([block], "aarch64").uefi == (
        None, "EFI/BOOT/BOOTAA64.EFI is on partition 1, which is no EFI system partition: it depends on the firmware")
    assert uefi([part(1, {"/readme.txt": "x"}, "fat32")], "aarch64").uefi.value is False
