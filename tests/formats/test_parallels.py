from __future__ import annotations

import random
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from pace import ENDLESS, Clock
from sparse import File
from tools import needs

from imgbuild.formats import parallels
from imgbuild.formats.base import Probe
from imgbuild.formats.parallels.container import open_parallels
from imgbuild.formats.served import Served
from imgbuild.readers import BrokenImage, Memory
from imgbuild.source import open_source

MIB = 1 << 20
OLD, EXTENDED = b"WithoutFreeSpace", b"WithouFreSpacExt"
OPEN, CLOSED = 0x746F6E59, 0x312E3276
TRACKS, CLUSTER = 8, 4096
UNREAD = "the content of this Parallels disk was not looked into; qemu-nbd, from the package qemu-utils, would read it"


def header(**changes: object) -> bytes:
    fields = {"magic": EXTENDED, "version": 2, "heads": 16, "cylinders": 64, "tracks": TRACKS, "entries": 4,
              "sectors": 4 * TRACKS, "in_use": CLOSED, "data_off": TRACKS, "flags": 0, "ext_off": 0} | changes
    return struct.pack("<16sIIIIIQIIIQ", *fields.values())


def image(*bat: int, end: int = 3 * CLUSTER, **fields) -> File:
    """Return a file of a header, its table, and two clusters."""
    return File(end, [(0, header(**fields)), (64, struct.pack(f"<{len(bat)}I", *bat))])


def said(file) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in open_parallels(file).problems]


@pytest.mark.parametrize(("expected", "head"), [(True, OLD), (True, EXTENDED), (True, header()), (False, OLD[:-1]),
                                                (False, b"WithoutFreeSpacf"), (False, b"")])
def test_a_file_is_recognised_by_its_magic(expected, head):
    assert parallels.FORMAT.matches(Probe(len(head), head, head)) is expected


def test_the_facts_have_the_names_of_the_specification():
    disk = open_parallels(image(1, 2))
    assert disk.header == {
        "magic": "WithouFreSpacExt", "version": 2, "heads": 16, "cylinders": 64, "tracks": TRACKS, "nb_bat_entries": 4,
        "nb_sectors": 32, "in_use": False, "data_off": TRACKS, "flags": 0, "ext_off": 0}
    assert (disk.format, disk.virtual_size, disk.readable, isinstance(disk, Served)) == (
        "parallels", 16384, False, True)
    assert [(problem.code, problem.message) for problem in disk.problems] == [("content-unread", UNREAD)]


def test_the_older_magic_counts_in_sectors_and_has_32_bits_of_size():
    disk = open_parallels(image(8, 16, magic=OLD, sectors=32 | 5 << 32, data_off=0, in_use=77))
    assert (disk.virtual_size, [problem.code for problem in disk.problems]) == (16384, ["content-unread"])
    assert said(image(17, magic=OLD))[0][0] == "truncated"


@pytest.mark.parametrize(("marked", "in_use"), [(True, OPEN), (False, CLOSED), (False, 0)])
def test_a_mark_is_said_and_the_content_may_be_read_all_the_same(marked, in_use):
    disk = open_parallels(image(1, in_use=in_use))
    assert (disk.header["in_use"], isinstance(disk, Served)) == (marked, True)
    assert [problem.code for problem in disk.problems] == ["needs-check"] * marked + ["content-unread"]


@pytest.mark.parametrize(("code", "message", "fields"), [
    ("header-invalid", "the version is 3, but only 2 is defined", {"version": 3}),
    ("header-invalid", "in_use is 0x1; 0x746f6e59, 0x312e3276 and 0 are defined", {"in_use": 1}),
    ("header-invalid", "tracks is 0; a cluster has one sector or more", {"tracks": 0}),
    ("table-too-small", "4 clusters of 4096 bytes are less than the disk of 16896", {"sectors": 33}),
    ("truncated", "the BAT ends at byte 12292, but the file at 12288", {"entries": 3057}),
    ("table-too-large", "the BAT ends at byte 17179869244, but the file at 12288", {"entries": 0xFFFFFFFF}),
    ("header-invalid", "the data begin at byte 0, but the BAT ends at 80", {"data_off": 0}),
    ("truncated", "the format extension is at byte 12288, but the file ends at 12288", {"ext_off": 24}),
    ("truncated", f"the format extension is at byte {((1 << 64) - 1) * 512}, but the file ends at 12288",
     {"ext_off": (1 << 64) - 1})])
