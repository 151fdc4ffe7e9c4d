"""VHDX from its first byte to its regions: facts, the two copies of headers and region tables, what is refused."""

from __future__ import annotations

import pytest
import vhdx_writer as w
from sparse import File
from vhdx_writer import MIB, Disk

from imgbuild.formats import find, vhdx
from imgbuild.formats.base import Probe
from imgbuild.readers import BrokenImage, Memory

A, B = b"A" * MIB, b"B" * MIB
DISK = Disk(blocks={0: (w.FULLY_PRESENT, A), 1: (w.ZERO, b""), 2: (w.FULLY_PRESENT, B)})
FIRST, SECOND = w.HEADERS
TABLE, COPY = w.TABLES
KIB64 = 64 << 10


def opened(file):
    return vhdx.FORMAT.open(file)


def codes(file) -> list[str]:
    return [problem.code for problem in opened(file).problems]


def message(file) -> str:
    (problem,) = opened(file).problems
    return problem.message


def refusal(file):
    with pytest.raises(BrokenImage) as raised:
        opened(file)
    return raised.value.problem


def with_table(*entries: bytes, **fields):
    """Return the disk with other region tables, both copies."""
    table = w.region_table(list(entries), **fields)
    return DISK.file().patch(dict.fromkeys(w.TABLES, table))


def with_header(**fields):
    """Return the disk with another second header, which is in force."""
    return DISK.file().patch({SECOND: w.header(sequence=8, **fields)})


BAT_ENTRY = w.region_entry(w.BAT_REGION, w.BAT)
METADATA_ENTRY = w.region_entry(w.METADATA_REGION, w.METADATA)


def test_the_format_is_in_the_table():
    assert find("vhdx") is vhdx.FORMAT


@pytest.mark.parametrize(("expected", "head"), [(True, b"vhdxfile"), (True, b"vhdxfile\0\0"), (False, b"vhdxfil"),
                                                (False, b"vhdxfilf"), (False, b"\0vhdxfile"), (False, b"")])
def test_a_file_is_recognised_by_its_first_8_bytes(expected, head):
    assert vhdx.FORMAT.matches(Probe(len(head), head, head)) is expected


def test_the_facts_have_the_names_of_the_specification():
    disk = opened(DISK.file())
    assert (disk.format, disk.virtual_size, disk.size, disk.readable, disk.problems) == (
        "vhdx", 3 * MIB, 3 * MIB, True, [])
    assert disk.header == {
        "creator": "imgbuild", "version": 1, "sequence_number": 8,
        "file_write_guid": "03020100-0504-0706-0809-0a0b0c0d0e0f",
        "data_write_guid": "13121110-1514-1716-1819-1a1b1c1d1e1f", "log_guid": None, "log_version": 0,
        "log_length": MIB, "log_offset": MIB, "log_replay_needed": False,
        "regions": [{"guid": w.BAT_REGION, "file_offset": 3 * MIB, "length": MIB, "required": True},
                    {"guid": w.METADATA_REGION, "file_offset": 2 * MIB, "length": MIB, "required": True}],
        "disk_type": "dynamic", "block_size": MIB, "leave_block_allocated": False, "has_parent": False,
        "virtual_disk_size": 3 * MIB, "virtual_disk_id": "03020100-0504-0706-0809-0a0b0c0d0e0f",
        "logical_sector_size": 512, "physical_sector_size": 4096}


def test_the_creator_is_shown_without_what_cannot_be_printed():
    file = DISK.file().patch({8: "a\x1b]0;x\x07\n\u202e".encode("utf-16-le")})
    assert opened(file).header["creator"] == r"a\x1b]0;x\x07\n\u202e"


def test_the_content_is_read():
    disk = opened(DISK.file())
    assert disk.read_at(0, 3 * MIB) == A + bytes(MIB) + B
    assert disk.read_at(MIB - 2, 4) == b"AA\0\0"
    assert disk.read_at(3 * MIB, 0) == b""
    with pytest.raises(BrokenImage) as raised:
        disk.read_at(3 * MIB - 1, 2)
    assert raised.value.problem.code == "truncated"


# Headers


def test_the_whole_header_with_the_higher_sequence_number_counts():
    assert opened(DISK.file()).header["sequence_number"] == 8
    assert opened(DISK.file().patch({FIRST: w.header(sequence=9)})).header["sequence_number"] == 9


