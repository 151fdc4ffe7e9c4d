from __future__ import annotations

import random
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from sparse import File
from tools import needs

from imgbuild.formats import qed
from imgbuild.formats.base import Probe
from imgbuild.formats.qed.container import open_qed
from imgbuild.formats.served import Served
from imgbuild.readers import BrokenImage, Memory
from imgbuild.source import open_source

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
CLUSTER = 4 * KIB
SIZE = 4 * MIB
L1, L2, DATA = CLUSTER, 2 * CLUSTER, 3 * CLUSTER
UNREAD = "the content of this QED was not looked into; qemu-nbd, from the package qemu-utils, would read it"


def header(**changes: int) -> bytes:
    fields = {"cluster_size": CLUSTER, "table_size": 1, "header_size": 1, "features": 0, "compat": 5, "autoclear": 6,
              "l1": L1, "size": SIZE, "name": 64, "length": 12} | changes
    return struct.pack("<4sIIIQQQQQII", b"QED\0", *fields.values()) + b"/etc/passwd\x1b"


def image(*entries: int, table: tuple[int, ...] = (L2,), end: int = 4 * CLUSTER, **fields) -> File:
    """Return a file of a header, an L1 table, one L2 table with these entries, and one cluster."""
    return File(end, [(0, header(**fields)), (L1, struct.pack(f"<{len(table)}Q", *table)),
                       (L2, struct.pack(f"<{len(entries)}Q", *entries))])


def said(file) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in open_qed(file).problems]


@pytest.mark.parametrize(("expected", "head"), [(True, b"QED\0"), (True, header()), (False, b"QED"), (False, b"QED1"),
                                                (False, b"\0QED\0"), (False, b"")])
def test_a_file_is_recognised_by_its_first_4_bytes(expected, head):
    assert qed.FORMAT.matches(Probe(len(head), head, head)) is expected


def test_the_facts_have_the_names_of_the_specification():
    disk = open_qed(image(DATA))
    assert disk.header == {
        "cluster_size": CLUSTER, "table_size": 1, "header_size": 1, "features": 0, "compat_features": 5,
        "autoclear_features": 6, "l1_table_offset": L1, "image_size": SIZE, "backing_filename_offset": 64,
        "backing_filename_size": 12}
    assert (disk.format, disk.virtual_size, disk.readable, isinstance(disk, Served)) == ("qed", SIZE, False, True)
    assert [(problem.code, problem.message) for problem in disk.problems] == [("content-unread", UNREAD)]
    with pytest.raises(BrokenImage):
        disk.read_at(0, 1)


@pytest.mark.parametrize("features", [1, 5, 3, 1 | 1 << 63])
def test_a_backing_file_is_named_and_never_opened(features):
    disk = open_qed(image(features=features))
    assert disk.problems[0].message == "the disk is a delta over '/etc/passwd\\x1b'; it cannot stand alone"
    assert (disk.problems[0].code, disk.problems[0].offset, isinstance(disk, Served)) == ("backing-file", 16, False)


def test_a_name_that_is_not_in_the_file_is_no_reason_to_fail():
    assert said(image(features=1, name=0xFFFFFFFF, length=0xFFFFFFFF)) == [
        ("backing-file", "the disk is a delta over ''; it cannot stand alone")]
    assert said(image(features=1, name=0, length=0xFFFFFFFF))[0][0] == "backing-file"


def test_a_mark_is_said_and_the_content_may_be_read_all_the_same():
    disk = open_qed(image(DATA, features=2))
    assert [problem.code for problem in disk.problems] == ["needs-check", "content-unread"]
    assert disk.problems[0].message == ("the image was not closed: its tables need a check; 'qemu-img check -f qed -r"
                                        " all FILE' makes one")
    assert isinstance(disk, Served)


def test_features_that_are_not_known_are_refused():
    assert said(image(features=8 | 1 << 63)) == [
        ("unknown-feature", "the image needs features that are not known: bits 3, 63; bits 0 to 2 are defined")]
    assert said(image(features=4)) == [("content-unread", UNREAD)]


@pytest.mark.parametrize(("code", "message", "fields"), [
    *(("header-invalid", f"cluster_size is {size}; a power of two from 4 KiB to 64 MiB is good",
       {"cluster_size": size}) for size in (0, 512, 4097, 12288, 128 * MIB, 0xFFFFFFFF)),
    *(("header-invalid", f"table_size is {size} clusters; 1, 2, 4, 8 or 16 are good", {"table_size": size})
      for size in (0, 3, 32, 0xFFFFFFFF)),
    ("header-invalid", "header_size is 0 clusters; 1 or more are good", {"header_size": 0}),
    ("truncated", "the header ends at byte 17592186040320, but the file at 16384", {"header_size": 0xFFFFFFFF}),
    ("table-too-large", "the L1 table would take 32768 bytes; the file has 16384", {"table_size": 8}),
    ("table-misplaced", "l1_table_offset is 4097; a multiple of the cluster size 4096, after the header, is needed",
     {"l1": L1 + 1}),
    ("table-misplaced", "l1_table_offset is 0; a multiple of the cluster size 4096, after the header, is needed",
     {"l1": 0}),
    ("truncated", "the L1 table is at 16384 to 20480, but the file ends at 16384", {"l1": 4 * CLUSTER}),
    ("truncated", f"the L1 table is at {(1 << 64) - CLUSTER} to {1 << 64}, but the file ends at 16384",
     {"l1": (1 << 64) - CLUSTER}),
    ("header-invalid", "the disk has 4194305 bytes; a QED has whole sectors of 512 bytes", {"size": SIZE + 1}),
    ("table-too-small", "the disk has 1073742336 bytes, but tables of 4096 bytes map 1073741824 at most",
     {"size": GIB + 512})])
