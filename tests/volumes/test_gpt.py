from __future__ import annotations

import json
import random
import re
import struct
import subprocess
import zlib
from typing import TYPE_CHECKING

import pytest
from pace import ENDLESS, Clock
from table_writer import DISK_GUID, ESP, LINUX, Disk, Gpt, Part, boot_sector, record
from tools import needs

from imgbuild import rulebook
from imgbuild.readers import BrokenImage, Memory
from imgbuild.volumes import gpt, open_partition, read_table

if TYPE_CHECKING:
    from pathlib import Path

    from imgbuild.volumes.base import PartitionTable

MIB = 1 << 20
SIZE = 64 * MIB
LAST = SIZE // 512 - 1
PARTS = (Part(2048, 4095, ESP, name="EFI"), Part(4096, 8191, name="root"))


def table_of(disk: Disk) -> PartitionTable:
    table = read_table(disk)
    assert table is not None
    return table


def codes(disk: Disk) -> list[str]:
    return [problem.code for problem in table_of(disk).problems]


@pytest.mark.parametrize("sector", [512, 4096])
def test_both_copies_are_read_in_both_block_sizes(sector: int) -> None:
    parts = (Part(256, 511, ESP, name="EFI"), Part(512, 1023, name="root", attributes=4))
    table = table_of(Gpt(parts, sector=sector).write(Disk(SIZE)))
    assert (table.kind, table.sector_size, table.disk_id, table.problems) == ("gpt", sector, DISK_GUID.lower(), ())
    first, second = table.partitions
    assert (first.index, first.start, first.size) == (1, 256 * sector, 256 * sector)
    assert (first.type, first.type_id, first.name, first.bootable) == ("EFI system", ESP, "EFI", False)
    assert first.partuuid == "c0ffee00-0000-4000-8000-000000000001"
    assert (second.type, second.type_id, second.bootable) == ("Linux filesystem", LINUX, True)
    assert table.attributes == {2: 4}


def test_numbers_are_places_in_the_table() -> None:
    unused = Part(0, 0, "00000000-0000-0000-0000-000000000000")
    table = table_of(Gpt([unused] * 13 + [Part(2048, 4095)]).write(Disk(SIZE)))
    assert [part.index for part in table.partitions] == [14]


@pytest.mark.parametrize(("name", "expected"), [
    ("", None), ("ä\U0001f600", "ä\U0001f600"), ("x" * 36, "x" * 36), (b"\x00\xd8a\x00", "\N{REPLACEMENT CHARACTER}a"),
    ("before\0after", "before"),
])
def test_names_are_utf_16(name: str | bytes, expected: str | None) -> None:
    assert table_of(Gpt([Part(2048, 4095, name=name)]).write(Disk(SIZE))).partitions[0].name == expected


def test_an_unknown_type_is_its_guid() -> None:
    guid = "DEADBEEF-0000-4000-8000-0123456789AB"
    part = table_of(Gpt([Part(2048, 4095, guid)]).write(Disk(SIZE))).partitions[0]
    assert (part.type, part.type_id) == (guid, guid)


@pytest.mark.parametrize(("damage", "reason"), [
    ((512, b"EFI PARD"), "there is no GPT header at block 1: the signature 'EFI PART' is missing"),
    ((512 + 12, struct.pack("<I", 91)), "the header's size is 91, it should be 92 to 512 bytes"),
    ((512 + 12, struct.pack("<I", 513)), "the header's size is 513, it should be 92 to 512 bytes"),
    ((512 + 16, b"\0\0\0\0"), "the checksum of the header does not match"),
    ((1024, b"\xff"), "the checksum of the partition entries does not match"),
])
def test_a_damaged_primary_gives_way_to_the_backup(damage: tuple[int, bytes], reason: str) -> None:
    table = table_of(Gpt(PARTS).write(Disk(SIZE)).write(*damage))
    assert [part.name for part in table.partitions] == ["EFI", "root"]
    assert [(problem.code, problem.message) for problem in table.problems] == [
        ("gpt-primary-damaged", f"the primary GPT is damaged, its backup was used: {reason}")]


