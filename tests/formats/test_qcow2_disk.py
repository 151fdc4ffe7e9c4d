from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pace import ENDLESS, Clock
from qcow2_images import Builder, Counting, build, deflate, dice, plain, put, whole

from imgbuild.formats.qcow2 import disk
from imgbuild.formats.qcow2.container import open_qcow2
from imgbuild.readers import BrokenImage, Memory
from imgbuild.zstd import compress

MIB = 1 << 20


@pytest.mark.parametrize("window", [9, 12, 15])
def test_deflate_of_every_window_is_read(window):
    data = bytes(range(256)) * 128 + dice(2).randbytes(20000) * 2
    builder = Builder(cluster_bits=16).compressed(data[:65536].ljust(65536, b"z"), None)
    builder.compressed(builder.content, deflate(builder.content, window))
    assert whole(builder.image()) == builder.content


def test_zstd_of_one_and_of_several_frames_is_read():
    builder = Builder(cluster_bits=12, compression_type=1)
    for text in (b"one", b"two"):
        data = text.ljust(4096, b".")
        builder.compressed(data, compress(data[:1000]) + compress(data[1000:]) if text == b"two" else compress(data))
    builder.data += b"\xff" * 300  # the rest of the last sector is not part of the data
    assert whole(builder.image()) == builder.content


COMPRESSED_CASES = [
    ("too little", 0, deflate(b"x" * 511), "gives 511 bytes, not 512"),
    ("no deflate", 0, b"\xff" * 64, "cannot be decompressed: Error -3 while decompressing data: invalid block type"),
    ("no zstd", 1, b"\xff" * 64, "cannot be decompressed: "),
    ("zstd of too little", 1, compress(b"x" * 511), "cannot be decompressed: "),
    ("frames without content", 1, compress(b"") * 100, "gives 0 bytes, not 512"),
]


@pytest.mark.parametrize(("_sentence", "kind", "packed", "message"), COMPRESSED_CASES,
                         ids=[case[0] for case in COMPRESSED_CASES])
def test_a_cluster_that_cannot_be_decompressed(_sentence, kind, packed, message):
    builder = Builder(compression_type=kind).compressed(bytes(512), packed.ljust(600, b"\xff"))
    with pytest.raises(BrokenImage) as refusal:
        whole(builder.image())
    problem = refusal.value.problem
    assert (problem.code, problem.field, problem.offset) == ("compressed-cluster-invalid", "L2 entry", 1536)
    assert problem.message.startswith(f"the compressed cluster of the L2 entry at 1536 {message}")


@pytest.mark.parametrize("kind", [0, 1])
def test_a_cluster_never_gets_larger_than_a_cluster(kind):
    bomb = bytes(16 * MIB)
    builder = Builder(cluster_bits=16, compression_type=kind)
    builder.compressed(bytes(65536), deflate(bomb) if kind == 0 else compress(bomb))
    clock = Clock()
    with pytest.raises(BrokenImage, match="expands to more than 8 clusters of 65536 bytes") as refusal:
        whole(builder.image())
    assert refusal.value.problem.code == "decompression-bomb"
    assert clock.seconds() < ENDLESS


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize(("more", "code"), [
    (-1, "compressed-cluster-invalid"), (0, None), (1, "compressed-cluster-invalid"),
    (7 * 65536 - 1, "compressed-cluster-invalid"), (7 * 65536 + 1, "decompression-bomb")])
def test_a_cluster_has_exactly_its_bytes(kind, more, code):
    builder = Builder(cluster_bits=16, compression_type=kind)
    data = bytes(65536 + more)
    builder.compressed(bytes(65536), (deflate(data) if kind == 0 else compress(data)) + b"rest of the sector")
    builder.standard(bytes(65536))
    try:
        assert (whole(builder.image()), code) == (bytes(131072), None)
    except BrokenImage as broken:
        assert broken.problem.code == code  # noqa: PT017 - either outcome is in the table


def test_a_compressed_cluster_is_not_in_the_header():
    image = put(plain(), 1536, struct.pack(">Q", 1 << 62 | 511))
    with pytest.raises(BrokenImage, match="begins at 511, inside the header"):
        whole(image)
    image = put(plain(), 1536, struct.pack(">Q", 1 << 62 | 512))
    with pytest.raises(BrokenImage, match="cannot be decompressed"):
        whole(image)


