"""The block allocation table: states of blocks, sector bitmaps between them, blocks that lie where none can."""

from __future__ import annotations

import pytest
import vhdx_writer as w
from pace import ENDLESS, Clock
from vhdx_writer import MIB, Disk

from imgbuild.formats.vhdx import bat
from imgbuild.formats.vhdx.container import open_vhdx
from imgbuild.readers import BrokenImage

TIB = 1 << 40
A, B = b"A" * MIB, b"B" * MIB
DISK = Disk(blocks={0: (w.FULLY_PRESENT, A), 1: (w.FULLY_PRESENT, B)})
FIRST, SECOND = w.BLOCKS, w.BLOCKS + MIB


def entry(place: int, state: int = w.FULLY_PRESENT) -> bytes:
    return (place | state).to_bytes(8, "little")


def with_entries(*entries: bytes, size: int | None = None):
    file = DISK.file().patch({w.BAT: b"".join(entries)})
    return file if size is None else file.cut(size)


def said(file) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in open_vhdx(file).problems]


@pytest.mark.parametrize("state", [w.NOT_PRESENT, w.UNDEFINED, w.ZERO, w.UNMAPPED, 5])
def test_blocks_that_are_not_in_the_file_read_as_zeros_wherever_their_entry_points(state):
    disk = open_vhdx(with_entries(entry(FIRST, state), entry(1 << 60, state)))
    assert (disk.problems, disk.read_at(0, 2 * MIB)) == ([], bytes(2 * MIB))


@pytest.mark.parametrize(("expected", "raw"), [
    ("block 1 is partially present, which only the blocks of a differencing disk can be",
     entry(SECOND, w.PARTIALLY_PRESENT)),
    ("block 1 has the state 4, which is not defined", entry(SECOND, 4)),
    ("block 1 is fully present, but its entry gives no place in the file", entry(0))])
def test_entries_that_say_nothing_are_problems_and_cannot_be_read(expected, raw):
    disk = open_vhdx(with_entries(entry(FIRST), raw))
    assert expected in [problem.message for problem in disk.problems] or raw == entry(0)
    assert disk.read_at(0, MIB) == A
    with pytest.raises(BrokenImage) as raised:
        disk.read_at(MIB, 1)
    problem = raised.value.problem
    assert (problem.code, problem.message, problem.field) == ("table-entry-invalid", expected, "BAT entry")
    assert (problem.offset, problem.hex) == (w.BAT + 8, raw.hex())


def test_reserved_bits_are_not_asked():
    assert open_vhdx(with_entries(entry(FIRST | 0xFFFF8), entry(SECOND))).read_at(0, MIB) == A


@pytest.mark.parametrize(("expected", "entries", "size"), [
    ([("block-overlap", "block 1 at byte 4194304 overlaps block 0")], (entry(FIRST), entry(FIRST)), None),
    ([("block-overlap", "block 0 at byte 1048576 overlaps the log")], (entry(MIB),), None),
    ([("block-overlap", "block 0 at byte 2097152 overlaps the metadata region")], (entry(2 * MIB),), None),
    ([("block-overlap", "block 0 at byte 3145728 overlaps the BAT region")], (entry(3 * MIB),), None),
    ([("block-overlap", "block 0 at byte 0 overlaps the headers")], (entry(0), entry(SECOND)), None),
    ([("truncated", "block 0 ends at byte 7340032, but the file at 6291456 (1 MiB before)")], (entry(6 * MIB),), None),
    ([("truncated", f"block 0 ends at byte {1 << 64}, but the file at 6291456 (16777216 TiB before)")],
     (entry((1 << 64) - MIB),), None),
    ([("truncated", "block 1 ends at byte 6291456, but the file at 6291455 (1 byte before)")], (), SECOND + MIB - 1),
    ([("truncated", "3 blocks are present, but the file has room for 2 at most")],
     (entry(FIRST), entry(SECOND), entry(6 * MIB)), None)])
def test_blocks_that_lie_where_none_can(expected, entries, size):
    disk = with_entries(*entries, size=size)
    if "room for" in expected[0][1]:
        disk = Disk(size=40 * MIB, block_size=8 * MIB).file().patch({w.BAT: b"".join(entries)}).cut(12 * MIB)
    assert said(disk) == expected


def test_the_last_block_need_not_be_longer_than_the_disk():
    disk = Disk(size=MIB + 512, blocks={0: (w.FULLY_PRESENT, A), 1: (w.FULLY_PRESENT, B)}).file()
    assert said(disk.cut(SECOND + 512)) == []
    assert open_vhdx(disk.cut(SECOND + 512)).read_at(MIB - 1, 513) == b"A" + b"B" * 512
    assert said(disk.cut(SECOND + 511)) == [
        ("truncated", "block 1 ends at byte 5243392, but the file at 5243391 (1 byte before)")]


@pytest.mark.parametrize(("sector", "block_size", "ratio"), [
    (512, 256 * MIB, 16), (512, 32 * MIB, 128), (4096, 256 * MIB, 128), (512, MIB, 4096)])
def test_an_entry_of_a_sector_bitmap_follows_each_chunk_of_blocks(sector, block_size, ratio):
    blocks = {ratio - 1: (w.FULLY_PRESENT, A), ratio: (w.FULLY_PRESENT, B)}
    disk = Disk(size=(2 * ratio + 1) * block_size, block_size=block_size, sector=sector, blocks=blocks)
    file = disk.file().patch({w.BAT + 8 * ratio: b"\xff" * 8})  # QEMU before 8.0 left such things there
    opened = open_vhdx(file)
    assert opened.problems == []
    assert opened.table.parameters.bat_entries == 2 * ratio + 1 + 2
    assert opened.read_at((ratio - 1) * block_size, 1) + opened.read_at(ratio * block_size, 1) == b"AB"


def test_the_table_must_hold_an_entry_for_each_block():
    # 131072 entries fit into 1 MiB, 31 of them for bitmaps when the blocks have 1 MiB and the disk 131041.
    full = Disk(size=131041 * MIB).file()
    assert said(full) == []
    items = w.metadata_region(Disk(size=131042 * MIB).items)
    assert said(full.patch({w.METADATA: items})) == [
        ("table-too-small", "the BAT region has 1048576 bytes, but a disk of 128 GiB needs 1048584")]


def test_a_table_of_64_tib_in_small_blocks_is_read_where_it_is_asked():
    disk = Disk(size=64 * TIB)
    last = 64 * TIB // MIB - 1
    clock = Clock()
    opened = open_vhdx(disk.but(blocks={0: (w.FULLY_PRESENT, A), last: (w.FULLY_PRESENT, B)}).file())
    assert (opened.problems, opened.virtual_size) == ([], 64 * TIB)
    assert opened.read_at(64 * TIB - MIB, 3) == b"BBB"
    assert clock.seconds() < ENDLESS


def test_a_table_that_claims_millions_of_blocks_costs_nothing():
    disk = Disk(size=1 * TIB).file()
    file = disk.patch({w.BAT: entry(FIRST) * (1 << 20)})
    clock = Clock()
    assert [code for code, _ in said(file)] == ["truncated"]
    assert clock.seconds() < ENDLESS


def test_what_is_looked_through_is_bounded():
    table = open_vhdx(Disk(size=64 * TIB).file()).table
    assert len(table.payload_entries()) <= bat.MAX_SCANNED_BYTES // 8
