from __future__ import annotations

import struct

import pytest
from pace import ENDLESS, Clock
from qcow2_images import Sparse
from vmdk_images import Builder, codes, opened, patch, plain, text

from imgbuild.formats.vmdk.container import open_vmdk
from imgbuild.readers import BrokenImage

# A sentence, what is changed in a sound disk of 56 sectors with grains of 8, code, field, message, and whether the
# content can still be read.

HEADER_CASES = [
    ("no capacity that a disk has", {"capacity": 1 << 54}, "header-invalid", "capacity",
     "capacity gives a disk of 9223372036854775808 bytes; a disk has more than 0 and less than 2**63", False),
    ("version 0", {"version": 0}, "header-invalid", "version", "the version is 0; 1 to 3 are defined", False),
    ("version 4", {"version": 4}, "header-invalid", "version", "the version is 4; 1 to 3 are defined", False),
    ("tables without entries", {"numGTEsPerGT": 0}, "header-invalid", "numGTEsPerGT",
     "numGTEsPerGT is 0; a grain table has 1 to 512 entries", False),
    ("tables of 513 entries", {"numGTEsPerGT": 513}, "header-invalid", "numGTEsPerGT",
     "numGTEsPerGT is 513; a grain table has 1 to 512 entries", False),
    ("grains of no size", {"grainSize": 0}, "header-invalid", "grainSize",
     "grainSize is 0 sectors; 1 to 2097152 can be read, 128 are usual", False),
    ("grains of over 1 GiB", {"grainSize": 0x200001}, "header-invalid", "grainSize",
     "grainSize is 2097153 sectors; 1 to 2097152 can be read, 128 are usual", False),
    ("a compression that nobody knows", {"compressAlgorithm": 2}, "header-invalid", "compressAlgorithm",
     "compressAlgorithm is 2; 0 (none) and 1 (deflate) are defined", False),
    ("compression without its flag", {"compressAlgorithm": 1}, "header-invalid", "flags",
     "compressAlgorithm is 1, but bit 16 of the flags (compressed grains) is not set", False),
    ("the flag without compression", {"flags": 0x10003}, "header-invalid", "flags",
     "compressAlgorithm is 0, but bit 16 of the flags (compressed grains) is set", False),
    ("no grain directory", {"gdOffset": 0}, "header-invalid", "gdOffset",
     "gdOffset is 0, where the header is; the grain directory comes after it", False),
    ("a grain directory after the end", {"gdOffset": 75}, "truncated", "gdOffset",
     "the grain directory is at 38400 to 38408, but the file ends at 38400", False),
    ("a first grain after the end", {"overHead": 76}, "truncated", "overHead",
     "overHead puts the first grain at 38912, but the file ends at 38400", False),
    ("not closed", {"uncleanShutdown": 1}, "needs-check", "uncleanShutdown",
     ("uncleanShutdown is set: the disk was not closed, and its tables may lag behind; VMware's products repair it when"
      " they open it"), True),
    ("copied as text", {"checkBytes": b"\n \n\n"}, "header-invalid", "singleEndLineChar",
     "the check bytes are 0a 20 0a 0a and not 0a 20 0d 0a: the file was copied as if it were text", True),
    ("another size than the descriptor has", {"capacity": 55}, "vmdk-sizes-differ", "capacity",
     "the header has 55 sectors, the extent in the descriptor 56", True),
]


@pytest.mark.parametrize(("_sentence", "changes", "code", "field", "message", "readable"), HEADER_CASES,
                         ids=[case[0] for case in HEADER_CASES])
def test_a_header_field_that_is_wrong_is_said_with_its_evidence(_sentence, changes, code, field, message, readable):
    image = patch(plain("ab.cdef", grain_sectors=8).image(), **changes)
    disk = opened(image)
    problem = disk.problems[0]
    assert (problem.code, problem.field, problem.message) == (code, field, message)
    assert problem.hex == image[problem.offset : problem.offset + problem.length].hex()
    assert disk.readable is readable
    assert {other.code for other in disk.problems[1:]} <= ({"vmdk-sizes-differ"} if "capacity" in changes else set())
    if not readable:
        with pytest.raises(BrokenImage, match="the content of this vmdk file cannot be read"):
            disk.read_at(0, 1)


@pytest.mark.parametrize("changes", [
    {"version": 2}, {"version": 3}, {"overHead": 75}, {"overHead": 0}, {"checkBytes": bytes(4)}, {"flags": 2},
    {"flags": 1, "rgdOffset": 1 << 50}, {"uncleanShutdown": 0}])