@pytest.mark.parametrize(("left", "changes"), [
    (7, {SECOND: b"xxxx"}), (7, {SECOND + 4: b"xxxx"}), (7, {SECOND + 4095: b"x"}), (8, {FIRST: b"xxxx"}),
    (8, {FIRST + 8: b"\xff" * 8})])
def test_a_damaged_header_is_said_and_not_used(left, changes):
    disk = opened(DISK.file().patch(changes))
    assert (disk.header["sequence_number"], disk.readable) == (left, True)
    assert [problem.code for problem in disk.problems] == ["vhdx-copy-damaged"]
    assert disk.problems[0].message == ("the header at byte 131072 is damaged; that at 65536 is used" if left == 7 else
                                        "the header at byte 65536 is damaged; that at 131072 is used")


def test_two_damaged_headers_are_refused():
    problem = refusal(DISK.file().patch({FIRST: b"xxxx", SECOND + 100: b"x"}))
    assert problem.message == "neither of the two headers is whole: a signature or a checksum is wrong in each"
    assert (problem.code, problem.field, problem.offset, problem.length) == ("header-invalid", "Checksum", 65540, 4)


def test_two_headers_of_one_number_may_be_equal_but_not_differ():
    assert codes(DISK.file().patch({FIRST: w.header(sequence=8)})) == []
    problem = refusal(DISK.file().patch({FIRST: w.header(sequence=8, log_length=2 * MIB)}))
    assert problem.message == "both headers have the sequence number 8, but they differ; which one counts?"


@pytest.mark.parametrize(("expected", "fields"), [
    ("the version is 2, but only 1 is defined", {"version": 2}),
    ("the version is 0, but only 1 is defined", {"version": 0}),
    ("the version of the log is 1, but only 0 is defined", {"log_version": 1}),
    ("the log is at byte 0, but it must begin at a whole MiB behind the first", {"log_offset": 0}),
    ("the log is at byte 1048577, but it must begin at a whole MiB behind the first", {"log_offset": MIB + 1}),
    ("the log has 1048575 bytes, but it must have whole MiB", {"log_length": MIB - 1}),
    ("the log is at 1048576 to 4294967296, but the file ends at 6291456", {"log_length": 4095 * MIB}),
    (f"the log is at {(1 << 64) - MIB} to {1 << 64}, but the file ends at 6291456", {"log_offset": (1 << 64) - MIB})])
def test_a_header_that_cannot_be_followed_keeps_its_facts(expected, fields):
    disk = opened(with_header(**fields))
    assert [problem.message for problem in disk.problems] == [expected]
    assert disk.problems[0].code == ("truncated" if "file ends" in expected else "header-invalid")
    assert (disk.virtual_size, disk.readable, disk.header["sequence_number"]) == (None, False, 8)
    with pytest.raises(BrokenImage):
        disk.read_at(0, 1)


def test_there_need_not_be_room_for_a_log():
    assert codes(with_header(log_length=0)) == []


# Region tables


@pytest.mark.parametrize(("code", "changes"), [
    ("checksum-mismatch", {TABLE: b"xxxx"}), ("checksum-mismatch", {TABLE + 65535: b"x"}),
    ("vhdx-copy-damaged", {COPY: b"xxxx"}), ("vhdx-copy-damaged", {COPY + 20: b"x"})])
def test_a_damaged_region_table_is_said_and_the_other_is_used(code, changes):
    disk = opened(DISK.file().patch(changes))
    assert ([problem.code for problem in disk.problems], disk.virtual_size, disk.readable) == ([code], 3 * MIB, True)


def test_two_whole_region_tables_that_differ_are_two_disks_in_one_file():
    other = w.region_table([w.region_entry(w.BAT_REGION, 4 * MIB), METADATA_ENTRY])
    disk = opened(DISK.file().patch({COPY: other}))
    assert [problem.code for problem in disk.problems] == ["vhdx-copies-differ"]
    assert disk.problems[0].message == (
        "the two region tables are whole, but they differ: what is read depends on the reader")
    assert disk.read_at(0, 1) == b"A"


def test_two_damaged_region_tables_are_refused():
    assert message(DISK.file().patch({TABLE: b"xxxx", COPY + 8: b"x"})) == (
        "neither of the two region tables is whole: a signature or a checksum is wrong in each")


UNKNOWN = "99999999-0000-0000-0000-000000000009"


