from __future__ import annotations

import struct
from array import array
from itertools import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pace import ENDLESS, Clock
from qcow2_images import FIELDS, Builder, Sparse, codes, dice, patch, plain, put, whole

from imgbuild.formats.qcow2 import scan
from imgbuild.formats.qcow2.container import open_qcow2
from imgbuild.formats.qcow2.tables import Geometry, big_endian
from imgbuild.readers import BrokenImage, Memory

MIB = 1 << 20


@pytest.mark.parametrize(("version", "end"), [(2, 72), (3, 105)])
def test_a_file_cut_inside_its_header_is_refused(version, end):
    image = plain(version)
    for length in range(8, end):
        with pytest.raises(BrokenImage) as refusal:
            open_qcow2(Memory(image[:length]))
        assert refusal.value.problem.code == "truncated"
        assert refusal.value.problem.field in image_fields_at(length)


def image_fields_at(length):
    return {name for name, (offset, form) in FIELDS.items() if offset + struct.calcsize(form) > length}


def test_the_message_of_a_cut_header():
    with pytest.raises(BrokenImage) as refusal:
        open_qcow2(Memory(plain()[:30]))
    assert str(refusal.value) == "the file ends at 30, inside the header: size is at 24 to 32"


@pytest.mark.parametrize("length", range(105, 1536, 61))
def test_a_file_cut_before_its_l2_table_still_has_its_size(length):
    opened = open_qcow2(Memory(plain()[:length]))
    assert opened.virtual_size == 2048
    assert {"truncated", "table-too-large"} & {problem.code for problem in opened.problems}


def test_a_file_cut_inside_its_l2_table_or_its_data_is_truncated():
    image = plain()
    for length in range(1536, len(image), 127):
        assert codes(image[:length]) == ["truncated"], length
    assert codes(image) == []


def test_the_entry_that_reaches_furthest_is_the_evidence():
    image = plain()[:-1]
    opened = open_qcow2(Memory(image))
    [problem] = opened.problems
    place = 1536 + 3 * 8
    assert problem.message == "the file ends at 36351, but its tables use it up to byte 36352 (1 byte more)"
    assert (problem.field, problem.offset, problem.hex) == ("L2 entry", place, image[place : place + 8].hex())
    assert opened.readable
    assert opened.read_at(0, 1536) == b"a" * 512 + b"b" * 512 + b"c" * 512
    with pytest.raises(BrokenImage, match="ends at 36351, but bytes 35840 to 36352 are asked for"):
        opened.read_at(1536, 512)


@pytest.mark.parametrize("bits", [9, 12, 16])
@pytest.mark.parametrize("visible", [512, 1024])
def test_what_the_guest_cannot_see_may_be_missing(bits, visible):
    size = 1 << bits
    visible = min(visible, size)
    image = Builder(cluster_bits=bits).standard(b"x" * size).standard(b"y" * size).image(size + visible)
    end = len(image) - size + visible
    assert codes(image[:end]) == []
    assert codes(image[: end - 1]) == ["truncated"]
    assert whole(image[:end]) == b"x" * size + b"y" * visible


def test_subclusters_that_are_not_allocated_may_be_missing():
    builder = Builder(cluster_bits=14, extended=True).standard(dice(3).randbytes(16384), allocated=0b1011)
    image = builder.image()
    end = len(image) - 16384 + 4 * 512
    assert codes(image[:end]) == ["extended-l2"]
    assert codes(image[: end - 1]) == ["extended-l2", "truncated"]
    assert whole(image[:end]) == builder.content


def test_compressed_data_needs_its_last_sector_begun():
    builder = Builder(cluster_bits=12).compressed(dice(1).randbytes(4000) + bytes(96))
    image = builder.image()
    assert codes(image) == []
    sector = len(image) // 512 * 512
    assert codes(image[: sector + 1]) == []
    assert codes(image[:sector]) == ["truncated"]
    with pytest.raises(BrokenImage) as refusal:
        whole(image[:sector])
    assert refusal.value.problem.code == "truncated"


def test_clusters_that_read_as_zeros_may_be_missing():
    builder = Builder().standard(b"x" * 512).zeros(allocated=True)
    assert codes(builder.image()[:-512]) == []
    assert whole(builder.image()[:-512]) == builder.content


