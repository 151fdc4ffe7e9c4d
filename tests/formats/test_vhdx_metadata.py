"""The metadata region: the items that a disk must have, their bounds, and the parent of a differencing disk."""

from __future__ import annotations

import struct

import pytest
import vhdx_writer as w
from sparse import File
from vhdx_writer import MIB, Disk

from imgbuild.formats.vhdx.container import open_vhdx
from imgbuild.formats.vhdx.parent import read_locator

TIB = 1 << 40
UNKNOWN = "99999999-0000-0000-0000-000000000009"
DISK = Disk(blocks={0: (w.FULLY_PRESENT, b"A" * MIB)})
ITEMS = DISK.items


def with_items(*items: tuple[str, bytes, int], size: int = 5 * MIB):
    file = DISK.file().patch({w.METADATA: bytes(2 * 65536)}).patch({w.METADATA: w.metadata_region(list(items))})
    return File(size, file.pieces)


def replaced(name: str, value: bytes):
    return with_items(*((key, value if key == name else old, flags) for key, old, flags in ITEMS))


def with_entry(number: int, entry: bytes):
    """Return the disk with another entry in its metadata table."""
    return DISK.file().patch({w.METADATA + 32 + 32 * number: entry})


def said(file) -> tuple[str, str]:
    disk = open_vhdx(file)
    assert not disk.readable
    (problem,) = disk.problems
    return problem.code, problem.message


@pytest.mark.parametrize(("number", "name"), list(enumerate(
    ("File Parameters", "Virtual Disk Size", "Virtual Disk ID", "Logical Sector Size", "Physical Sector Size"))))
def test_each_of_the_five_items_is_needed(number, name):
    assert said(with_items(*(item for place, item in enumerate(ITEMS) if place != number))) == (
        "header-invalid", f"the metadata has no item {name}, which a VHDX must have")


@pytest.mark.parametrize(("number", "name", "length"), [
    (0, "File Parameters", 8), (1, "Virtual Disk Size", 8), (2, "Virtual Disk ID", 16), (3, "Logical Sector Size", 4),
    (4, "Physical Sector Size", 4)])
@pytest.mark.parametrize("difference", [-1, 1])
def test_each_of_the_five_items_has_its_length(number, name, length, difference):
    key, value, _ = ITEMS[number]
    assert said(replaced(key, (value + b"\0")[: length + difference])) == (
        "header-invalid", f"the item {name} has {length + difference} bytes, but it must have {length}")


@pytest.mark.parametrize("size", [MIB, 2 * MIB, 256 * MIB])
def test_block_sizes_are_powers_of_two_from_1_to_256_mib(size):
    assert open_vhdx(replaced(w.FILE_PARAMETERS, struct.pack("<II", size, 0))).header["block_size"] == size


