"""Whether a BIOS can boot a disk."""

from __future__ import annotations

import random

import pytest
from bootsectors import (
    BOOTMGR_VBR,
    DISKBOOT,
    EXTLINUX_VBR,
    GPTMBR,
    ISOHYBRID,
    LILO,
    MKFS_VBR,
    PARTED_MBR,
    SYSLINUX_MBR,
    UNKNOWN,
    WINDOWS_MBR,
    grub,
    grub_legacy,
    sector,
)
from phonydisk import part

from imgbuild.guests.bootcode import bios
from imgbuild.model import Partition
from imgbuild.readers import Memory, broken
from imgbuild.volumes.base import PartitionTable
from imgbuild.volumes.types import BIOS_BOOT

SIZE = 1 << 20


def disk(first, **sectors):
    """A disk of 1 MiB; ``s34=…`` puts bytes at sector 34."""
    data = bytearray(SIZE)
    data[:512] = first
    for name, content in sectors.items():
        data[int(name[1:]) * 512 : int(name[1:]) * 512 + len(content)] = content
    return Memory(bytes(data))


def mbr(*active, kind="mbr"):
    """A table with partitions 1 and 2 at the sectors 64 and 128; those named are active."""
    parts = tuple(Partition(index=number, start=start * 512, size=64 * 512, bootable=number in active)
                  for number, start in ((1, 64), (2, 128)))
    return PartitionTable(kind, 512, parts)


def gpt(*, bios_boot=True):
    parts = (Partition(index=1, start=128 * 512, size=64 * 512),
             Partition(index=14, start=64 * 512, size=64 * 512, type="BIOS boot", type_id=BIOS_BOOT))
    return PartitionTable("gpt", 512, parts if bios_boot else parts[:1])


def test_a_grub_disk():
    verdict = bios(disk(grub(1), s1=DISKBOOT), mbr(1), "x86_64")
    assert verdict == (True, "GRUB boot code in sector 0, its core image from sector 1 on")


def test_a_grub_legacy_disk():
    assert bios(disk(grub_legacy(1), s1=DISKBOOT), mbr(1), None) == (
        True, "GRUB boot code in sector 0, its core image from sector 1 on")


def test_grub_whose_core_image_is_missing():
    assert bios(disk(grub(1)), mbr(1), None) == (
        False, "GRUB boot code in sector 0, but its core image is missing at sector 1")
    assert bios(disk(grub_legacy(1)), mbr(1), None).value is False


def test_grub_in_front_of_something_else_is_unseen():
    verdict = bios(disk(grub(1), s1=b"something else"), mbr(1), None)
    assert verdict == (None, "GRUB boot code in sector 0; what is at sector 1 does not look like its core image")


def test_grub_that_loads_from_a_partition():
    assert bios(disk(grub(130), s130=DISKBOOT), mbr(), None) == (
        True, "GRUB boot code in sector 0, its core image from sector 130 (partition 2) on")


@pytest.mark.parametrize("core", [2048, 1 << 40, (1 << 64) - 1])
def test_grub_that_points_behind_the_disk(core):
    assert bios(disk(grub(core)), mbr(1), None).value is False


def test_the_marks_of_grub_alone_are_boot_code_on_mbr():
    assert bios(disk(grub(0)), mbr(), None) == (True, "GRUB boot code in sector 0")


def test_gpt_with_bios_boot_partition_and_core_image():
    assert bios(disk(grub(64), s64=DISKBOOT), gpt(), "x86_64") == (
        True, "GRUB boot code in sector 0, its core image from sector 64 (partition 14) on")
    assert bios(disk(grub(0), s64=DISKBOOT), gpt(), None) == (
        True, "GRUB boot code in sector 0, its core image in BIOS boot partition 14")


@pytest.mark.parametrize(("files", "value"), [
    ({"/bootmgr": "x"}, True), ({"/BOOTMGR": "x"}, True), ({"/Windows/explorer.exe": "x"}, False), (None, True),
])
def test_windows_writes_boot_code_to_each_volume_and_its_program_to_one(files, value):
    blocks = [part(1, {"/bootmgr": "x"}, "ntfs"), part(2, files, "ntfs")]
    verdict = bios(disk(WINDOWS_MBR, s128=BOOTMGR_VBR), mbr(2), "x86_64", blocks)
    assert verdict.value is value
    assert verdict.why.endswith("but no bootmgr for it to load") is (value is False)


def test_gpt_whose_bios_boot_partition_is_empty():
    assert bios(disk(grub(0)), gpt(), None) == (
        False, "GRUB boot code in sector 0, but its core image is missing: BIOS boot partition 14 is empty")
    assert bios(disk(grub(64)), gpt(), None) == (
        False, "GRUB boot code in sector 0, but its core image is missing at sector 64 (partition 14)")


