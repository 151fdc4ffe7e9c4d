from __future__ import annotations

import random
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from sparse import File
from tools import needs

from imgbuild.formats import qcow1
from imgbuild.formats.base import Probe
from imgbuild.formats.qcow1.container import open_qcow1
from imgbuild.formats.served import Served
from imgbuild.readers import BrokenImage, Memory
from imgbuild.source import open_source

MIB = 1 << 20
CLUSTER = 4096
SIZE = 4 * MIB
L1, L2, DATA = 48, CLUSTER, 2 * CLUSTER
COMPRESSED = 1 << 63
UNREAD = "the content of this QCOW was not looked into; qemu-nbd, from the package qemu-utils, would read it"


def header(*, size: int = SIZE, name: int = 0, length: int = 0, cluster_bits: int = 12, l2_bits: int = 9,
           crypt: int = 0, l1: int = L1) -> bytes:
    return struct.pack(">4sIQIIQBBHIQ", b"QFI\xfb", 1, name, length, 99, size, cluster_bits, l2_bits, 0, crypt, l1)


def image(*entries: int, table: tuple[int, ...] = (L2,), end: int = 3 * CLUSTER, **fields) -> File:
    """Return a file of a header, an L1 table, one L2 table with these entries, and one cluster."""
    return File(end, [(0, header(**fields)), (L1, struct.pack(f">{len(table)}Q", *table)), (512, b"/etc/passwd\x1b"),
                      (L2, struct.pack(f">{len(entries)}Q", *entries))])


def packed(offset: int, length: int) -> int:
    return COMPRESSED | length << 63 - 12 | offset


def said(file) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in open_qcow1(file).problems]


@pytest.mark.parametrize(("expected", "head"), [
    (True, b"QFI\xfb\0\0\0\x01"), (True, header()), (False, b"QFI\xfb\0\0\0\x02"), (False, b"QFI\xfb\0\0\0"),
    (False, b"QFI\xfa\0\0\0\x01"), (False, b"")])
def test_a_file_is_recognised_by_its_magic_and_version(expected, head):
    assert qcow1.FORMAT.matches(Probe(len(head), head, head)) is expected


def test_the_facts_have_the_names_of_the_documentation():
    disk = open_qcow1(image(DATA))
    assert disk.header == {"version": 1, "backing_file_offset": 0, "backing_file_size": 0, "mtime": 99, "size": SIZE,
                           "cluster_bits": 12, "l2_bits": 9, "crypt_method": 0, "l1_table_offset": 48}
    assert (disk.format, disk.virtual_size, disk.readable, isinstance(disk, Served)) == ("qcow", SIZE, False, True)
    assert [(problem.code, problem.message) for problem in disk.problems] == [("content-unread", UNREAD)]


def test_a_backing_file_is_named_and_never_opened():
    disk = open_qcow1(image(name=512, length=12))
    assert [(problem.code, problem.message, problem.offset) for problem in disk.problems] == [
        ("backing-file", "the disk is a delta over '/etc/passwd\\x1b'; it cannot stand alone", 8)]
    assert not isinstance(disk, Served)
    assert said(image(name=1 << 63, length=12)) == [
        ("backing-file", "the disk is a delta over ''; it cannot stand alone")]
    assert said(image(name=512, length=1024))[1] == (
        "header-invalid", "backing_file_size is 1024; 1023 bytes is the longest name")
    assert len(said(image(name=512, length=1023))) == 1


@pytest.mark.parametrize(("method", "name"), [(1, "AES"), (2, "not known"), (0xFFFFFFFF, "not known")])
def test_an_encrypted_disk_is_not_given_to_qemu(method, name):
    disk = open_qcow1(image(crypt=method))
    assert [(problem.code, problem.message) for problem in disk.problems] == [
        ("encrypted", f"crypt_method is {method} ({name}); 0 is no encryption")]
    assert not isinstance(disk, Served)