def test_an_l2_table_off_its_cluster():
    builder = Builder(cluster_bits=10).standard(b"x" * 1024)
    image = put(builder.image(), 2048, struct.pack(">Q", 3 * 1024 + 512))
    opened = open_qcow2(Memory(image))
    [problem] = opened.problems
    assert problem.message == "the L1 entry at 2048 points to 3584, no multiple of the cluster size 1024"
    assert (problem.code, problem.offset, problem.hex) == ("table-entry-invalid", 2048, "0000000000000e00")
    with pytest.raises(BrokenImage) as refusal:
        opened.read_at(0, 1)
    assert refusal.value.problem == problem


def test_a_cluster_off_its_boundary():
    builder = Builder(cluster_bits=10).standard(b"x" * 1024).standard(b"y" * 1024)
    image = put(builder.image(), 3072 + 8, struct.pack(">Q", 1 << 63 | 67 * 1024 + 512))
    opened = open_qcow2(Memory(image))
    [problem] = opened.problems
    assert problem.message == "the L2 entry at 3080 points to 69120, no multiple of the cluster size 1024"
    assert opened.read_at(0, 1024) == b"x" * 1024
    with pytest.raises(BrokenImage) as refusal:
        opened.read_at(1024, 1)
    assert refusal.value.problem == problem


ABSURD = {
    "the same table": (repeat(1 << 63 | 64 << 20, 1 << 22), b"\x80"),
    "ever higher tables": (range(64 << 20, (64 << 20) + (1 << 31), 512), b"\x80"),
    "compressed clusters": (range(64 << 20, (64 << 20) + (1 << 31), 512), b"\x7f"),
}


@pytest.mark.parametrize("kind", ABSURD)
def test_absurd_tables_cost_little(kind):
    offsets, flags = ABSURD[kind]
    l1 = array("Q", offsets)
    l1.byteswap()
    header = patch(plain(), l1_size=1 << 22, size=1 << 37)[:512]
    file = Sparse((64 << 20) + (1 << 31), {0: header, 1024: l1.tobytes(), 64 << 20: (flags + b"\x7f" * 7) * 64})
    clock = Clock()
    assert open_qcow2(file).virtual_size == 1 << 37
    assert clock.seconds() < ENDLESS


@pytest.mark.parametrize("flags", [b"\x80", b"\x7f"])
def test_large_absurd_tables_cost_little(flags):
    l1 = b"".join(struct.pack(">Q", (4 + i) << 16) for i in range(2048))
    header = patch(plain(), cluster_bits=16, l1_size=2048, size=1 << 40, l1_table_offset=2 << 16,
                   refcount_table_offset=1 << 16)[:512]
    tables = (flags + b"\x7f" * 5 + b"\0\0") * (2048 << 13)
    file = Sparse((4 + 2048) << 16, {0: header, 2 << 16: l1, 4 << 16: tables})
    clock = Clock()
    assert [problem.code for problem in open_qcow2(file).problems] == ["truncated"]
    assert clock.seconds() < ENDLESS


ENTRIES = st.one_of(
    st.just(0), st.integers(0, (1 << 64) - 1),
    st.builds(lambda cluster, flags: cluster << 14 | flags, st.integers(0, 300), st.sampled_from([0, 1, 1 << 63])),
    st.builds(lambda place, more: 1 << 62 | more << 56 | place, st.integers(0, 1 << 22), st.integers(0, 63)))


@settings(max_examples=200, deadline=None)
@given(st.lists(ENTRIES, min_size=1, max_size=40), st.booleans(), st.integers(2 * 16384, 100 * 16384))
def test_the_scan_finds_what_a_loop_finds(values, extended, file_size):
    geometry = Geometry(14, 4 << 30, extended=extended, version=3)
    lanes = scan.Lanes(geometry, file_size, 1024)
    width = geometry.entry_size
    block = b"".join(value.to_bytes(8, "big").ljust(width, b"\xff") for value in values[: 1024 // width])
    last, first, places = lanes.suspects(block)
    decoded = [scan._decode(geometry, scan.Block(0, 0, block), number) for number in range(len(block) // width)]
    past = {entry.place // width for entry in decoded if entry.end > file_size}
    assert past <= set(last) or len(last) == scan.SUSPECTS
    unaligned = [number for number, value in enumerate(values[: 1024 // width])
                 if not value >> 62 & 1 and value & 0x00FF_FFFF_FFFF_FE00 & 16383]
    assert first == unaligned[:1]
    assert list(big_endian(places))[:: width // 8] == [0 if value >> 62 & 1 else value & 0x00FF_FFFF_FFFF_FE00
                                           for value in values[: 1024 // width]]
