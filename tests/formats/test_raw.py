from __future__ import annotations

import pytest

from imgbuild.formats.base import Probe
from imgbuild.formats.raw import FORMAT, open_raw
from imgbuild.readers import BrokenImage, Memory


def test_the_whole_file_is_the_disk():
    disk = open_raw(Memory(bytes(range(256)) * 4))
    assert (disk.format, disk.virtual_size, disk.header, disk.problems, disk.readable) == ("raw", 1024, {}, [], True)
    assert disk.read_at(255, 3) == b"\xff\x00\x01"


def test_a_read_past_the_end_is_refused():
    disk = open_raw(Memory(bytes(1024)))
    assert disk.read_at(1023, 1) == b"\0"
    with pytest.raises(BrokenImage) as refusal:
        disk.read_at(1023, 2)
    assert refusal.value.problem.code == "truncated"


@pytest.mark.parametrize("size", [512, 1024, 1 << 20])
def test_a_size_in_sectors_is_not_remarked_upon(size):
    assert open_raw(Memory(bytes(size))).problems == []


@pytest.mark.parametrize("size", [1, 511, 513])
def test_a_size_that_is_no_multiple_of_512_is_said(size):
    [problem] = open_raw(Memory(bytes(size))).problems
    assert problem.code == "unaligned-size"
    assert problem.message == f"the disk has {size} bytes; disks have a multiple of 512"


def test_an_empty_file_holds_no_disk():
    disk = open_raw(Memory(b""))
    assert (disk.virtual_size, disk.readable) == (None, False)
    with pytest.raises(BrokenImage) as refusal:
        disk.read_at(0, 1)
    assert refusal.value.problem.code == "content-unread"


def test_nothing_says_that_it_is_raw():
    assert not FORMAT.matches(Probe(512, bytes(512), bytes(512)))
    assert not FORMAT.matches(Probe(0, b"", b""))
