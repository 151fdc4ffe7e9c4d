from __future__ import annotations

import random
import struct
from contextlib import suppress

import pytest
from pace import ENDLESS, Clock
from qcow2_images import Counting, Sparse
from vdi_images import BLOCK, NEVER, codes, content, entries, opened, patch, vdi, whole

from imgbuild.formats.vdi.container import open_vdi
from imgbuild.readers import BrokenImage, Memory

SIZE = 4 * 512


def test_a_disk_gives_its_header_and_its_content():
    disk = opened(vdi())
    assert (disk.format, disk.virtual_size, disk.readable, disk.problems) == ("vdi", SIZE, True, [])
    assert disk.header == {
        "text": "<<< made for a test >>>", "version": "1.1", "image_type": "dynamic", "header_size": 400,
        "image_flags": 0, "offset_bmap": 512, "offset_data": 1024, "sector_size": 512, "disk_size": SIZE,
        "block_size": 512, "block_extra": 0, "blocks_in_image": 4, "blocks_allocated": 2,
        "uuid_image": "03020100-0504-0706-0809-0a0b0c0d0e0f", "uuid_last_snap": None, "uuid_link": None,
        "uuid_parent": None}
    assert disk.read_at(0, SIZE) == content("b.a-")


@pytest.mark.parametrize(("pattern", "block_size"), [("abc", 512), ("cab..", 1024), ("-.", 4096), ("za" * 3, 512)])
def test_blocks_are_read_where_the_map_has_them(pattern, block_size):
    image = vdi(pattern, block_size=block_size)
    expected = content(pattern, block_size=block_size)
    assert whole(image) == expected
    for start in range(0, len(expected), 311):
        assert opened(image).read_at(start, min(1500, len(expected) - start)) == expected[start : start + 1500]


def test_static_disks_are_read_alike():
    disk = opened(patch(vdi("abcd"), image_type=2))
    assert (disk.header["image_type"], disk.read_at(0, SIZE)) == ("static", content("abcd"))


def test_a_disk_has_whole_sectors():
    disk = opened(vdi("ab", block_size=1024, size=1025))
    assert (disk.virtual_size, disk.header["disk_size"]) == (1536, 1025)
    assert disk.read_at(0, 1536) == b"a" * 1024 + b"b" * 512


def test_blocks_that_are_neighbours_are_one_read():
    file = Counting(vdi("abcdef"))
    disk = open_vdi(file)
    file.reads.clear()
    assert disk.read_at(100, 2000) == content("abcdef")[100:2100]
    assert file.reads == [(512, 24), (1124, 2000)]


@pytest.mark.parametrize(("offset", "length"), [(SIZE, 1), (0, SIZE + 1), (-1, 1)])
def test_reading_past_the_disk_is_refused(offset, length):
    with pytest.raises(BrokenImage) as refusal:
        opened(vdi()).read_at(offset, length)
    assert refusal.value.problem.code == "truncated"


# A sentence, what is changed in a disk of four blocks of 512 bytes, code, field and message; the content is not read.

