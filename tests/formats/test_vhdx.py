from __future__ import annotations

import random
from contextlib import suppress

import pytest

from imgbuild.formats import vhdx
from imgbuild.formats.vhdx import open_vhdx
from imgbuild.readers import BrokenImage, Memory

KIB = 1024
METADATA = 384 * KIB
SIZE = 512 * KIB


def guid(text: str) -> bytes:
    return vhdx._guid(text)


def build(*, size: int = 1 << 30, flags: int = 0, log: bytes = bytes(16), region: int = METADATA, offset: int = 65536,
          length: int = 128 * KIB, items: bool = True) -> bytearray:
    """Return a VHDX of headers, region tables and metadata only."""
    data = bytearray(SIZE)
    data[:8] = b"vhdxfile"
    data[8:24] = "imgbuild".encode("utf-16-le")
    for number, place in enumerate((64 * KIB, 128 * KIB)):
        data[place : place + 4] = b"head"
        data[place + 8 : place + 16] = (7 + number).to_bytes(8, "little")
        data[place + 48 : place + 64] = log if number else b"\xff" * 16
    for place in (192 * KIB, 256 * KIB):
        data[place : place + 16] = b"regi" + bytes(4) + (1).to_bytes(4, "little") + bytes(4)
        data[place + 16 : place + 48] = (guid("8b7ca206-4790-4b9a-b8fe-575f050f886e") + region.to_bytes(8, "little")
                                         + length.to_bytes(4, "little") + (1).to_bytes(4, "little"))
    if not items:
        return data
    entries = [("caa16737-fa36-4d43-b3b6-33f0aa44e76b", (1 << 20).to_bytes(4, "little") + flags.to_bytes(4, "little")),
               ("2fa54224-cd1b-4876-b211-5dbed83bf4b8", size.to_bytes(8, "little")),
               ("8141bf1d-a96f-4709-ba47-f233a8faab5f", (512).to_bytes(4, "little"))]
    data[METADATA : METADATA + 12] = b"metadata" + bytes(2) + len(entries).to_bytes(2, "little")
    for number, (name, value) in enumerate(entries):
        at = METADATA + 32 + 32 * number
        place = offset + 16 * number
        data[at : at + 24] = guid(name) + place.to_bytes(4, "little") + len(value).to_bytes(4, "little")
        if METADATA + place < SIZE - 16:
            data[METADATA + place : METADATA + place + len(value)] = value
    return data


def opened(data: bytes | bytearray):
    return open_vhdx(Memory(bytes(data)))


def refusal_of(data: bytes | bytearray) -> str:
    with pytest.raises(BrokenImage) as refusal:
        opened(data)
    return refusal.value.problem.code


def test_the_size_of_the_disk_is_a_metadata_item():
    disk = opened(build())
    assert (disk.format, disk.virtual_size, disk.readable) == ("vhdx", 1 << 30, False)
    assert [problem.code for problem in disk.problems] == ["content-unread"]
    assert disk.header == {
        "creator": "imgbuild", "block_size": 1 << 20, "leave_block_allocated": False, "has_parent": False,
        "virtual_disk_size": 1 << 30, "logical_sector_size": 512, "physical_sector_size": None,
        "log_replay_needed": False}


def test_the_header_with_the_higher_sequence_number_says_whether_a_log_waits():
    assert [problem.code for problem in opened(build(log=b"\x01" * 16)).problems] == ["needs-check", "content-unread"]


def test_a_differencing_disk_has_a_parent():
    assert [problem.code for problem in opened(build(flags=2)).problems] == ["backing-file", "content-unread"]
    assert [problem.code for problem in opened(build(flags=1)).problems] == ["content-unread"]


def test_the_second_region_table_stands_in_for_the_first():
    data = build()
    data[192 * KIB : 192 * KIB + 4] = b"xxxx"
    assert opened(data).virtual_size == 1 << 30
    data[256 * KIB + 8 : 256 * KIB + 12] = (2048).to_bytes(4, "little")
    assert refusal_of(data) == "header-invalid"


@pytest.mark.parametrize(("expected", "data"), [
    ("header-invalid", build(size=0)), ("header-invalid", build(size=(64 << 40) + 1)),
    ("header-invalid", build(size=(1 << 64) - 1)), ("header-invalid", build(items=False)),
    ("truncated", build(region=1 << 40)), ("truncated", build(region=(1 << 64) - 1)), ("truncated", build(length=SIZE)),
    ("truncated", build(offset=128 * KIB)), ("truncated", build(offset=0xFFFFFF00)),
    ("truncated", build()[: 200 * KIB]), ("truncated", b"vhdxfile")])
def test_tables_that_cannot_be_followed_are_refused(expected, data):
    assert refusal_of(data) == expected


def test_the_largest_disk_is_not_refused():
    assert opened(build(size=64 << 40)).virtual_size == 64 << 40


def test_too_many_metadata_entries_are_refused():
    data = build()
    data[METADATA + 10 : METADATA + 12] = (2048).to_bytes(2, "little")
    assert refusal_of(data) == "header-invalid"


def test_mutations_raise_nothing_else():
    rng = random.Random(6)  # noqa: S311 - cases, no secret
    data = build()
    places = [place for place, byte in enumerate(data) if byte] + list(range(METADATA, METADATA + 128))
    for _ in range(300):
        mutant = bytearray(data)
        for _ in range(rng.randint(1, 6)):
            mutant[rng.choice(places)] = rng.randrange(256)
        with suppress(BrokenImage):
            opened(mutant)
