from __future__ import annotations

import random
import struct
import time
from contextlib import suppress

import pytest

from imgbuild.formats.vmdk import open_vmdk
from imgbuild.readers import BrokenImage, Memory

WHOLE = 'version=1\nCID=12345678\nparentCID=ffffffff\ncreateType="monolithicSparse"\nRW 2048 SPARSE "disk.vmdk"\n'


def sparse(descriptor: str = WHOLE, *, capacity: int = 2048, place: int = 1, size: int = 20) -> bytes:
    """Return a sparse extent with its header and a descriptor in sector ``place``."""
    header = struct.pack("<4sIIQQQQIQQQB4xH", b"KDMV", 1, 3, capacity, 128, place, size, 512, 21, 26, 128, 0, 0)
    return header.ljust(512, b"\0") + descriptor.encode("latin-1").ljust(20 * 512, b"\0")


def opened(data: bytes):
    return open_vmdk(Memory(data))


def codes(data: bytes) -> list[str]:
    return [problem.code for problem in opened(data).problems]


def test_a_whole_sparse_disk_gives_its_header():
    disk = opened(sparse())
    assert (disk.format, disk.virtual_size, disk.readable) == ("vmdk", 1 << 20, False)
    assert codes(sparse()) == ["content-unread"]
    assert disk.header == {
        "version": 1, "flags": 3, "capacity": 2048, "grain_size": 128, "unclean_shutdown": False,
        "compress_algorithm": 0, "create_type": "monolithicSparse", "cid": "12345678", "parent_cid": "ffffffff",
        "extents": [{"sectors": 2048, "type": "SPARSE", "file": "disk.vmdk"}]}
    assert disk.problems[0].message == "the content of this VMDK was not looked into: only its header was read"


@pytest.mark.parametrize("descriptor", [
    WHOLE.replace("monolithicSparse", "streamOptimized"), WHOLE.replace("\n", "\r\n"), WHOLE.replace("RW", "rw"),
    WHOLE.replace('"disk', '"my disk')])
def test_one_extent_that_can_only_be_itself_is_safe(descriptor):
    assert codes(sparse(descriptor)) == ["content-unread"]


@pytest.mark.parametrize("descriptor", [
    WHOLE.replace("disk.vmdk", "/etc/passwd"), WHOLE.replace("disk.vmdk", "..\\x"),
    WHOLE.replace("disk.vmdk", "nbd:host:1"),
    WHOLE.replace("SPARSE", "FLAT"), WHOLE.replace("monolithicSparse", "twoGbMaxExtentSparse"),
    WHOLE.replace("monolithicSparse", "custom"), WHOLE + 'RW 1 FLAT "/dev/sda" 0\n', WHOLE.replace("RW 2048", "# RW")])
def test_extents_elsewhere_are_a_danger(descriptor):
    assert codes(sparse(descriptor)) == ["external-extent", "content-unread"]


@pytest.mark.parametrize("line", ["parentCID=1234abcd", 'parentFileNameHint="/etc/shadow"'])
def test_a_parent_is_a_backing_file(line):
    assert codes(sparse(WHOLE.replace("parentCID=ffffffff", line))) == ["backing-file", "content-unread"]


@pytest.mark.parametrize("words", ["monolithicFlat", "vmfs", "2GbMaxExtentFlat", "monolithicSparse"])
def test_a_bare_descriptor_always_has_its_data_elsewhere(words):
    disk = opened(f'# Disk DescriptorFile\nversion=1\ncreateType="{words}"\nRW 2048 FLAT "x-flat.vmdk" 0\n'.encode())
    assert [problem.code for problem in disk.problems] == ["external-extent"]
    assert (disk.virtual_size, disk.readable) == (1 << 20, False)
    assert disk.problems[0].message == (
        f"the file is a descriptor that puts the disk into other files ('x-flat.vmdk'; createType '{words}');"
        " a monolithicSparse or streamOptimized VMDK has one extent, itself")


def test_control_characters_of_a_descriptor_stay_in_it():
    disk = opened(sparse(WHOLE.replace("disk.vmdk", "\x1b[2J/x")))
    assert "\x1b" not in disk.problems[0].message


@pytest.mark.parametrize("sectors", ["0", "99999999999999999999", "-1", "x", "\u00b2", str(1 << 62)])
def test_a_descriptor_with_absurd_extents_has_no_size(sectors):
    data = f'# Disk DescriptorFile\nRW {sectors} FLAT "x"\n'.encode("latin-1")
    assert opened(data).virtual_size is None


@pytest.mark.parametrize("data", [
    sparse(""), sparse(place=0), sparse(size=0), sparse(place=1 << 40), b"COWD" + bytes(100),
    b"\xbe\xba\xfe\xca\0\0\0\0" + bytes(100)])
def test_an_extent_without_descriptor_is_a_piece(data):
    disk = opened(data)
    assert [problem.code for problem in disk.problems] == ["extent-alone"]
    assert disk.virtual_size is None


@pytest.mark.parametrize("capacity", [0, 1 << 54, (1 << 64) - 1])
def test_a_capacity_that_no_disk_has_is_refused(capacity):
    with pytest.raises(BrokenImage) as refusal:
        opened(sparse(capacity=capacity))
    assert refusal.value.problem.code == "header-invalid"
    assert refusal.value.problem.field == "capacity"


def test_the_largest_capacity_is_not_refused():
    assert opened(sparse(capacity=(1 << 54) - 1)).virtual_size == (1 << 63) - 512


def test_a_cut_header_is_truncated():
    with pytest.raises(BrokenImage) as refusal:
        opened(sparse()[:78])
    assert refusal.value.problem.code == "truncated"


def test_descriptors_made_to_keep_a_pattern_busy_are_read_at_once():
    for line in ("=" + " " * 60000 + "x", "a=" + "\t" * 60000 + "x", "RW" + " " * 60000, "#\n" * 30000, " " * 60000,
                 "RW 1 FLAT\n" * 6000, '"' * 60000):
        started = time.monotonic()
        opened(b"# Disk DescriptorFile\n" + line.encode())
        opened(sparse(line))
        assert time.monotonic() - started < 1


def test_mutations_raise_nothing_else():
    rng = random.Random(5)  # noqa: S311 - cases, no secret
    for _ in range(400):
        mutant = bytearray(sparse())
        for _ in range(rng.randint(1, 8)):
            mutant[rng.randrange(4, 700)] = rng.randrange(256)
        with suppress(BrokenImage):
            opened(bytes(mutant))