@pytest.mark.parametrize(("changes", "reason"), [
    ({"my_lba": 2}, "the header at block 1 says that it is at block 2"),
    ({"entry_size": 120}, "the size of an entry is 120, it should be 128 to 4096 in steps of 8"),
    ({"entry_size": 132}, "the size of an entry is 132, it should be 128 to 4096 in steps of 8"),
    ({"entry_size": 4104}, "the size of an entry is 4104, it should be 128 to 4096 in steps of 8"),
    ({"count": 1025}, "there are 1025 entries, more than 1024"),
    ({"count": 0xFFFFFFFF}, "there are 4294967295 entries, more than 1024"),
    ({"entry_lba": LAST}, f"the partition entries begin at byte {LAST * 512}, which does not fit the disk"),
    ({"entry_lba": 2**64 - 1},
     f"the partition entries begin at byte {(2**64 - 1) * 512}, which does not fit the disk"),
])
def test_a_primary_with_a_right_checksum_is_distrusted_all_the_same(changes: dict[str, int], reason: str) -> None:
    problems = table_of(Gpt(PARTS).write(Disk(SIZE), **changes)).problems
    assert [problem.message for problem in problems] == [
        f"the primary GPT is damaged, its backup was used: {reason}"]


@pytest.mark.parametrize(("count", "entry_size"), [(128, 128), (4, 128), (1024, 128), (64, 256), (128, 136), (4, 4096)])
def test_tables_of_other_shapes_are_read(count: int, entry_size: int) -> None:
    table = table_of(Gpt(PARTS, count=count, entry_size=entry_size).write(Disk(SIZE)))
    assert ([part.name for part in table.partitions], table.problems) == (["EFI", "root"], ())


def test_a_header_may_be_longer_than_its_fields() -> None:
    assert table_of(Gpt(PARTS, header_size=128).write(Disk(SIZE))).problems == ()


def test_both_copies_damaged_leave_a_gpt_without_partitions() -> None:
    table = table_of(Gpt(PARTS).write(Disk(SIZE)).write(512 + 40, b"\xff").write(LAST * 512, b"\0"))
    assert (table.kind, table.partitions) == ("gpt", ())
    assert [(problem.code, problem.field) for problem in table.problems] == [("gpt-damaged", "HeaderCRC32")]
    assert table.problems[0].message == (
        "neither copy of the GPT can be used: the checksum of the header does not match, and there is no valid backup"
        " at the end of the disk")


def test_a_damaged_backup_is_a_problem() -> None:
    table = table_of(Gpt(PARTS).write(Disk(SIZE)).write(LAST * 512 + 56, b"\xff"))
    assert [part.name for part in table.partitions] == ["EFI", "root"]
    assert [problem.message for problem in table.problems] == [
        "the backup GPT is damaged: the checksum of the header does not match"]


@pytest.mark.parametrize("place", [0, 1])
def test_a_backup_is_not_where_the_primary_is(place: int) -> None:
    disk = Gpt(PARTS, alternate=place, last_usable=LAST - 40).write(Disk(SIZE), backup=False)
    assert codes(disk) == ["gpt-backup-damaged"]


def test_the_backup_is_looked_for_where_the_primary_says() -> None:
    grown = Disk(SIZE + 3 * MIB)
    Gpt(PARTS, alternate=LAST).write(grown)
    assert [(problem.code, problem.message, problem.field, problem.hex) for problem in table_of(grown).problems] == [
        ("gpt-backup-not-at-end", f"the backup GPT is at block {LAST}, 3 MiB before the end of the disk",
         "AlternateLBA",
         LAST.to_bytes(8, "little").hex())]


def test_a_cut_image_has_its_backup_past_the_end() -> None:
    disk = Gpt(PARTS).write(Disk(SIZE))
    disk.size = 8192 * 512
    problem, = table_of(disk).problems
    assert (problem.code, problem.message) == ("gpt-past-end", (
        f"the backup GPT should be at block {LAST}, but the last block of the disk is 8191: the image was cut"))
    disk.size -= 512
    assert codes(disk) == ["gpt-past-end", "partition-past-end"]


def test_copies_that_differ_are_named() -> None:
    disk = Gpt(PARTS).write(Disk(SIZE))
    Gpt(PARTS[:1], guid="00000000-1111-2222-3333-444444444444").write(disk, protective=False, primary=False)
    assert [(problem.code, problem.message) for problem in table_of(disk).problems] == [
        ("gpt-copies-differ", "the two copies of the GPT are valid but differ in DiskGUID, the partition entries")]


@pytest.mark.parametrize(("part", "problems"), [
    (Part(8192, LAST - 33), []),
    (Part(8192, LAST - 32), ["gpt-partition-outside-usable"]),
    (Part(34, 2047), []),
    (Part(33, 2047), ["gpt-partition-outside-usable"]),
    (Part(8192, LAST + 1), ["partition-past-end", "gpt-partition-outside-usable"]),
    (Part(8191, 9000), ["partition-overlap"]),
    (Part(4000, 9000), ["partition-overlap", "partition-overlap"]),
    (Part(9000, 9000), []),
    (Part(9000, 8999), ["gpt-partition-range"]),
    (Part(9000, 2**64 - 1), ["gpt-partition-range"]),
    (Part(9000, 9999, unique="c0ffee00-0000-4000-8000-000000000001"), ["gpt-duplicate-partition-id"]),
])
def test_partitions_lie_in_the_usable_range_apart(part: Part, problems: list[str]) -> None:
    assert codes(Gpt([*PARTS, part]).write(Disk(SIZE))) == problems