HEADER_CASES = [
    ("version 0.1", {"version": 1}, "header-invalid", "version", "the version is 0.1; 1.1 can be read"),
    ("version 1.2", {"version": 0x10002}, "header-invalid", "version", "the version is 1.2; 1.1 can be read"),
    ("type 0", {"image_type": 0}, "header-invalid", "image_type",
     "image_type is 0; 1 (dynamic) to 4 (differencing) are defined"),
    ("type 5", {"image_type": 5}, "header-invalid", "image_type",
     "image_type is 5; 1 (dynamic) to 4 (differencing) are defined"),
    ("undo", {"image_type": 3}, "differencing", "image_type",
     "the disk is an image of type 3 (undo): a delta over a parent; it cannot stand alone"),
    ("differencing", {"image_type": 4}, "differencing", "image_type",
     "the disk is an image of type 4 (differencing): a delta over a parent; it cannot stand alone"),
    ("a parent", {"uuid_parent": b"\1" * 16}, "differencing", "uuid_parent",
     "the disk is a delta over a parent with UUID 01010101-0101-0101-0101-010101010101; it cannot stand alone"),
    ("a link", {"uuid_link": b"\2" * 16}, "differencing", "uuid_link",
     "the disk is a delta over a parent with UUID 02020202-0202-0202-0202-020202020202; it cannot stand alone"),
    ("no size", {"disk_size": 0}, "header-invalid", "disk_size",
     "disk_size gives a disk of 0 bytes; a disk has more than 0 and less than 2**63"),
    ("sectors of 4 KiB", {"sector_size": 4096}, "header-invalid", "sector_size",
     "sector_size is 4096; 512 can be read"),
    ("no sectors", {"sector_size": 0}, "header-invalid", "sector_size", "sector_size is 0; 512 can be read"),
    ("extra bytes", {"block_extra": 512}, "header-invalid", "block_extra",
     "block_extra is 512; qemu takes it for 0, which is all that VirtualBox writes"),
    ("no blocks", {"block_size": 0}, "block-size-invalid", "block_size",
     "block_size is 0; a power of two of at least 512 is needed, 1 MiB is usual"),
    ("blocks of 256 bytes", {"block_size": 256}, "block-size-invalid", "block_size",
     "block_size is 256; a power of two of at least 512 is needed, 1 MiB is usual"),
    ("blocks of 1536 bytes", {"block_size": 1536}, "block-size-invalid", "block_size",
     "block_size is 1536; a power of two of at least 512 is needed, 1 MiB is usual"),
    ("a map that ends before the disk", {"blocks_in_image": 3, "blocks_allocated": 2}, "vdi-map-too-small",
     "blocks_in_image", "blocks_in_image is 3; a disk of 2 KiB needs 4"),
    ("a disk that goes on after its map", {"disk_size": SIZE + 1}, "vdi-map-too-small", "blocks_in_image",
     "blocks_in_image is 4; a disk of 2.50 KiB needs 5"),
    ("a map in the header", {"offset_bmap": 0}, "header-invalid", "offset_bmap",
     "offset_bmap is 0; a multiple of 512 after the header is needed"),
    ("a map that begins anywhere", {"offset_bmap": 513}, "header-invalid", "offset_bmap",
     "offset_bmap is 513; a multiple of 512 after the header is needed"),
    ("data that begin anywhere", {"offset_data": 1023}, "header-invalid", "offset_data",
     "offset_data is 1023; a multiple of 512 after the header is needed"),
    ("data in the map", {"offset_data": 512}, "header-invalid", "offset_data",
     "offset_data is 512, but the block map ends at 528"),
    ("a map larger than the file", {"blocks_in_image": 513}, "table-too-large", "blocks_in_image",
     "the block map would take 2052 bytes, the file has 2048"),
    ("the largest map", {"blocks_in_image": NEVER}, "table-too-large", "blocks_in_image",
     "the block map would take 17179869180 bytes, the file has 2048"),
    ("a map after the end", {"offset_bmap": 2048}, "truncated", "offset_bmap",
     "the block map is at 2048 to 2064, but the file ends at 2048"),
]


@pytest.mark.parametrize(("_sentence", "changes", "code", "field", "message"), HEADER_CASES,
                         ids=[case[0] for case in HEADER_CASES])
def test_a_header_field_that_is_wrong_is_said_with_its_evidence(_sentence, changes, code, field, message):
    image = patch(vdi(), **changes)
    disk = opened(image)
    [problem] = [problem for problem in disk.problems if problem.code == code]
    assert (problem.field, problem.message) == (field, message)
    assert problem.hex == image[problem.offset : problem.offset + problem.length].hex()
    assert not disk.readable
    with pytest.raises(BrokenImage):
        disk.read_at(0, 1)


@pytest.mark.parametrize(("size", "expected"), [((1 << 63) - 512, (1 << 63) - 512), ((1 << 63) - 511, None),
                                                ((1 << 64) - 1, None)])
def test_a_size_that_no_disk_has_is_none(size, expected):
    assert opened(patch(vdi(), disk_size=size)).virtual_size == expected


@pytest.mark.parametrize("changes", [
    {"disk_size": SIZE - 511}, {"header_size": 0}, {"image_flags": NEVER}, {"uuid_last_snap": b"\1" * 16}])
def test_the_good_side_of_each_boundary_is_silent(changes):
    assert codes(patch(vdi("bcad"), **{"blocks_allocated": 4, **changes})) == []


def test_a_map_may_have_more_entries_than_the_disk_needs_but_none_twice():
    image = patch(vdi("bcad"), blocks_in_image=5, blocks_allocated=4)
    assert codes(entries(image, 1, 2, 0, 3, NEVER)) == []
    assert codes(entries(image, 1, 2, 0, 3, 0)) == ["block-overlap", "vdi-block-count"]


