from __future__ import annotations

import json
import random
import subprocess
from typing import TYPE_CHECKING

import pytest
from pace import ENDLESS, Clock
from table_writer import Disk, boot_sector, record
from tools import needs

from imgbuild.readers import BrokenImage, Memory
from imgbuild.volumes import mbr, read_table
from imgbuild.volumes.types import is_extended

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
SECTORS = 2048  # of 512 bytes in a MiB


def disk_with(*records: bytes, mib: int = 64, signature: int = 0x5EED0001) -> Disk:
    return Disk(mib * MIB).write(0, boot_sector(*records, signature=signature))


def codes(disk: Disk) -> list[str]:
    table = read_table(disk)
    assert table is not None
    return [problem.code for problem in table.problems]


def test_primary_partitions_keep_their_numbers() -> None:
    table = mbr.read(disk_with(record(0x83, 2048, 4096, 0x80), b"".ljust(16, b"\0"), record(0x8E, 8192, 100)))
    assert table is not None
    assert (table.kind, table.sector_size, table.disk_id, table.problems) == ("mbr", 512, "5eed0001", ())
    first, third = table.partitions
    assert (first.index, first.start, first.size, first.bootable) == (1, MIB, 2 * MIB, True)
    assert (first.type, first.type_id, first.partuuid) == ("Linux filesystem", "0x83", "5eed0001-01")
    assert (third.index, third.type, third.type_id, third.partuuid) == (3, "Linux LVM", "0x8e", "5eed0001-03")


def test_no_signature_gives_no_identifiers() -> None:
    table = mbr.read(disk_with(record(0x83, 2048, 4096), signature=0))
    assert table is not None
    assert (table.disk_id, table.partitions[0].partuuid) == (None, None)


def test_an_unknown_type_is_its_byte() -> None:
    table = mbr.read(disk_with(record(0xCD, 2048, 4096)))
    assert table is not None
    assert (table.partitions[0].type, table.partitions[0].type_id) == ("0xcd", "0xcd")


@pytest.mark.parametrize(("sector", "why"), [
    (b"", "an empty disk"),
    (b"\0" * 512, "no signature"),
    (boot_sector(), "no partition at all"),
    (boot_sector(record(0x83, 1, 0)), "a partition without sectors"),
    (boot_sector(record(0, 1, 1)), "a record without a type"),
    (boot_sector(record(0x83, 1, 1, boot=0x12)), "a boot indicator that is neither 0 nor 0x80"),
    (boot_sector(record(0x83, 1, 1))[:510], "a sector that is cut"),
    (boot_sector(record(0x83, 1, 1), code=b"\xeb\x52\x90NTFS    "), "a boot sector of NTFS"),
    (boot_sector(record(0x83, 1, 1), code=b"\xeb\x76\x90EXFAT   "), "a boot sector of exFAT"),
])
def test_what_is_no_master_boot_record(sector: bytes, why: str) -> None:
    assert mbr.read(Memory(sector)) is None, why


def test_a_fat_boot_sector_is_told_from_a_master_boot_record_by_its_table() -> None:
    code = bytes.fromhex("eb3c90") + b"mkfs.fat" + bytes.fromhex("0002010100027000d002f80900")
    sector = boot_sector(record(0x83, 1, 1), code=code)
    assert mbr.read(Disk(MIB).write(0, sector).write(512, b"\xf8\xff\xff")) is None
    assert mbr.read(Disk(MIB).write(0, sector).write(512, b"\0\0\0")) is not None