def test_gpt_without_bios_boot_partition():
    assert bios(disk(grub(0)), gpt(bios_boot=False), None) == (
        False, "GRUB boot code in sector 0, but there is no BIOS boot partition for the rest of it")
    assert bios(disk(grub(1), s1=b"EFI PART" + bytes(500)), gpt(bios_boot=False), None).value is False


@pytest.mark.parametrize(("code", "value", "why"), [
    (sector(), False, "no boot code in sector 0"),
    (bytes(512), False, "no boot code in sector 0"),
    (sector(b"\xeb\x63GRUB", signed=False), False, "no boot code in sector 0"),
    (ISOHYBRID, True, "ISOLINUX hybrid boot code in sector 0"),
    (LILO, True, "LILO boot code in sector 0"),
    (EXTLINUX_VBR, True, "EXTLINUX boot code in sector 0"),
    (MKFS_VBR, False, "only the notice of mkfs that it cannot boot in sector 0"),
    (UNKNOWN, None, "boot code that is not known in sector 0"),
])
def test_the_first_sector_alone(code, value, why):
    assert bios(disk(code), None, None) == (value, why)


@pytest.mark.parametrize(("code", "name"), [
    (SYSLINUX_MBR, "generic boot code"), (GPTMBR, "SYSLINUX's generic boot code"),
    (WINDOWS_MBR, "Windows' generic boot code"),
    (PARTED_MBR, "parted's generic boot code"),
])
def test_generic_code_needs_an_active_partition(code, name):
    assert bios(disk(code, s64=EXTLINUX_VBR), mbr(), None) == (
        False, f"{name} in sector 0, but no partition is marked active for it to start")
    assert bios(disk(code, s64=EXTLINUX_VBR), mbr(1), None) == (
        True, f"{name} in sector 0 starts partition 1, which has EXTLINUX boot code in its first sector")
    assert bios(disk(code), None, None).value is False


@pytest.mark.parametrize(("record", "value"), [
    (BOOTMGR_VBR, True), (grub(130), True), (EXTLINUX_VBR, True), (MKFS_VBR, False), (bytes(512), False),
    (UNKNOWN, None),
    (SYSLINUX_MBR, None),
])
def test_what_generic_code_starts(record, value):
    assert bios(disk(WINDOWS_MBR, s128=record), mbr(2), None).value is value


def test_gptmbr_starts_the_partition_with_the_legacy_attribute():
    assert bios(disk(GPTMBR, s64=EXTLINUX_VBR), mbr(1, kind="gpt"), None).value is True
    assert bios(disk(GPTMBR, s64=EXTLINUX_VBR), mbr(kind="gpt"), None).value is False


def test_freebsd():
    code = sector(b"\xfc\x31\xc0 Boot loader too large Missing boot loader")
    part = Partition(index=1, start=64 * 512, size=64 * 512, type_id="83BD6B9D-7F41-11DC-BE0B-001560B84F0F")
    table = PartitionTable("gpt", 512, (part,))
    assert bios(disk(code, s64=b"\x90" * 512), table, None).value is True
    assert bios(disk(code), table, None).value is False


@pytest.mark.parametrize("architecture", ["aarch64", "s390x", "ppc64le", "riscv64"])
def test_machines_without_bios(architecture):
    assert bios(disk(grub(1), s1=DISKBOOT), mbr(1), architecture) == (False, f"{architecture} machines have no BIOS")


@pytest.mark.parametrize("architecture", ["x86_64", "x86", None])
def test_machines_with_bios(architecture):
    assert bios(disk(grub(1), s1=DISKBOOT), mbr(1), architecture).value is True


@pytest.mark.parametrize("size", [0, 1, 511])
def test_a_disk_of_less_than_a_sector(size):
    assert bios(Memory(bytes(size)), None, None).value is False


def test_a_disk_that_cannot_be_read_is_unseen():
    class Torn(Memory):
        def read_at(self, offset, length):
            raise broken("truncated", f"{length} bytes at {offset} are behind the end")

    verdict = bios(Torn(bytes(512)), None, None)
    assert verdict == (None, "the boot code cannot be read: 512 bytes at 0 are behind the end")


def test_mutants_give_a_verdict_and_nothing_else():
    chance = random.Random(20261123)  # noqa: S311 - a fixed set of cases
    codes = (grub(1), grub_legacy(1), SYSLINUX_MBR, WINDOWS_MBR, LILO, UNKNOWN)
    for _ in range(300):
        code = bytearray(chance.choice(codes))
        for _ in range(8):
            code[chance.randrange(510)] = chance.randrange(256)
        table = chance.choice((mbr(1), mbr(), gpt(), gpt(bios_boot=False), None))
        verdict = bios(disk(bytes(code), s1=chance.choice((b"", DISKBOOT))), table, None)
        assert verdict.value in (True, False, None)
        assert verdict.why.isprintable()