def test_the_good_side_of_each_boundary_is_silent(changes):
    found = codes(patch(plain("ab.cdef").image(), **changes))
    assert found == (["table-entry-invalid"] if changes == {"overHead": 75} else [])


def test_the_largest_capacity_is_a_size_but_needs_a_table_that_the_file_has_not():
    disk = opened(patch(plain().image(), capacity=(1 << 54) - 1))
    assert disk.virtual_size == (1 << 63) - 512
    assert disk.problems[0].code == "table-too-large"
    assert disk.problems[0].message == (
        "the grain directory of a disk of 8388608 TiB has 2251799813685248 bytes, the file 38400")


@pytest.mark.parametrize(("sectors", "readable"), [(4096, True), (4097, False), (0x200000, False)])
def test_a_compressed_grain_is_at_most_2_mib(sectors, readable):
    image = plain("...", compressed=True).image()
    assert opened(patch(image, grainSize=sectors)).readable is readable


@pytest.mark.parametrize("sectors", [1, 4, 7, 24])
def test_a_grain_size_that_is_no_power_of_two_is_said_and_read(sectors):
    builder = Builder([b"a" * 512 * sectors, None, b"b" * 512], grain_sectors=sectors)
    disk = opened(builder.image())
    assert [problem.message for problem in disk.problems] == [
        f"grainSize is {sectors} sectors; a power of two of at least 8 is allowed"]
    assert disk.read_at(0, disk.size) == builder.content


def test_a_grain_directory_of_a_sparse_file_is_not_read_as_a_whole():
    """A directory of 1 GiB in a file that takes no place: it is read in slices."""
    image = patch(plain().image(), capacity=1 << 38, numGTEsPerGT=128)
    words = text(f'RW {1 << 38} SPARSE "x"').encode().ljust(20 * 512, b"\0")
    clock = Clock()
    disk = open_vmdk(Sparse(1 << 41, {0: image[:512] + words + bytes(3 * 512)}))
    assert disk.problems == []
    assert disk.read_at(disk.size - 100_000, 100_000) == bytes(100_000)
    assert clock.seconds() < ENDLESS


def entries_of(builder: Builder, *values: int) -> bytes:
    """Return the image with the first entries of the first grain table overwritten."""
    image = builder.image()
    packed = struct.pack(f"<{len(values)}I", *values)
    return image[: builder.first_table] + packed + image[builder.first_table + len(packed):]


TABLE_CASES = [
    ("a grain after the end", (72,), "truncated",
     "the file ends at 36864, but its grain tables use it up to byte 40960 (4 KiB more)"),
    ("a grain that ends one sector after the end", (65,), "truncated",
     "the file ends at 36864, but its grain tables use it up to byte 37376 (512 bytes more)"),
    ("the highest number", ((1 << 32) - 1,), "truncated",
     "the file ends at 36864, but its grain tables use it up to byte 2199023259136 (2.00 TiB more)"),
    ("one grain twice", (32, 32), "block-overlap", "grain 0 at byte 16384 overlaps another one"),
    ("grains that lie over one another", (24, 31), "block-overlap", "grain 1 at byte 15872 overlaps another one"),
    ("a grain in the header", (1,), "table-entry-invalid", "grain 0 at byte 512 lies in front of the first grain"),
    ("a grain in a grain table", (23,), "table-entry-invalid",
     "grain 0 at byte 11776 lies in front of the first grain"),
]


@pytest.mark.parametrize(("_sentence", "values", "code", "message"), TABLE_CASES, ids=[case[0] for case in TABLE_CASES])
def test_table_entries_that_are_wrong_are_said(_sentence, values, code, message):
    image = entries_of(plain("ab.cdef", redundant=False), *values)
    disk = opened(image)
    problem = next(problem for problem in disk.problems if problem.code == code)
    assert problem.message == message
    assert problem.offset in {11264, 11268}
    assert problem.hex == image[problem.offset : problem.offset + problem.length].hex()
    assert disk.readable


@pytest.mark.parametrize("values", [(0, 0), (24, 0), (0, 24), (32, 24)])
def test_table_entries_that_are_right_are_silent(values):
    assert codes(entries_of(plain("ab.cdef", redundant=False), *values)) == []


def directory_of(builder: Builder, *values: int) -> bytes:
    image = builder.image()
    packed = struct.pack(f"<{len(values)}I", *values)
    return image[: builder.directory] + packed + image[builder.directory + len(packed):]