@pytest.mark.parametrize("kind", [0x05, 0x0F, 0x85])
def test_logical_partitions_count_from_five(kind: int) -> None:
    disk = disk_with(record(0x83, 2048, 2048), record(kind, 4096, 40960))
    disk.write(4096 * 512, boot_sector(record(0x82, 63, 1000), record(0x05, 10000, 5000)))
    disk.write(14096 * 512, boot_sector(record(0x83, 2048, 2000)))
    table = mbr.read(disk)
    assert table is not None
    assert [(part.index, part.start // 512, part.size // 512) for part in table.partitions] == [
        (1, 2048, 2048), (2, 4096, 40960), (5, 4096 + 63, 1000), (6, 14096 + 2048, 2000)]
    assert [is_extended(part.type_id) for part in table.partitions] == [False, True, False, False]
    assert table.partitions[3].partuuid == "5eed0001-06"
    assert table.problems == ()


@pytest.mark.parametrize(("link", "reason"), [
    (0, "its chain comes back to sector 4096"),
    (10000, "there is no boot record at sector 14096, where its chain leads"),
    (0xFFFFFFF0, "there is no boot record at sector 4294971376, where its chain leads"),
])
def test_a_chain_that_leads_nowhere_is_a_problem(link: int, reason: str) -> None:
    disk = disk_with(record(0x05, 4096, 40960))
    disk.write(4096 * 512, boot_sector(record(0x83, 63, 100), record(0x05, link, 5000)))
    table = mbr.read(disk)
    assert table is not None
    assert [part.index for part in table.partitions] == [1, 5]
    assert [(problem.code, problem.message) for problem in table.problems] == [
        ("extended-partition-damaged", f"extended partition 1 cannot be followed: {reason}")]


@pytest.mark.parametrize(("count", "problems"), [(128, []), (129, ["extended-partition-damaged"])])
def test_a_chain_is_followed_for_128_partitions(count: int, problems: list[str]) -> None:
    disk = disk_with(record(0x05, 4096, 60000))
    for number in range(count):
        link = [record(0x05, (number + 1) * 64, 64)] if number + 1 < count else []
        disk.write((4096 + number * 64) * 512, boot_sector(record(0x83, 1, 8), *link))
    table = mbr.read(disk)
    assert table is not None
    assert len(table.partitions) == 1 + 128
    assert [problem.code for problem in table.problems] == problems


@pytest.mark.parametrize(("size", "problems"), [(1, []), (2, ["partition-past-end"])])
def test_a_partition_ends_on_the_disk(size: int, problems: list[str]) -> None:
    assert codes(disk_with(record(0x83, 64 * SECTORS - 1, size))) == problems


def test_sectors_do_not_wrap_at_32_bits() -> None:
    table = mbr.read(disk_with(record(0x83, 0xFFFFFFFF, 0xFFFFFFFF)))
    assert table is not None
    assert table.partitions[0].start == 0xFFFFFFFF * 512
    assert [problem.message for problem in table.problems] == [
        "partition 1 ends at byte 4398046510080, 4.00 TiB after the end of the disk at 67108864"]


@pytest.mark.parametrize(("start", "problems"), [(4096, []), (4095, ["partition-overlap"])])
def test_partitions_do_not_overlap(start: int, problems: list[str]) -> None:
    assert codes(disk_with(record(0x83, 2048, 2048), record(0x83, start, 100))) == problems


@pytest.mark.parametrize(("start", "problems"), [(8192, []), (8191, ["partition-overlap"])])
def test_logical_partitions_do_not_overlap_others(start: int, problems: list[str]) -> None:
    disk = disk_with(record(0x05, 4096, 40960)).write(
        4096 * 512, boot_sector(record(0x83, 2048, 2048), record(0x05, 2048, 9000)))
    disk.write(6144 * 512, boot_sector(record(0x83, start - 6144, 100)))
    assert codes(disk) == problems


def test_the_first_partition_of_an_isohybrid_covers_the_whole_image() -> None:
    assert codes(disk_with(record(0x17, 0, 64 * SECTORS, 0x80), record(0xEF, 100, 200))) == []


def test_several_active_partitions_are_noted() -> None:
    assert codes(disk_with(record(0x83, 2048, 10, 0x80), record(0x83, 4096, 10, 0x80))) == ["mbr-several-active"]


@pytest.mark.parametrize(("offset", "sector"), [(256 * 4096, 4096), (256 * 512, 512), (30 * MIB, 512)])
def test_sectors_are_4096_bytes_only_where_the_content_proves_it(offset: int, sector: int) -> None:
    disk = disk_with(record(0x83, 256, 4096)).write(offset + 1024, b"superblock")
    table = mbr.read(disk)
    assert table is not None
    assert (table.sector_size, table.partitions[0].start) == (sector, 256 * sector)


@needs("sfdisk")
def test_what_sfdisk_writes_reads_as_sfdisk_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.touch()
    subprocess.run(["truncate", "-s", "256M", path], check=True)
    script = ("label: dos\nlabel-id: 0x12345678\nstart=2048, size=20480, type=83, bootable\nsize=20480, type=ef\n"
              "size=300000, type=f\nsize=4096, type=82\nsize=8192, type=83\nsize=16384, type=8e\nsize=1024, type=7\n")
    subprocess.run(["sfdisk", "-q", "--no-reread", path], input=script, text=True, check=True, capture_output=True)
    listed = json.loads(subprocess.run(["sfdisk", "--json", path], check=True, capture_output=True).stdout)
    table = mbr.read(Memory(path.read_bytes()))
    assert table is not None
    assert table.disk_id == listed["partitiontable"]["id"].removeprefix("0x")
    assert [(f"{path}{part.index}", part.start // 512, part.size // 512, part.type_id, part.bootable)
            for part in table.partitions] == [
        (entry["node"], entry["start"], entry["size"], f"{int(entry['type'], 16):#04x}", entry.get("bootable", False))
        for entry in listed["partitiontable"]["partitions"]]
    assert table.problems == ()


@needs("mkfs.vfat", "mke2fs")
@pytest.mark.parametrize("command", [("mkfs.vfat", "-F", "12"), ("mkfs.vfat", "-F", "16"), ("mkfs.vfat", "-F", "32"),
                                     ("mke2fs", "-q", "-F")])
def test_a_file_system_on_the_whole_disk_is_no_table(tmp_path: Path, command: tuple[str, ...]) -> None:
    path = tmp_path / "disk"
    path.write_bytes(bytes(33 * MIB))
    subprocess.run([*command, path], check=True, capture_output=True)
    assert read_table(Memory(path.read_bytes())) is None


def test_mutants_give_a_table_or_a_problem_in_time() -> None:
    base = disk_with(record(0x83, 2048, 2048, 0x80), record(0x05, 4096, 40960))
    base.write(4096 * 512, boot_sector(record(0x82, 63, 1000), record(0x05, 10000, 5000)))
    base.write(14096 * 512, boot_sector(record(0x83, 2048, 2000), record(0x05, 20000, 5000)))
    sectors = {offset: base.read_at(offset, 512) for offset in (0, 4096 * 512, 14096 * 512)}
    chance = random.Random(20261123)  # noqa: S311 - cases, no secret
    for _ in range(300):
        disk = Disk(chance.choice((64 * MIB, 3 * MIB, 4096 * 512 + 100)))
        for offset, sector in sectors.items():
            data = bytearray(sector)
            for _ in range(chance.randrange(4)):
                data[chance.randrange(446, 510)] = chance.choice((0, 1, 5, 0x80, 0xFF, chance.randrange(256)))
            disk.write(offset, bytes(data))
        clock = Clock()
        try:
            read_table(disk)
        except BrokenImage as broken:
            assert broken.problem.code  # noqa: PT017 - either outcome is right, nothing else may escape
        assert clock.seconds() < ENDLESS