def test_fields_that_cannot_be(code, message, fields):
    disk = open_qed(image(**fields))
    assert [(problem.code, problem.message) for problem in disk.problems] == [(code, message)]
    assert not isinstance(disk, Served)


def test_the_largest_disk_of_a_table_is_good():
    assert said(image(end=4 * CLUSTER)) == [("content-unread", UNREAD)]
    assert said(File(4 * CLUSTER, [(0, header(size=GIB))])) == [("content-unread", UNREAD)]


@pytest.mark.parametrize("size", [0, 1 << 63, (1 << 64) - 1])
def test_a_size_that_no_disk_has_is_refused(size):
    with pytest.raises(BrokenImage) as refusal:
        open_qed(Memory(header(size=size)))
    assert refusal.value.problem.message == (
        f"image_size gives a disk of {size} bytes; a disk has more than 0 and less than 2**63")


@pytest.mark.parametrize("size", [0, 1, 4, 8, 12, 16, 24, 32, 40, 48, 56, 60, 63])
def test_a_header_is_needed_to_its_last_byte(size):
    with pytest.raises(BrokenImage) as refusal:
        open_qed(Memory(header()[:size]))
    assert refusal.value.problem.code == "truncated"


# Tables: image() has one cluster of data at its end


@pytest.mark.parametrize(("expected", "file"), [
    ([], image(DATA, 0, 1)),
    (["truncated"], image(DATA, 4 * CLUSTER)), (["truncated"], image(DATA, end=4 * CLUSTER - 1)),
    (["truncated"], image((1 << 64) - CLUSTER)), (["table-entry-invalid"], image(DATA + 512)),
    (["truncated", "table-entry-invalid"], image(DATA + 512, 8 * CLUSTER)),
    (["truncated"], image(table=(4 * CLUSTER,))), (["truncated"], image(table=(0, (1 << 64) - CLUSTER))),
    (["table-entry-invalid"], image(table=(L2 + 1,))),
    # the disk ends after 1024 clusters, which two L2 tables map
    (["truncated"], image(DATA, table=(L2, L2), end=4 * CLUSTER - 1))])
def test_what_the_tables_point_to(expected, file):
    assert [code for code, _ in said(file) if code != "content-unread"] == expected


def test_the_furthest_entry_is_shown():
    disk = open_qed(image(DATA, 8 * CLUSTER, 6 * CLUSTER))
    problem = disk.problems[0]
    assert problem.message == "the file ends at 16384, but its tables use it up to byte 36864 (20 KiB more)"
    assert (problem.field, problem.offset, problem.hex) == ("L2 entry", L2 + 8, "0080000000000000")
    assert open_qed(image(DATA + 512)).problems[0].message == (
        "the L2 entry at 8192 is 12800, no multiple of 4096")


def test_of_the_last_cluster_only_what_the_disk_has_is_needed():
    assert said(image(DATA, end=4 * CLUSTER - 3584)) == [("truncated", said(image(DATA, end=4 * CLUSTER - 3584))[0][1])]
    small = File(DATA + 512, [(0, header(size=512)), (L1, L2.to_bytes(8, "little")), (L2, DATA.to_bytes(8, "little"))])
    assert said(small) == [("content-unread", UNREAD)]
    assert said(small.cut(DATA + 511))[0][0] == "truncated"


def test_tables_of_a_gibibyte_are_not_read():
    huge = header(cluster_size=64 * MIB, table_size=16, l1=64 * MIB, size=1 << 62)
    file = File(1 << 41, [(0, huge), (64 * MIB, (1 << 40).to_bytes(8, "little") * 1000)])
    assert said(file) == [("content-unread", UNREAD)]


def test_mutations_raise_nothing_else():
    draw = random.Random(7)  # noqa: S311 - cases, no secret
    for _ in range(400):
        file = image(DATA, 0, 1)
        for _ in range(draw.randint(1, 6)):
            place = draw.choice((0, 0, L1, L2)) + draw.randrange(64)
            file = file.patch({place: bytes([draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))])})
        with suppress(BrokenImage):
            disk = open_qed(file.cut(draw.choice((file.size, draw.randrange(file.size)))))
            assert all(problem.message.isprintable() for problem in disk.problems)


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize("options", ["", "cluster_size=4k", "table_size=16"])
def test_what_qemu_writes_is_good_and_half_of_it_is_not(options, tmp_path):
    path = str(Path(tmp_path) / "disk.qed")
    chosen = ["-o", options] if options else []
    subprocess.run(["qemu-img", "create", "-q", "-f", "qed", *chosen, path, "40M"], check=True)
    writes = ["-c", "write -P 1 0 9M", "-c", "write -z 2M 1M", "-c", "write 30M 64k"]
    subprocess.run(["qemu-io", "-f", "qed", *writes, path], check=True, capture_output=True)
    with open_source(path) as source:
        assert said(source) == [("content-unread", UNREAD)]
        whole = source.size
    with open(path, "r+b") as file:
        file.truncate(whole // 2)
    with open_source(path) as source:
        assert [code for code, _ in said(source)] == ["truncated"]