@pytest.mark.parametrize(("values", "code", "message", "offset"), [
    ((1, NEVER, 1), "block-overlap", "block 0, number 1 in the file, is in the block map twice", 512),
    ((4,), "table-entry-invalid", "block 0, number 4 in the file, is over those of the image, which has 4", 512),
    ((0, NEVER, 2), "truncated",
     "block 2, number 2 in the file, ends at byte 2560, but the file at 2048 (512 bytes more)", 520),
    ((0xFFFFFFFD,), "truncated",
     "block 0, number 4294967293 in the file, ends at byte 2199023255552, but the file at 2048 (2.00 TiB more)", 512),
    ((0, 1, 2, 3), "vdi-block-count", "blocks_allocated is 2, but the block map has 4", 388),
    ((NEVER, NEVER, NEVER), "vdi-block-count", "blocks_allocated is 2, but the block map has 0", 388),
])
def test_a_block_map_that_is_wrong_is_said_with_its_evidence(values, code, message, offset):
    image = entries(vdi(), *values)
    disk = opened(image)
    problem = next(problem for problem in disk.problems if problem.code == code)
    assert (problem.message, problem.offset) == (message, offset)
    assert problem.hex == image[problem.offset : problem.offset + problem.length].hex()
    assert disk.readable


def test_what_lies_after_the_end_of_the_file_cannot_be_read():
    disk = opened(entries(vdi(), 0, NEVER, 2))
    assert disk.read_at(0, 1024) == b"a" * 512 + bytes(512)
    with pytest.raises(BrokenImage) as refusal:
        disk.read_at(1024, 1)
    assert refusal.value.problem.code == "truncated"


def test_a_disk_may_end_inside_its_last_block():
    image = vdi("ab", block_size=4096, size=4608)
    assert codes(image[:-3584]) == []
    assert whole(image[:-3584]) == b"a" * 4096 + b"b" * 512
    assert codes(image[:-3585]) == ["truncated"]


def test_every_cut_of_a_disk_is_noticed():
    image = vdi("bac")
    for cut in range(len(image)):
        try:
            found = codes(image[:cut])
        except BrokenImage as refusal:
            found = [refusal.problem.code]
            assert cut < 456
        assert set(found) & {"truncated", "table-too-large"}


def test_the_map_of_a_sparse_file_is_not_read_as_a_whole():
    """A map of 4 GiB in a file that takes no place."""
    image = patch(vdi(), blocks_in_image=1 << 30, disk_size=BLOCK << 30, block_size=BLOCK, offset_data=0xFFFFFE00)
    clock = Clock()
    disk = open_vdi(Sparse(1 << 42, {0: image[:512] + b"\xff" * (8 << 20)}))
    assert disk.problems[0].code == "header-invalid"
    image = patch(image, blocks_in_image=1 << 29, disk_size=BLOCK << 29, offset_data=0xFFFFFE00)
    disk = open_vdi(Sparse(1 << 42, {0: image[:512] + b"\xff" * (8 << 20)}))
    assert (disk.problems, disk.read_at(disk.size // 2, 0)) == ([], b"")
    assert disk.read_at(BLOCK << 20, 4096) == bytes(4096)
    assert clock.seconds() < ENDLESS


def test_a_map_in_an_order_that_no_writer_has_is_looked_at_in_time():
    count = 1 << 20
    table = struct.pack(f"<{count}I", *((number * 48271) % count for number in range(count)))
    image = patch(vdi(), blocks_in_image=count, blocks_allocated=count, disk_size=count * 512, block_size=512,
                  offset_data=512 + len(table))
    clock = Clock()
    disk = open_vdi(Sparse(512 + len(table) + count * 512, {0: image[:512] + table}))
    assert disk.problems == []
    assert clock.seconds() < ENDLESS


def test_control_characters_of_the_text_stay_in_it():
    image = b"\x1b[2J\xff".ljust(64, b"\0") + vdi()[64:]
    assert opened(image).header["text"] == r"\x1b[2J\xff".replace(r"\xff", "ÿ")


def test_mutants_give_problems_and_nothing_else():
    draw = random.Random(6)  # noqa: S311 - cases, no secret
    seeds = [vdi(), vdi("abcdef", block_size=1024), vdi("a", block_size=BLOCK)]
    read = 0
    for _ in range(600):
        image = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 5)):
            image[draw.choice((draw.randrange(64, 600), draw.randrange(340, 392)))] = draw.choice(
                (0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        cut = bytes(image[: draw.choice((len(image), len(image), draw.randrange(len(image))))])
        clock = Clock()
        with suppress(BrokenImage):
            disk = open_vdi(Memory(cut))
            assert all(problem.message.isprintable() for problem in disk.problems)
            read += disk.readable
            disk.read_at(draw.randrange(2048), 700)
        assert clock.seconds() < ENDLESS
    assert read > 100