def test_a_grain_table_after_the_end_is_said_and_only_what_it_maps_is_lost():
    builder = plain("ab.cdef", redundant=False)
    disk = opened(directory_of(builder, 22, 72))
    assert [(problem.code, problem.message, problem.offset) for problem in disk.problems] == [
        ("truncated", "grain table 1 ends at byte 36880, but the file at 36864", 10756)]
    assert disk.read_at(0, 16384) == builder.content[:16384]
    with pytest.raises(BrokenImage) as refusal:
        disk.read_at(16384, 1)
    assert refusal.value.problem.code == "truncated"


def test_a_grain_table_that_is_there_twice_is_said():
    disk = opened(directory_of(plain("ab.cdef", redundant=False), 23, 23))
    assert disk.problems[0].message == "grain table 0 at byte 11776 is there twice"
    assert {problem.code for problem in disk.problems} == {"block-overlap"}


def test_entries_behind_the_end_of_the_disk_are_nobodys():
    builder = plain("abcdefg", redundant=False)
    image = builder.image()
    place = builder.first_table + 512 + 3 * 4
    assert codes(image[:place] + b"\xff" * 4 + image[place + 4:]) == []


@pytest.mark.parametrize("place", [21 * 512, 22 * 512, 23 * 512 + 4])
def test_copies_of_the_tables_that_differ_are_said(place):
    image = plain("ab.cdef").image()
    disk = opened(image[:place] + bytes(4) + image[place + 4:])
    assert [problem.code for problem in disk.problems] == ["vmdk-tables-differ"]
    assert disk.problems[0].message == "the redundant grain directory and tables differ from the first ones"
    assert disk.read_at(0, disk.size) == plain("ab.cdef").content


def test_a_copy_of_the_tables_after_the_end_is_cut_off():
    image = plain("ab.cdef").image()
    assert codes(patch(image, rgdOffset=len(image) // 512 - 1)) == ["vmdk-tables-differ"]
    disk = opened(patch(image, rgdOffset=len(image) // 512))
    assert [problem.message for problem in disk.problems] == [
        f"the redundant grain directory at {len(image)} goes on after the end of the file at {len(image)}"]


def test_every_cut_of_a_disk_is_noticed():
    signs = {"truncated", "extent-alone", "external-extent", "table-too-large", "vmdk-descriptor-invalid"}
    for options in ({}, {"compressed": True}, {"compressed": True, "footer": True}):
        builder = plain("ab.cdef", **options)
        image = builder.image()
        end = len(image) - 512 * 3 * builder.footer
        needed = end if not builder.compressed else end - 512 + 1
        for cut in (*range(80, needed, 977), needed - 1):
            assert signs & set(codes(image[:cut]))


def test_a_disk_may_end_inside_its_last_grain():
    builder = plain("abc", redundant=False, capacity=17)
    image = builder.image()
    assert codes(image[: -7 * 512]) == []
    assert opened(image[: -7 * 512]).read_at(0, 17 * 512) == builder.content
    assert codes(image[: -7 * 512 - 1]) == ["truncated"]


def test_many_tables_that_lie_apart_are_looked_at_in_time():
    """64 Ki tables of one entry each, the grains in an order that no writer has."""
    count = 65536
    builder = Builder([None] * count, grain_sectors=8, entries=1, redundant=False)
    start = 21 + count * 4 // 512
    tables = [start + (number * 40503) % count for number in range(count)]
    grains = [start + count + 8 * ((number * 48271) % count) for number in range(count)]
    body = b"".join(struct.pack("<I", grain).ljust(512, b"\0") for grain in grains)
    head = builder.image()[: 21 * 512] + struct.pack(f"<{count}I", *tables) + body
    clock = Clock()
    disk = open_vmdk(Sparse((start + count + 8 * count) * 512, {0: head}))
    assert disk.problems == []
    assert clock.seconds() < ENDLESS


@pytest.mark.parametrize(("line", "expected"), [
    ('encryption.keySafe = "vmware:key/list/(pair/(null))"', ["encrypted"]), ('encryption.data = "x"', ["encrypted"]),
    ('ddb.encryption = "none"', [])])
def test_a_disk_that_vmware_has_encrypted_is_said(line, expected):
    assert codes(plain(descriptor=text('RW 56 SPARSE "disk.vmdk"', line)).image()) == expected