@pytest.mark.parametrize(("code", "message", "fields"), [
    *(("header-invalid", f"cluster_bits is {bits}; 9 to 16 are good", {"cluster_bits": bits}) for bits in (0, 8, 17)),
    *(("header-invalid", f"l2_bits is {bits}; 6 to 13 are good", {"l2_bits": bits}) for bits in (0, 5, 14)),
    ("table-too-large", "the L1 table would take 35184372088832 bytes; the file has 12288", {"size": (1 << 63) - 1}),
    ("header-invalid", "l1_table_offset is 47; the table stands after the header of 48 bytes", {"l1": 47}),
    ("truncated", "the L1 table is at 12273 to 12289, but the file ends at 12288", {"l1": 12273}),
    ("truncated", f"the L1 table is at {(1 << 64) - 1} to {(1 << 64) + 15}, but the file ends at 12288",
     {"l1": (1 << 64) - 1})])
def test_fields_that_cannot_be(code, message, fields):
    disk = open_qcow1(image(**fields))
    assert (code, message) in [(problem.code, problem.message) for problem in disk.problems]
    assert not isinstance(disk, Served)


@pytest.mark.parametrize("fields", [{"cluster_bits": 9}, {"cluster_bits": 16}, {"l2_bits": 6}, {"l2_bits": 13}])
def test_the_bounds_of_the_fields_are_good(fields):
    assert said(image(table=(0,), **fields)) == [("content-unread", UNREAD)]


@pytest.mark.parametrize("size", [0, 1 << 63, (1 << 64) - 1])
def test_a_size_that_no_disk_has_is_refused(size):
    with pytest.raises(BrokenImage) as refusal:
        open_qcow1(Memory(header(size=size)))
    assert refusal.value.problem.message == (
        f"size gives a disk of {size} bytes; a disk has more than 0 and less than 2**63")


def test_a_size_between_sectors_is_said():
    assert said(image(size=SIZE - 1, table=(0,)))[0] == (
        "unaligned-size", "the virtual disk has 4194303 bytes; disks have a multiple of 512")


@pytest.mark.parametrize("size", [0, 1, 4, 8, 16, 20, 24, 32, 33, 36, 40, 47])
def test_a_header_is_needed_to_its_last_byte(size):
    with pytest.raises(BrokenImage) as refusal:
        open_qcow1(Memory(header()[:size]))
    assert refusal.value.problem.code == "truncated"


# Tables: image() has one cluster of data at its end


@pytest.mark.parametrize(("expected", "file"), [
    ([], image(DATA, 0)), ([], image(packed(DATA + 1, 100))), ([], image(packed(3 * CLUSTER - 100, 100))),
    (["truncated"], image(packed(3 * CLUSTER - 99, 100))), (["truncated"], image(packed((1 << 51) - 1, 4095))),
    (["truncated"], image(3 * CLUSTER)), (["truncated"], image(DATA, end=3 * CLUSTER - 1)),
    (["truncated"], image((1 << 63) - CLUSTER)), (["table-entry-invalid"], image(DATA + 1)),
    (["truncated"], image(table=(3 * CLUSTER,))), (["truncated"], image(table=(0, (1 << 64) - CLUSTER))),
    (["table-entry-invalid"], image(table=(L2 + 1,)))])
def test_what_the_tables_point_to(expected, file):
    assert [code for code, _ in said(file) if code != "content-unread"] == expected


def test_mutations_raise_nothing_else():
    draw = random.Random(8)  # noqa: S311 - cases, no secret
    for _ in range(400):
        file = image(DATA, 0, packed(DATA, 99))
        for _ in range(draw.randint(1, 6)):
            place = draw.choice((0, 0, L1, L2)) + draw.randrange(48)
            file = file.patch({place: bytes([draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))])})
        with suppress(BrokenImage):
            disk = open_qcow1(file.cut(draw.choice((file.size, draw.randrange(file.size)))))
            assert all(problem.message.isprintable() for problem in disk.problems)


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize("compress", ["", "-c "])
def test_what_qemu_writes_is_good_and_half_of_it_is_not(compress, tmp_path):
    path = str(Path(tmp_path) / "disk.qcow")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow", path, "40M"], check=True)
    writes = [f"write {compress}-P {number % 200 + 1} {number * 4}k 4k" for number in range(0, 4000, 40)]
    subprocess.run(["qemu-io", "-f", "qcow", *(word for write in writes for word in ("-c", write)), path], check=True,
                   capture_output=True)
    with open_source(path) as source:
        assert said(source) == [("content-unread", UNREAD)]
        whole = source.size
    with open(path, "r+b") as file:
        file.truncate(whole // 2)
    with open_source(path) as source:
        assert [code for code, _ in said(source)] == ["truncated"]
