"""The formats of which one short header is read: QCOW 1, QED and Parallels."""

from __future__ import annotations

import random
import struct
from contextlib import suppress

import pytest

from imgbuild.formats import find
from imgbuild.readers import BrokenImage, Memory

SIZE = 1 << 30


def qcow(*, size: int = SIZE, name: int = 0, length: int = 0, crypt: int = 0) -> bytes:
    header = struct.pack(">4sIQIIQBBxxIQ", b"QFI\xfb", 1, name, length, 0, size, 12, 9, crypt, 48)
    return header.ljust(64, b"\0") + b"/etc/passwd\x1b".ljust(64, b"\0")


def qed(*, size: int = SIZE, features: int = 0, name: int = 64, length: int = 12) -> bytes:
    header = struct.pack("<4sIIIQQQQQII", b"QED\0", 65536, 4, 1, features, 0, 0, 65536, size, name, length)
    return header + b"/etc/passwd\x1b".ljust(64, b"\0")


def parallels(*, sectors: int = SIZE // 512, magic: bytes = b"WithouFreSpacExt", in_use: int = 0x312E3276) -> bytes:
    return struct.pack("<16sIIIIIQIIIQ", magic, 2, 16, 64, 2048, 1024, sectors, in_use, 2048, 0, 0).ljust(128, b"\0")


def opened(name: str, data: bytes):
    return find(name).open(Memory(data))


@pytest.mark.parametrize(("name", "data", "facts"), [
    ("qcow", qcow(), {"version": 1, "cluster_bits": 12, "l2_bits": 9, "crypt_method": 0, "l1_table_offset": 48}),
    ("qed", qed(), {"cluster_size": 65536, "table_size": 4, "features": 0, "l1_table_offset": 65536}),
    ("parallels", parallels(), {"magic": "WithouFreSpacExt", "tracks": 2048, "nb_bat_entries": 1024}),
    ("parallels", parallels(magic=b"WithoutFreeSpace", sectors=SIZE // 512 + (5 << 32)), {"in_use": False}),
])
def test_the_header_gives_facts_and_the_content_is_not_read(name, data, facts):
    disk = opened(name, data)
    assert (disk.format, disk.virtual_size, disk.readable) == (name, SIZE, False)
    assert disk.header | facts == disk.header
    assert [problem.code for problem in disk.problems] == ["content-unread"]
    with pytest.raises(BrokenImage):
        disk.read_at(0, 1)


@pytest.mark.parametrize(("code", "name", "data"), [
    ("backing-file", "qcow", qcow(name=64, length=12)), ("backing-file", "qcow", qcow(name=1 << 63, length=1 << 31)),
    ("encrypted", "qcow", qcow(crypt=1)), ("backing-file", "qed", qed(features=1)),
    ("backing-file", "qed", qed(features=1, name=0xFFFFFFFF, length=0xFFFFFFFF)),
    ("needs-check", "qed", qed(features=2)),
    ("needs-check", "parallels", parallels(in_use=0x746F6E59))])
def test_what_makes_it_depend_or_doubtful_is_said_first(code, name, data):
    disk = opened(name, data)
    assert [problem.code for problem in disk.problems] == [code, "content-unread"]
    assert disk.virtual_size == SIZE


def test_names_of_backing_files_are_quoted():
    for name, data in (("qcow", qcow(name=64, length=12)), ("qed", qed(features=1))):
        assert opened(name, data).problems[0].message == (
            "the disk is a delta over '/etc/passwd\\x1b'; it cannot stand alone")


@pytest.mark.parametrize(("name", "data"), [
    (name, make(size=size)) for name, make in (("qcow", qcow), ("qed", qed))
    for size in (0, 1 << 63, (1 << 64) - 1)] + [("parallels", parallels(sectors=sectors)) for sectors in (0, 1 << 54)])
def test_a_size_that_no_disk_has_is_refused(name, data):
    with pytest.raises(BrokenImage) as refusal:
        opened(name, data)
    assert refusal.value.problem.code == "header-invalid"
    assert refusal.value.problem.message.endswith("a disk has more than 0 and less than 2**63")


@pytest.mark.parametrize(("name", "data", "end"), [
    ("qcow", qcow(), 48), ("qed", qed(), 64), ("parallels", parallels(), 64)])
def test_a_header_is_needed_to_its_last_byte(name, data, end):
    assert opened(name, data[:end]).virtual_size == SIZE
    with pytest.raises(BrokenImage) as refusal:
        opened(name, data[: end - 1])
    assert refusal.value.problem.code == "truncated"


@pytest.mark.parametrize(("name", "data"), [
    ("qcow", qcow(name=64, length=12)), ("qed", qed(features=3)), ("parallels", parallels())])
def test_mutations_raise_nothing_else(name, data):
    rng = random.Random(name)  # noqa: S311 - cases, no secret
    for _ in range(200):
        mutant = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            mutant[rng.randrange(len(mutant))] = rng.randrange(256)
        with suppress(BrokenImage):
            opened(name, bytes(mutant))