@pytest.mark.parametrize("size", [0, 1, MIB // 2, MIB + 1, 3 * MIB, 512 * MIB, 0x80000000, 0xFFFFFFFF])
def test_other_block_sizes_are_refused(size):
    assert said(replaced(w.FILE_PARAMETERS, struct.pack("<II", size, 0))) == (
        "block-size-invalid",
        f"the block size is {size} bytes, but it must be a power of two from 1 MiB to 256 MiB")


@pytest.mark.parametrize(("expected", "size"), [([], 512), ([], 3 * MIB), (["empty-disk"], 0)])
def test_sizes_that_a_disk_can_have(expected, size):
    disk = open_vhdx(replaced(w.VIRTUAL_DISK_SIZE, struct.pack("<Q", size)))
    assert (disk.virtual_size, [problem.code for problem in disk.problems]) == (size, expected)


@pytest.mark.parametrize("size", [511, 513, 64 * TIB + 512, 1 << 63, (1 << 64) - 1])
def test_sizes_that_no_disk_can_have(size):
    assert said(replaced(w.VIRTUAL_DISK_SIZE, struct.pack("<Q", size))) == (
        "header-invalid",
        f"the disk has {size} bytes, but a VHDX has whole sectors of 512 bytes and at most 64 TiB")


def test_the_largest_disk_is_read():
    disk = open_vhdx(Disk(size=64 * TIB, block_size=256 * MIB).file())
    assert (disk.virtual_size, disk.problems, disk.read_at(64 * TIB - 5, 5)) == (64 * TIB, [], bytes(5))


def test_a_sector_has_512_or_4096_bytes():
    disk = open_vhdx(Disk(sector=4096).file())
    assert (disk.header["logical_sector_size"], disk.problems) == (4096, [])
    for name, key in (("Logical", w.LOGICAL_SECTOR_SIZE), ("Physical", w.PHYSICAL_SECTOR_SIZE)):
        assert said(replaced(key, (1024).to_bytes(4, "little"))) == (
            "header-invalid", f"the item {name} Sector Size is 1024 bytes, but it must be 512 or 4096".replace(
                "the item ", "the "))


def test_an_item_that_is_not_known_is_passed_over_unless_it_is_required():
    assert open_vhdx(with_items(*ITEMS, (UNKNOWN, b"x", w.IS_VIRTUAL_DISK))).problems == []
    code, message = said(with_items(*ITEMS, (UNKNOWN, b"x", w.IS_REQUIRED)))
    assert (code, message) == (
        "unknown-feature", f"the file cannot be read without the item {UNKNOWN}, which is not known")


def test_an_item_of_users_is_not_taken_for_a_known_one():
    size = (w.VIRTUAL_DISK_SIZE, (1 << 62).to_bytes(8, "little"), w.IS_USER)
    assert open_vhdx(with_items(size, *ITEMS)).virtual_size == 3 * MIB
    assert said(with_items(size, *(item for item in ITEMS if item[0] != w.VIRTUAL_DISK_SIZE)))[0] == "header-invalid"


def test_an_item_that_is_there_twice_is_refused():
    assert said(with_items(*ITEMS, ITEMS[1])) == (
        "header-invalid", "the item Virtual Disk Size is in the metadata table twice")


@pytest.mark.parametrize(("expected", "entry"), [
    ("the item Virtual Disk Size is at 65535 to 65543, but items lie between 65536 and 1048576",
     w.metadata_entry(w.VIRTUAL_DISK_SIZE, 65535, 8)),
    ("the item Virtual Disk Size is at 1048569 to 1048577, but items lie between 65536 and 1048576",
     w.metadata_entry(w.VIRTUAL_DISK_SIZE, MIB - 7, 8)),
    ("the item Virtual Disk Size is at 4294967295 to 4294967303, but items lie between 65536 and 1048576",
     w.metadata_entry(w.VIRTUAL_DISK_SIZE, 0xFFFFFFFF, 8)),
    ("the item File Parameters and the item Virtual Disk Size overlap",
     w.metadata_entry(w.VIRTUAL_DISK_SIZE, 65543, 8)),
    (f"the item {UNKNOWN} has 1048577 bytes, but 1 MiB is the most", w.metadata_entry(UNKNOWN, 65536, MIB + 1, 0)),
    ("the item Virtual Disk Size has 0 bytes, but it must have 8", w.metadata_entry(w.VIRTUAL_DISK_SIZE, 0, 0))])
def test_items_that_are_no_place_for_one_are_refused(expected, entry):
    assert said(with_entry(1, entry)) == ("header-invalid", expected)


def test_the_last_bytes_of_the_region_may_be_an_item():
    value = (2 * MIB).to_bytes(8, "little")
    file = with_entry(1, w.metadata_entry(w.VIRTUAL_DISK_SIZE, MIB - 8, 8)).patch({w.METADATA + MIB - 8: value})
    assert open_vhdx(file).virtual_size == 2 * MIB


def test_the_table_has_a_signature_and_at_most_2047_entries():
    assert said(DISK.file().patch({w.METADATA: b"metadatb"})) == (
        "header-invalid", "the metadata region begins with b'metadatb', but it must begin with b'metadata'")
    assert said(DISK.file().patch({w.METADATA + 10: (2048).to_bytes(2, "little")})) == (
        "header-invalid", "the metadata table has 2048 entries, but 2047 are the most")
    empty = w.metadata_entry("00000000-0000-0000-0000-000000000000", 0, 0, 0)
    assert said(DISK.file().patch({w.METADATA + 10: (2047).to_bytes(2, "little"), w.METADATA + 192: 2 * empty})) == (
        "header-invalid", "the item 00000000-0000-0000-0000-000000000000 is in the metadata table twice")


# Differencing disks


def differencing(pairs: dict[str, str], **changes: bytes):
    locator = changes.get("locator", w.parent_locator(pairs))
    return Disk(flags=w.HAS_PARENT, extra_items=[(w.PARENT_LOCATOR, locator, w.IS_REQUIRED)]).file()


@pytest.mark.parametrize(("expected", "pairs"), [
    ("the parent '..\\\\base.vhdx', which", {"relative_path": "..\\base.vhdx", "absolute_win32_path": "C:\\x"}),
    ("the parent 'C:\\\\\\x1b[31m.vhdx', which", {"parent_linkage": "{0}", "absolute_win32_path": "C:\\\x1b[31m.vhdx"}),
    ("the parent '\\\\\\\\?\\\\Volume{1}\\\\b', which", {"volume_path": "\\\\?\\Volume{1}\\b"}),
    ("a parent that the file does not name, and that", {"parent_linkage": "{0}"}),
    ("a parent that the file does not name, and that", {})])
def test_a_differencing_disk_is_named_with_its_parent_and_not_read(expected, pairs):
    disk = open_vhdx(differencing(pairs))
    assert [(problem.code, problem.message) for problem in disk.problems] == [
        ("differencing", f"a differencing disk: most of its content is in {expected} is not part of this file")]
    assert (disk.virtual_size, disk.readable, disk.header["disk_type"]) == (3 * MIB, False, "differencing")
    assert sorted(disk.header["parent_locator"]) == sorted(pairs)


def test_a_differencing_disk_without_a_locator_is_one_all_the_same():
    disk = open_vhdx(Disk(flags=w.HAS_PARENT | w.LEAVE_BLOCK_ALLOCATED).file())
    assert ([problem.code for problem in disk.problems], disk.header["parent_locator"]) == (["differencing"], {})


def test_a_long_name_is_cut_in_the_message():
    disk = open_vhdx(differencing({"relative_path": "x" * 5000}))
    assert "x" * 119 + "…'" in disk.problems[0].message
    assert len(disk.problems[0].message) < 300


@pytest.mark.parametrize(("expected", "raw"), [
    ({}, b""), ({}, bytes(19)), ({}, bytes(18) + b"\xff\xff"), ({}, bytes(18) + b"\1\0" + bytes(11)),
    ({}, bytes(18) + b"\1\0" + struct.pack("<IIHH", 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFF, 0xFFFF)),
    ({"k": "\ufffd"}, bytes(18) + b"\1\0" + struct.pack("<IIHH", 32, 34, 2, 2) + b"k\0\0\xd8"),
    ({"k": ""}, bytes(18) + b"\1\0" + struct.pack("<IIHH", 32, 34, 2, 9) + b"k\0")])
def test_a_locator_that_points_out_of_itself_gives_what_there_is(expected, raw):
    assert read_locator(raw) == expected


def test_only_32_pairs_of_a_locator_are_read():
    assert len(read_locator(w.parent_locator({f"key{number}": "x" for number in range(40)}))) == 32


def test_fixed_disks_are_told_from_dynamic_ones():
    assert open_vhdx(Disk(flags=w.LEAVE_BLOCK_ALLOCATED).file()).header["disk_type"] == "fixed"