def test_problems_of_one_kind_are_limited() -> None:
    parts = [Part(2048, 4095, unique="c0ffee00-0000-4000-8000-000000000001") for _ in range(1000)]
    found = codes(Gpt(parts, count=1024).write(Disk(SIZE)))
    assert {code: found.count(code) for code in found} == {"partition-overlap": 16, "gpt-duplicate-partition-id": 16}


@pytest.mark.parametrize(("sector", "problems"), [
    (boot_sector(record(0xEE, 1, 0xFFFFFFFF)), []),
    (boot_sector(record(0xEE, 1, 100, boot=0x80)), []),
    (boot_sector(record(0xEE, 2, 100)), ["gpt-protective-mbr-wrong"]),
    (boot_sector(record(0xEE, 1, 100, chs=b"\0\1\0")), ["gpt-protective-mbr-wrong"]),
    (boot_sector(record(0xEE, 1, 100, chs=b"\xfe\xff\xff")), ["gpt-protective-mbr-wrong"]),
    (boot_sector(record(0, 0, 0), record(0xEE, 1, 100)), ["gpt-protective-mbr-wrong"]),
    (boot_sector(record(0xEE, 1, 2047), record(0x0C, 2048, 2048)), ["gpt-hybrid-mbr"]),
    (bytes(512), ["gpt-protective-mbr-missing"]),
    (boot_sector(), ["gpt-protective-mbr-missing"]),
])
def test_the_protective_record_is_checked(sector: bytes, problems: list[str]) -> None:
    table = table_of(Gpt(PARTS).write(Disk(SIZE)).write(0, sector))
    assert ([part.name for part in table.partitions], [problem.code for problem in table.problems]) == (
        ["EFI", "root"], problems)


def test_a_protective_record_elsewhere_by_chs_shows_its_bytes() -> None:
    sector = boot_sector(record(0xEE, 1, 100, chs=b"\0\1\0"))
    (problem,) = table_of(Gpt(PARTS).write(Disk(SIZE)).write(0, sector)).problems
    assert problem.message == "the protective MBR begins at CHS 0x000100, it should begin at 0x000200"
    assert (problem.field, problem.offset, problem.length, problem.hex) == ("StartingCHS", 447, 3, "000100")


def test_an_mbr_that_does_not_name_the_gpt_is_what_systems_use() -> None:
    table = table_of(Gpt(PARTS).write(Disk(SIZE)).write(0, boot_sector(record(0x83, 2048, 100))))
    assert (table.kind, [problem.code for problem in table.problems]) == ("mbr", ["gpt-leftover"])


def test_a_backup_alone_without_protective_record_is_a_leftover_of_no_account() -> None:
    assert read_table(Gpt(PARTS).write(Disk(SIZE), protective=False, primary=False)) is None


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1024, 1536, 2048, 4096, 8192])
def test_disks_too_small_for_a_table_have_none_or_a_damaged_one(size: int) -> None:
    disk = Gpt(PARTS).write(Disk(SIZE))
    disk.size = size
    table = read_table(disk)
    assert table is None if size < 512 else table is not None and table.partitions == ()


def test_a_partition_is_opened_as_far_as_the_disk_goes() -> None:
    disk = Gpt(PARTS).write(Disk(SIZE)).write(4096 * 512, b"begin")
    root = table_of(disk).partitions[1]
    assert (open_partition(disk, root).size, open_partition(disk, root).read_at(0, 5)) == (2 * MIB, b"begin")
    disk.size = 3 * MIB
    assert open_partition(disk, root).size == MIB
    disk.size = MIB
    assert open_partition(disk, root).size == 0


def test_few_and_small_reads() -> None:
    disk = Gpt(PARTS).write(Disk(SIZE))
    table_of(disk)
    assert len(disk.reads) <= 8
    assert sum(length for _, length in disk.reads) < 40_000