def test_fields_that_cannot_be(code, message, fields):
    disk = open_parallels(image(**fields))
    assert [(problem.code, problem.message) for problem in disk.problems] == [(code, message)]
    assert not isinstance(disk, Served)


@pytest.mark.parametrize("sectors", [0, 1 << 54, (1 << 64) - 1])
def test_a_size_that_no_disk_has_is_refused(sectors):
    with pytest.raises(BrokenImage) as refusal:
        open_parallels(Memory(header(sectors=sectors)))
    assert refusal.value.problem.message == (
        f"nb_sectors gives a disk of {sectors * 512} bytes; a disk has more than 0 and less than 2**63")


@pytest.mark.parametrize("size", [0, 1, 16, 20, 24, 28, 32, 36, 44, 48, 52, 56, 63])
def test_a_header_is_needed_to_its_last_byte(size):
    with pytest.raises(BrokenImage) as refusal:
        open_parallels(Memory(header()[:size]))
    assert refusal.value.problem.code == "truncated"


@pytest.mark.parametrize(("expected", "file"), [
    ([], image(1, 0, 2)),
    ([("truncated", "cluster 1 ends at byte 16384, but the file at 12288 (4 KiB before)")], image(1, 3)),
    ([("truncated", "cluster 1 ends at byte 12288, but the file at 12287 (1 byte before)")],
     image(1, 2, end=3 * CLUSTER - 1)),
    ([("truncated", "cluster 0 ends at byte 17592186044416, but the file at 12288 (16.0 TiB before)")],
     image(0xFFFFFFFF)),
    ([("block-overlap", "cluster 2 at byte 4096 overlaps another one")], image(1, 2, 1)),
    ([("table-entry-invalid", "cluster 0 is at byte 512, but the data begin at 4096")],
     image(1, magic=OLD, data_off=TRACKS)),
    ([("block-overlap", "cluster 1 at byte 4608 overlaps another one")], image(8, 9, magic=OLD))])
def test_where_the_clusters_lie(expected, file):
    assert [found for found in said(file) if found[0] != "content-unread"] == expected


def test_a_table_that_claims_a_million_clusters_costs_nothing():
    bat = struct.pack("<I", 1) * (1 << 20)
    file = File(16 * MIB, [(0, header(entries=1 << 20, sectors=8, data_off=1 << 14)), (64, bat)])
    clock = Clock()
    assert said(file) == [("truncated", "1048576 clusters are allocated, but the file has room for 4097 at most")]
    assert clock.seconds() < ENDLESS


def test_of_the_last_cluster_only_what_the_disk_has_is_needed():
    assert said(image(1, 2, sectors=9, end=2 * CLUSTER + 512)) == [("content-unread", UNREAD)]
    assert said(image(1, 2, sectors=9, end=2 * CLUSTER + 511))[0][0] == "truncated"


def test_mutations_raise_nothing_else():
    draw = random.Random(9)  # noqa: S311 - cases, no secret
    for _ in range(400):
        file = image(1, 0, 2, magic=draw.choice((OLD, EXTENDED)))
        for _ in range(draw.randint(1, 6)):
            value = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
            file = file.patch({draw.randrange(16, 80): bytes([value])})
        with suppress(BrokenImage):
            disk = open_parallels(file.cut(draw.choice((file.size, draw.randrange(file.size)))))
            assert all(problem.message.isprintable() for problem in disk.problems)


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize("options", ["", "cluster_size=256k"])
def test_what_qemu_writes_is_good_and_half_of_it_is_not(options, tmp_path):
    path = str(Path(tmp_path) / "disk.hdd")
    chosen = ["-o", options] if options else []
    subprocess.run(["qemu-img", "create", "-q", "-f", "parallels", *chosen, path, "40M"], check=True)
    subprocess.run(["qemu-io", "-f", "parallels", "-c", "write -P 1 0 9M", "-c", "write 30M 64k", path], check=True,
                   capture_output=True)
    with open_source(path) as source:
        assert said(source) == [("content-unread", UNREAD)]
        whole = source.size
    with open(path, "r+b") as file:
        file.truncate(whole // 2)
    with open_source(path) as source:
        assert [code for code, _ in said(source)] == ["truncated"]