@pytest.mark.parametrize(("code", "expected", "entries"), [
    ("unknown-feature", f"the file cannot be read without the region {UNKNOWN}, which is not known",
     (BAT_ENTRY, METADATA_ENTRY, w.region_entry(UNKNOWN, 4 * MIB))),
    ("header-invalid", "the region table names no BAT region, which a VHDX must have", (METADATA_ENTRY,)),
    ("header-invalid", "the region table names no metadata region, which a VHDX must have", (BAT_ENTRY,)),
    ("header-invalid", "the BAT region is in the table twice",
     (BAT_ENTRY, METADATA_ENTRY, w.region_entry(w.BAT_REGION, 4 * MIB))),
    ("header-invalid", "the BAT region is at byte 0; regions begin at a whole MiB behind the first",
     (w.region_entry(w.BAT_REGION, 0), METADATA_ENTRY)),
    ("header-invalid", "the BAT region is at byte 3145729; regions begin at a whole MiB behind the first",
     (w.region_entry(w.BAT_REGION, 3 * MIB + 1), METADATA_ENTRY)),
    ("header-invalid", "the metadata region has 0 bytes; regions have whole MiB",
     (BAT_ENTRY, w.region_entry(w.METADATA_REGION, 2 * MIB, 0))),
    ("header-invalid", "the metadata region has 65536 bytes; regions have whole MiB",
     (BAT_ENTRY, w.region_entry(w.METADATA_REGION, 2 * MIB, KIB64))),
    ("header-invalid", "the metadata region and the BAT region overlap in the file",
     (BAT_ENTRY, w.region_entry(w.METADATA_REGION, 2 * MIB, 2 * MIB))),
    ("header-invalid", "the log and the metadata region overlap in the file",
     (BAT_ENTRY, w.region_entry(w.METADATA_REGION, MIB))),
    ("truncated", "the BAT region is at 7340032 to 8388608, but the file ends at 6291456",
     (w.region_entry(w.BAT_REGION, 7 * MIB), METADATA_ENTRY)),
    ("truncated", f"the BAT region is at {(1 << 64) - MIB} to {1 << 64}, but the file ends at 6291456",
     (w.region_entry(w.BAT_REGION, (1 << 64) - MIB), METADATA_ENTRY))])
def test_regions_that_cannot_be_used_are_refused(code, expected, entries):
    disk = opened(with_table(*entries))
    assert [(problem.code, problem.message) for problem in disk.problems] == [(code, expected)]
    assert (disk.readable, disk.header["version"]) == (False, 1)


def test_a_region_that_is_not_known_and_not_required_is_passed_over():
    file = with_table(BAT_ENTRY, METADATA_ENTRY, w.region_entry(UNKNOWN, 6 * MIB, required=0))
    assert codes(File(7 * MIB, file.pieces)) == []


def test_2047_regions_are_the_most():
    # The table ends with the last entry, so what is cut off is the count alone.
    assert message(with_table(BAT_ENTRY, METADATA_ENTRY, count=2048)) == (
        "the region table has 2048 entries, but 2047 are the most")
    assert message(with_table(BAT_ENTRY, METADATA_ENTRY, count=0xFFFFFFFF)) == (
        "the region table has 4294967295 entries, but 2047 are the most")
    assert message(with_table(BAT_ENTRY, METADATA_ENTRY, count=2047)) == (
        "the region 00000000-0000-0000-0000-000000000000 is at byte 0; regions begin at a whole MiB behind the first")


# Cut files


@pytest.mark.parametrize("size", [8, 519, 520, KIB64, FIRST + 4095, FIRST + 4096, SECOND, SECOND + 4095])
def test_a_file_that_ends_before_its_headers_do_is_truncated(size):
    assert refusal(DISK.file().cut(size)).code == "truncated"


@pytest.mark.parametrize("size", [SECOND + 4096, TABLE, TABLE + 65535, COPY, COPY + 65535, COPY + 65536, MIB,
                                  2 * MIB - 1, 2 * MIB, 3 * MIB - 1, 3 * MIB, 4 * MIB - 1, 4 * MIB, 5 * MIB,
                                  6 * MIB - 1])
def test_a_file_that_ends_anywhere_else_is_truncated_and_keeps_its_facts(size):
    disk = opened(DISK.file().cut(size))
    assert [problem.code for problem in disk.problems] == ["truncated"]
    assert disk.header["sequence_number"] == 8


def test_the_signature_alone_is_no_disk():
    assert refusal(Memory(b"vhdxfile")).code == "truncated"
