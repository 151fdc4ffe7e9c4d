"""Clusters with two owners, and the refcounts of tables: what qemu-img check calls an error."""

from __future__ import annotations

import struct
import subprocess

import pytest
from qcow2_images import COPIED, Builder, Sparse, codes, patch, plain, put
from tools import needs

from imgbuild.formats.qcow2.container import open_qcow2
from imgbuild.readers import Memory

L2 = 1536  # of plain(): header, refcount table, L1 table and then it, in clusters of 512 bytes
DATA = (3 + 64) * 512
COUNTS = DATA - 512


def problems(image: bytes):
    return [(found.code, found.message, found.offset) for found in open_qcow2(Memory(image)).problems]


def entries(*values: int) -> bytes:
    return put(plain(), L2, struct.pack(f">{len(values)}Q", *values))


@pytest.mark.parametrize(("values", "code", "message", "at"), [
    ((DATA, DATA), "block-overlap", "the data cluster at byte 34304 is there twice", L2 + 8),
    ((COPIED | DATA, 0, DATA), "block-overlap", "the data cluster at byte 34304 is there twice", L2 + 16),
    ((0, COPIED | L2), "tables-overlap", "the data cluster at byte 1536 is also an L2 table", L2 + 8),
    ((1024,), "tables-overlap", "the data cluster at byte 1024 is also the L1 table", L2),
    ((512,), "tables-overlap", "the data cluster at byte 512 is also the refcount table", L2)])
def test_a_cluster_with_two_owners(values, code, message, at):
    assert problems(entries(*values)) == [(code, message, at)]


def test_compressed_clusters_may_share_one_of_the_file():
    image = Builder().compressed(b"a" * 512).compressed(b"b" * 512).image()
    assert codes(image) == []


def test_extended_entries_are_compared_too():
    builder = Builder(cluster_bits=14, extended=True).standard(b"x" * 16384, 1).standard(b"y" * 16384, 2)
    image = builder.image()
    assert codes(image) == ["extended-l2"]
    first = image[3 << 14 : (3 << 14) + 8]
    assert codes(put(image, (3 << 14) + 16, first)) == ["extended-l2", "block-overlap"]


@pytest.mark.parametrize(("entry", "sound"), [
    (COUNTS, True), (COUNTS | 1, False), (COUNTS | 256, False), (1 << 55, False), (len(plain()) // 512 * 512, False),
    ((1 << 64) - 512, False)])
def test_an_entry_of_the_refcount_table_leads_into_the_file(entry, sound):
    said = f"the refcount table entry at 512 is 0x{entry:x}, which is no place of a refcount block in the file"
    found = problems(put(plain(), 512, struct.pack(">Q", entry)))
    assert found == ([] if sound else [("refcounts-invalid", said, 512)])


@pytest.mark.parametrize(("cluster", "name"), [(0, "header"), (1, "refcount table"), (2, "L1 table"), (3, "L2 table")])
def test_a_table_that_counts_as_free(cluster, name):
    said = f"the refcount of the cluster at {512 * cluster}, which holds the {name}, is 0: the next writer takes it for"
    found = problems(put(plain(), COUNTS + 2 * cluster, bytes(2)))
    assert found == [("refcounts-invalid", f"{said} free", 48)]


@pytest.mark.parametrize(("cluster", "found"), [(67, ["refcounts-invalid"]), (68, []), (70, ["refcounts-invalid"])])
def test_of_data_the_first_and_the_last_count_is_looked_at(cluster, found):
    assert codes(put(plain(), COUNTS + 2 * cluster, bytes(2))) == found


@pytest.mark.parametrize(("order", "sound", "free"), [
    (0, b"\xff", b"\xf7"), (1, b"\x55", b"\x15"), (2, b"\x11\x11", b"\x11\x01"), (3, b"\1\1\1\1", b"\1\1\1\0"),
    (5, b"\0\0\0\1" * 4, b"\0\0\0\1" * 3 + bytes(4)), (6, b"\0\0\0\0\0\0\0\1" * 4, b"\0\0\0\0\0\0\0\1" * 3 + bytes(8))])
def test_counts_of_every_width(order, sound, free):
    """The last of the first four clusters holds an L2 table; small counts begin at the lowest bits of a byte."""
    image = patch(entries(), refcount_order=order)
    image = put(image, L2, bytes(32))  # no data
    assert codes(put(image, COUNTS, sound)) == []
    assert codes(put(image, COUNTS, free)) == ["refcounts-invalid"]


def test_of_damaged_tables_the_counts_are_not_looked_at():
    for changes in ({"incompatible_features": 1}, {"incompatible_features": 2}):
        assert "refcounts-invalid" not in codes(put(patch(plain(), **changes), COUNTS, bytes(512)))
    assert codes(put(plain(), COUNTS, bytes(512))) == ["refcounts-invalid"]


def test_absurd_numbers_of_clusters_cost_little():
    l1 = struct.pack(">2048Q", *((4 + number) << 16 for number in range(2048)))
    header = patch(plain(), cluster_bits=16, l1_size=2048, size=1 << 40, l1_table_offset=2 << 16,
                   refcount_table_offset=1 << 16)[:512]
    tables = struct.pack(">8192Q", *(((3000 + number) << 16) for number in range(8192))) * 40
    file = Sparse(16 << 30, {0: header, 2 << 16: l1, 2012 << 16: tables})
    assert [found.code for found in open_qcow2(file).problems] == ["block-overlap"]


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize("options", ["refcount_bits=1", "refcount_bits=2", "refcount_bits=4", "refcount_bits=8",
                                     "refcount_bits=16", "refcount_bits=32", "refcount_bits=64", "compat=0.10",
                                     "cluster_size=512", "cluster_size=2M", "lazy_refcounts=on", "extended_l2=on",
                                     "preallocation=metadata"])
def test_what_qemu_writes_is_sound(options, tmp_path):
    path = tmp_path / "disk.qcow2"
    for command in (["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, path, "20M"],
                    ["qemu-io", "-f", "qcow2", "-c", "write -P 1 0 3M", "-c", "write -c -P 2 4M 64k", "-c",
                     "write -z 5M 1M", "-c", "discard 1M 512k", path]):
        subprocess.run(command, check=False, capture_output=True)
    assert set(codes(path.read_bytes())) <= {"extended-l2"}
    if options != "refcount_bits=1":  # which cannot have any
        subprocess.run(["qemu-img", "snapshot", "-c", "one", path], check=True, capture_output=True)
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 3 0 1M", path], check=True, capture_output=True)
        assert set(codes(path.read_bytes())) == {"snapshots"} | ({"extended-l2"} if "extended" in options else set())