def test_a_compressed_cluster_past_the_file_is_truncated():
    image = put(plain(), 1536, struct.pack(">Q", 1 << 62 | 1 << 60))
    opened = open_qcow2(Memory(image))
    assert [problem.code for problem in opened.problems] == ["truncated"]
    with pytest.raises(BrokenImage) as refusal:
        opened.read_at(0, 1)
    assert refusal.value.problem.code == "truncated"

def test_version_2_has_no_zero_flag():
    assert whole(Builder().zeros().image()) == bytes(512)
    with pytest.raises(BrokenImage) as refusal:
        whole(Builder(version=2).zeros().image())
    assert str(refusal.value) == "the L2 entry at 1536 has the zero flag (bit 0), which version 2 does not have"


@pytest.mark.parametrize(("allocated", "zeros"), [(1, 1), (0xFFFFFFFF, 1 << 31)])
def test_a_subcluster_is_not_both_allocated_and_zero(allocated, zeros):
    image = Builder(cluster_bits=14, extended=True).standard(bytes(16384), allocated, zeros).image()
    with pytest.raises(BrokenImage) as refusal:
        whole(image)
    assert str(refusal.value) == (f"the L2 entry at {3 * 16384 + 8} allocates subclusters that read as zeros, or that"
                                  " have no cluster")


def test_a_subcluster_without_a_cluster_is_refused():
    image = put(Builder(cluster_bits=14, extended=True).hole().image(), 3 * 16384 + 8, struct.pack(">Q", 1))
    with pytest.raises(BrokenImage, match="that have no cluster"):
        whole(image)


def test_reserved_bits_are_ignored_as_qemu_does():
    image = plain()
    entry = int.from_bytes(image[1536:1544], "big") | 0x3F00_0000_0000_01FE & ~1
    assert whole(put(image, 1536, struct.pack(">Q", entry)))[:512] == b"a" * 512


def test_neighbours_in_the_file_are_one_read():
    builder = Builder(cluster_bits=12)
    for _ in range(64):
        builder.standard(os.urandom(4096))
    file = Counting(builder.image())
    opened = open_qcow2(file)
    file.reads.clear()
    assert opened.read_at(100, 200000) == builder.content[100:200100]
    assert [length for _, length in file.reads] == [4096, 200000]


def test_a_small_read_costs_one_slice_of_the_l2_table():
    builder = Builder(cluster_bits=16, entries=[bytes(8)] * 8192, content=bytes(8192 << 16))
    file = Counting(builder.image())
    opened = open_qcow2(file)
    file.reads.clear()
    for place in (0, 5 << 16, 511 << 16, 512 << 16):
        opened.read_at(place, 4096)
    assert file.reads == [(3 << 16, 4096), (3 << 16 | 4096, 4096)]


def test_a_compressed_cluster_is_decompressed_once_for_many_reads():
    builder = Builder(cluster_bits=16).compressed(os.urandom(1000) * 65 + bytes(536))
    file = Counting(builder.image())
    opened = open_qcow2(file)
    file.reads.clear()
    assert b"".join(opened.read_at(place, 512) for place in range(0, 65536, 512)) == builder.content
    assert len(file.reads) == 2


def test_caches_are_bounded():
    for bits, clusters in ((9, 8192), (16, 64), (21, 2)):
        assert max(2, disk.CACHE_BYTES >> bits) == clusters


CLUSTERS = st.lists(st.tuples(st.sampled_from(["hole", "zeros", "allocated zeros", "standard", "compressed"]),
                              st.integers(0, (1 << 32) - 1), st.integers(0, 255)), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(CLUSTERS, st.sampled_from([(9, False), (12, False), (14, True)]), st.integers(0, 1), st.data())
def test_every_range_reads_as_it_was_built(clusters, layout, compression, data):
    builder = build(Builder(cluster_bits=layout[0], extended=layout[1], compression_type=compression), clusters)
    size = len(builder.content) - 512 * data.draw(st.integers(0, builder.cluster_size // 512 - 1))
    opened = open_qcow2(Memory(builder.image(size)))
    assert not {"truncated", "table-entry-invalid"} & {problem.code for problem in opened.problems}
    for _ in range(4):
        start = data.draw(st.integers(0, size))
        end = data.draw(st.integers(start, size))
        assert opened.read_at(start, end - start) == builder.content[start:end]