@needs("sfdisk", "sgdisk")
def test_what_sfdisk_writes_reads_as_sfdisk_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    subprocess.run(["truncate", "-s", "512M", path], check=True)
    script = ('label: gpt\nsize=1MiB, type=21686148-6449-6E6F-744E-656564454649, name="boot"\n'
              'size=64MiB, type=uefi, name="ESP", attrs=LegacyBIOSBootable\nsize=100MiB, type=swap, name="sw\u00e4p"\n'
              "size=50MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928\ntype=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n")
    subprocess.run(["sfdisk", "-q", "--no-reread", path], input=script, text=True, check=True, capture_output=True)
    listed = json.loads(subprocess.run(["sfdisk", "--json", path], check=True, capture_output=True).stdout)
    listed = listed["partitiontable"]
    table = gpt.read(Memory(path.read_bytes()))
    assert table is not None
    assert (table.disk_id, table.problems) == (listed["id"].lower(), ())
    assert [(f"{path}{part.index}", part.start // 512, part.size // 512, part.type_id, part.partuuid, part.name)
            for part in table.partitions] == [
        (entry["node"], entry["start"], entry["size"], entry["type"], entry["uuid"].lower(), entry.get("name"))
        for entry in listed["partitions"]]
    assert [part.bootable for part in table.partitions] == [False, True, False, False, False]
    assert [part.type for part in table.partitions] == [
        "BIOS boot", "EFI system", "Linux swap", "Linux LVM", "root (x86-64)"]


@needs("sgdisk")
def test_what_this_writer_lays_down_is_right_for_sgdisk(tmp_path: Path) -> None:
    path = Gpt(PARTS).write(Disk(SIZE)).save(tmp_path / "disk")
    verdict = subprocess.run(["sgdisk", "--verify", path], check=True, capture_output=True, text=True).stdout
    assert "No problems found" in verdict


FAULTS = {
    "gpt-primary-damaged": Gpt(PARTS).write(Disk(SIZE)).write(512, bytes(512)),
    "gpt-backup-damaged": Gpt(PARTS).write(Disk(SIZE)).write(LAST * 512, bytes(512)),
    "gpt-backup-not-at-end": Gpt(PARTS, alternate=LAST).write(Disk(SIZE + 3 * MIB)),
    "gpt-protective-mbr-missing": Gpt(PARTS).write(Disk(SIZE)).write(0, bytes(512)),
    "gpt-protective-mbr-wrong": Gpt(PARTS).write(Disk(SIZE)).write(0, boot_sector(record(0xEE, 2, 100))),
    "gpt-hybrid-mbr": Gpt(PARTS).write(Disk(SIZE)).write(
        0, boot_sector(record(0xEE, 1, 2047), record(0x0C, 2048, 2048))),
    "gpt-leftover": Gpt(PARTS).write(Disk(SIZE)).write(0, boot_sector(record(0x83, 2048, 100))),
}


@needs("gdisk", "sgdisk")
@pytest.mark.parametrize("code", FAULTS)
def test_the_cure_that_its_rule_names_cures_it(code: str, tmp_path: Path) -> None:
    rule = rulebook.load().rule(f"image-{code}")
    assert rule is not None
    hint = rule.hint or ""
    named = re.search(r"(s?gdisk)( --[a-z-]+)? DISK(?:, then ([a-z, ]+))?", hint)
    assert named is not None
    words, keys = [named[1], *(named[2] or "").split()], (named[3] or "").split(", ")
    assert codes(FAULTS[code]) == [code]
    path = FAULTS[code].save(tmp_path / "disk")
    partitions = table_of(FAULTS[code]).partitions
    # They warn by their status, too.
    subprocess.run([*words, path], input="\n".join([*keys, ""]), text=True, check=False, capture_output=True)
    cured = read_table(Memory(path.read_bytes()))
    assert cured is not None
    assert (cured.problems, [part.start for part in cured.partitions]) == ((), [part.start for part in partitions])


def test_mutants_give_a_table_or_a_problem_in_time() -> None:
    whole = Gpt(PARTS).write(Disk(SIZE))
    chance = random.Random(20261123)  # noqa: S311 - cases, no secret
    for _ in range(400):
        disk = Disk(chance.choice((SIZE, SIZE, 5 * MIB, 20_000)))
        for place in (0, 512, 1024, (LAST - 32) * 512, LAST * 512):
            data = bytearray(whole.read_at(place, 512))
            for _ in range(chance.randrange(3)):
                data[chance.randrange(96)] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
            if chance.random() < 0.7:  # a checksum that a clever writer has put right
                data[16:20] = bytes(4)
                data[16:20] = zlib.crc32(data[: min(512, int.from_bytes(data[12:16], "little"))]).to_bytes(4, "little")
            disk.write(place, bytes(data))
        clock = Clock()
        try:
            read_table(disk)
        except BrokenImage as broken:
            assert broken.problem.code  # noqa: PT017 - either outcome is right, nothing else may escape
        assert clock.seconds() < ENDLESS
