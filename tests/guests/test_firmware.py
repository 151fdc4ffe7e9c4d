"""The boot modes as a set."""

from __future__ import annotations

import pytest
from bootsectors import DISKBOOT, SHIM, grub
from phonydisk import ESP, part

from imgbuild.guests.firmware import boot_modes
from imgbuild.model import Firmware, Partition
from imgbuild.readers import Memory
from imgbuild.volumes.base import PartitionTable
from imgbuild.volumes.types import BIOS_BOOT


def test_a_cloud_image_boots_both_ways():
    disk = Memory(grub(34) + bytes(33 * 512) + DISKBOOT)
    table = PartitionTable("gpt", 512, (Partition(index=14, start=34 * 512, size=512, type_id=BIOS_BOOT),))
    loaders = {"/EFI/BOOT/BOOTX64.EFI": SHIM, "/EFI/BOOT/fbx64.efi": "MZ"}
    esp = part(15, loaders, "fat16", type="EFI system", type_id=ESP)
    assert boot_modes(disk, table, [part(1, {}), esp], container={}, architecture="x86_64") == Firmware(
        bios=True, uefi=True, secure_boot=True,
        why=("GRUB boot code in sector 0, its core image from sector 34 (partition 14) on",
             "EFI/BOOT/BOOTX64.EFI on partition 15",
             "EFI/BOOT/BOOTX64.EFI (shim) is signed under Microsoft Corporation UEFI CA 2011"))


def test_a_bare_file_system_boots_no_way():
    assert boot_modes(Memory(bytes(4096)), None, [part(0, {})]) == Firmware(
        bios=False, uefi=False, secure_boot=None, why=("no boot code in sector 0", "there is no EFI system partition"))


@pytest.mark.parametrize(("platforms", "bios", "uefi", "why"), [
    (["bios", "uefi"], True, True, "El Torito boot images: bios, uefi"),
    (["uefi"], False, True, "El Torito boot images: uefi"),
    (["bios"], True, False, "El Torito boot images: bios"), (["ppc"], False, False, "El Torito boot images: ppc"),
    ([], False, False, "there is no El Torito boot image"),
])
def test_discs(platforms, bios, uefi, why):
    found = boot_modes(Memory(grub(0)), None, [], container={"boot_platforms": platforms})
    assert found == Firmware(bios=bios, uefi=uefi, secure_boot=None, why=(why,))
