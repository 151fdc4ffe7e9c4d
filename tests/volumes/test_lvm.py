from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import pytest
from images.lvm import Linear, write_physical_volume
from images.lvm import _crc as table_crc
from lvm_writer import (
    AREA,
    AREA_SIZE,
    EXTENT,
    MIB,
    PVS,
    area_header,
    dashed,
    group,
    label,
    physical_volume,
    striped,
    volume,
)
from pace import ENDLESS, Clock
from table_writer import Disk

from imgbuild.readers import BrokenImage, Memory
from imgbuild.volumes.lvm import open_volumes
from imgbuild.volumes.lvmlabel import crc

if TYPE_CHECKING:
    from pathlib import Path

    from imgbuild.model import Problem
    from imgbuild.volumes.base import LogicalVolume

ROOT = volume("root", striped(0, 5, ("pv0", 0)))


def opened(*disks: Disk) -> tuple[dict[str, LogicalVolume], list[str]]:
    volumes, problems = open_volumes(disks)
    return {found.name: found for found in volumes}, [problem.code for problem in problems]


def messages(*disks: Disk) -> list[str]:
    return [problem.message for problem in open_volumes(disks)[1]]


def marked(disk: Disk) -> Disk:
    """Put its number into the first bytes of every extent."""
    for extent in range((disk.size - MIB) // EXTENT):
        disk.write(MIB + extent * EXTENT, b"extent %d" % extent)
    return disk


def test_the_checksum_is_that_of_lvm() -> None:
    assert crc(b"") == 0xF597A6CF
    assert [crc(text) for text in (b"a", b"123456789", bytes(500))] == [table_crc(t) for t in (b"a", b"123456789",
                                                                                               bytes(500))]


def test_a_linear_volume_is_the_bytes_of_its_extents() -> None:
    disk = marked(physical_volume(group(volume("root", striped(0, 5, ("pv0", 2))))))
    volumes, problems = opened(disk)
    root = volumes["vg0/root"]
    assert (root.kind, root.reader.size, problems) == ("lvm", 5 * EXTENT, [])
    assert [root.reader.read_at(number * EXTENT, 8) for number in range(5)] == [b"extent %d" % n for n in range(2, 7)]
    assert root.reader.read_at(EXTENT - 4, 12) == bytes(4) + b"extent 3"
    assert root.reader.read_at(5 * EXTENT, 0) == b""
    with pytest.raises(BrokenImage, match=r"the logical volume ends at 20971520, but bytes 20971519 to 20971521"):
        root.reader.read_at(5 * EXTENT - 1, 2)


def test_segments_follow_one_another_in_any_order() -> None:
    text = volume("root", striped(2, 1, ("pv0", 9)), striped(0, 2, ("pv0", 4)))
    root = opened(marked(physical_volume(group(text))))[0]["vg0/root"]
    assert [root.reader.read_at(number * EXTENT, 8) for number in range(3)] == [b"extent 4", b"extent 5", b"extent 9"]
    assert root.reader.read_at(2 * EXTENT - 1, 9) == b"\0extent 9"


def test_stripes_go_round_over_physical_volumes() -> None:
    text = group(volume("wide", striped(0, 4, ("pv0", 1), ("pv1", 3), size=128)), pvs=PVS)
    disks = [physical_volume(text, pv) for pv in PVS]
    whole = random.Random(1).randbytes(4 * EXTENT)  # noqa: S311 - content, no secret
    pieces = [whole[place : place + 65536] for place in range(0, len(whole), 65536)]
    disks[0].write(MIB + EXTENT, b"".join(pieces[::2]))
    disks[1].write(MIB + 3 * EXTENT, b"".join(pieces[1::2]))
    volumes, problems = opened(*reversed(disks))
    wide = volumes["vg0/wide"].reader
    assert (wide.size, problems) == (4 * EXTENT, [])
    assert hashlib.sha256(wide.read_at(0, wide.size)).digest() == hashlib.sha256(whole).digest()
    assert wide.read_at(65530, 20) == whole[65530:65550]


def test_the_text_wraps_in_its_area() -> None:
    text = group(ROOT)
    for offset in (AREA_SIZE - 100, AREA_SIZE - 1, AREA_SIZE - len(text) - 1, 512):
        assert list(opened(physical_volume(text, offset=offset))[0]) == ["vg0/root"], offset


@pytest.mark.parametrize("sector", [0, 1, 2, 3])
def test_the_label_is_in_one_of_four_sectors(sector: int) -> None:
    assert list(opened(physical_volume(group(ROOT), sector=sector))[0]) == ["vg0/root"]


def test_no_label_in_the_first_four_sectors_is_a_problem() -> None:
    assert messages(physical_volume(group(ROOT), sector=4)) == ["there is no LVM label in the first 4 sectors"]
    assert messages(Disk(100)) == ["there is no LVM label in the first 4 sectors"]


def test_the_newest_metadata_counts() -> None:
    old = physical_volume(group(ROOT, seqno=3, pvs=PVS), PVS[0])
    new = physical_volume(group(volume("data", striped(0, 2, ("pv1", 0))), seqno=4, pvs=PVS), PVS[1])
    for disks in ((old, new), (new, old)):
        assert list(opened(*disks)[0]) == ["vg0/data"]


def test_a_second_metadata_area_stands_in_for_a_damaged_one() -> None:
    disk = physical_volume(group(ROOT)).write(AREA + 600, b"\xff")
    second, text = 32 * MIB, group(ROOT).encode()
    disk.write(512, label(PVS[0], disk.size, ((AREA, AREA_SIZE), (second, MIB))))
    disk.write(second, area_header(text, start=second, size=MIB)).write(second + 512, text)
    volumes, problems = opened(disk)
    assert (list(volumes), problems) == (["vg0/root"], ["lvm-metadata-damaged"])


def test_a_physical_volume_without_group_has_no_volumes() -> None:
    assert opened(physical_volume(None)) == ({}, [])
    assert opened(physical_volume(group(ROOT), flags=1)) == ({}, [])


def test_hidden_volumes_are_parts_of_others() -> None:
    text = ROOT + "\n" + volume("pool_tdata", striped(0, 1, ("pv0", 8)), status='"READ", "WRITE"')
    assert list(opened(physical_volume(group(text)))[0]) == ["vg0/root"]


@pytest.mark.parametrize("kind", ["thin", "thin-pool", "raid1", "mirror", "cache", "vdo", "snapshot", "error",
                                  "new-in-2030"])
def test_what_needs_the_device_mapper_is_named_and_not_read(kind: str) -> None:
    segment = f'start_extent = 0\nextent_count = 3\n\ntype = "{kind}"\nthin_pool = "pool"'
    volumes, problems = open_volumes([physical_volume(group(volume("th", segment) + "\n" + ROOT))])
    assert [problem.code for problem in problems] == ["lvm-unsupported-segment"]
    assert problems[0].message == (f"logical volume 'vg0/th' is of type '{kind}', which only the device mapper can put"
                                   " together: its content was not looked at")
    assert [(found.name, found.reader.size, list(found.problems)) for found in volumes] == [
        ("vg0/th", 3 * EXTENT, problems), ("vg0/root", 5 * EXTENT, [])]
    with pytest.raises(BrokenImage) as raised:
        volumes[0].reader.read_at(0, 1)
    assert raised.value.problem == problems[0]


def test_the_store_of_a_snapshot_is_not_taken_for_a_volume() -> None:
    hidden = volume("snapshot0",
                    'start_extent = 0\nextent_count = 5\n\ntype = "snapshot"\nchunk_size = 8\norigin = "root"\n'
                                 'cow_store = "snap"', status='"READ", "WRITE"')
    text = "\n".join((ROOT, volume("snap", striped(0, 1, ("pv0", 9))), hidden))
    volumes, problems = opened(physical_volume(group(text)))
    assert ([name for name, found in volumes.items() if not found.problems], problems) == (
        ["vg0/root"], ["lvm-unsupported-segment"])


def test_a_missing_physical_volume_takes_its_volumes_with_it() -> None:
    text = group(ROOT + "\n" + volume("data", striped(0, 1, ("pv1", 0))), pvs=PVS)
    volumes, problems = open_volumes([physical_volume(text, PVS[0])])
    assert [problem.message for problem in problems] == [
        f"logical volume 'vg0/data' lies on physical volume '{dashed(PVS[1])}', which is not in this image"]
    assert [(found.name, bool(found.problems)) for found in volumes] == [("vg0/root", False), ("vg0/data", True)]


@pytest.mark.parametrize(("first", "problems"), [(10, []), (11, ["lvm-past-end"])])
def test_a_volume_ends_on_its_physical_volume(first: int, problems: list[str]) -> None:
    assert opened(physical_volume(group(volume("root", striped(0, 5, ("pv0", first))))))[1] == problems


def test_two_groups_in_one_image() -> None:
    other = group(volume("data", striped(0, 1, ("pv0", 0))), pvs=PVS[1:], name="vg1").replace("gggggg", "hhhhhh")
    disks = physical_volume(group(ROOT)), physical_volume(other, PVS[1])
    assert list(opened(*disks)[0]) == ["vg0/root", "vg1/data"]


@pytest.mark.parametrize(("broken", "message"), [
    (ROOT.replace("start_extent = 0", "start_extent = 1"),
     "the segments of logical volume 'vg0/root' leave gaps or overlap"),
    (volume("root"), "logical volume 'vg0/root' has 0 segments, it should have 1 to 16384"),
    (ROOT.replace("extent_count = 5", "extent_count = 0"),
     "a segment of logical volume 'vg0/root' has impossible stripes"),
    (ROOT.replace('"pv0", 0', ""), "a segment of logical volume 'vg0/root' has impossible stripes"),
    (volume("root", striped(0, 5, ("pv0", 0), ("pv0", 5))),
     "a segment of logical volume 'vg0/root' has impossible stripes"),
    (volume("root", striped(0, 4, ("pv0", 0), ("pv0", 5), size=0)),
     "a segment of logical volume 'vg0/root' has impossible stripes"),
    (ROOT.replace("extent_count = 5", "extent_count = 99999999999999"),
     "the LVM metadata gives 99999999999999 as extent_count, it should be a number from 0 to 1099511627776"),
    (ROOT.replace('"pv0", 0', '"pv0", "x"'),
     "the LVM metadata gives 'x' as stripes, it should be a number from 0 to 1099511627776"),
    (ROOT.replace('type = "striped"', "type = 7"), "the LVM metadata gives 7 as type, it should be a string"),
    (ROOT.replace('"pv0"', '"pv9"'), "the LVM metadata gives None as id, it should be a string"),
])
def test_volumes_that_make_no_sense_are_problems(broken: str, message: str) -> None:
    good = volume("swap", striped(0, 1, ("pv0", 6)))
    volumes, problems = open_volumes([physical_volume(group(broken + "\n" + good))])
    assert [(problem.code, problem.message) for problem in problems] == [("lvm-metadata-damaged", message)]
    assert [found.name for found in volumes if not found.problems] == ["vg0/swap"]


@pytest.mark.parametrize(("text", "message"), [
    (group(ROOT).replace("extent_size = 8192", "extent_size = 0"), "volume group 'vg0' has extents of 0 bytes"),
    (group(ROOT).replace("seqno = 1", 'seqno = "x"'),
     "the LVM metadata gives 'x' as seqno, it should be a number from 0 to 4611686018427387904"),
    ("nothing = 1", "the LVM metadata names no volume group"),
    ("vg0 {", "the LVM metadata cannot be read: it ends inside a section"),
])
def test_groups_that_make_no_sense_are_problems(text: str, message: str) -> None:
    assert messages(physical_volume(text)) == [message]


def test_a_damaged_label_or_text_is_found_by_its_checksum() -> None:
    assert messages(physical_volume(group(ROOT)).write(600,
                                                       b"\xff")) == ["the checksum of the LVM label does not match"]
    assert messages(physical_volume(group(ROOT)).write(AREA + 8, b"\xff")) == [
        "the LVM metadata area at byte 4096 has no valid header"]
    assert messages(physical_volume(group(ROOT)).write(AREA + 700, b"\xff")) == [
        "the checksum of the LVM metadata text does not match"]


@pytest.mark.parametrize(("offset", "length"), [(0x100, 10), (AREA_SIZE, 10), (512, AREA_SIZE), (512, 2**63),
                                                (2**63, 10)])
def test_a_text_lies_in_its_area(offset: int, length: int) -> None:
    class Long(bytes):
        __slots__ = ()

        def __len__(self) -> int:
            return min(length, 2**63 - 1)

    disk = physical_volume(group(ROOT)).write(AREA, area_header(Long(b"x"), offset))
    assert [message.split(" bytes at ")[0] for message in messages(disk)] == [
        f"the LVM metadata text should be {min(length, 2**63 - 1)}"]


def test_what_the_disk_writer_makes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pv"
    write_physical_volume(path, 64, "vg-data", [Linear("swap", 8), Linear("root", 32)])
    volumes, problems = open_volumes([Memory(path.read_bytes())])
    assert [(found.name, found.reader.size) for found in volumes] == [("vg-data/swap", 8 * MIB),
                                                                      ("vg-data/root", 32 * MIB)]
    assert problems == []


def test_mutants_give_volumes_or_problems_in_time() -> None:
    raw = group(ROOT + "\n" + volume("wide", striped(0, 4, ("pv0", 6), ("pv0", 8)))).encode()
    chance = random.Random(20261123)  # noqa: S311 - cases, no secret
    for _ in range(400):
        text = bytearray(raw)
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(text))
            text[place : place + chance.randrange(3)] = chance.choice((b"{", b"}", b'"', b"[", b"9" * 18, b"\\", b"",
                                                                       b"\xff"))
        disk = physical_volume(text.decode("latin-1"))
        clock = Clock()
        volumes, problems = open_volumes([disk])
        assert all(_readable(found.reader.size, found.problems) for found in volumes)
        assert all(problem.code.startswith("lvm-") for problem in problems)
        assert clock.seconds() < ENDLESS


def _readable(size: int, problems: tuple[Problem, ...]) -> bool:
    return bool(problems) or 0 < size < 1 << 62
