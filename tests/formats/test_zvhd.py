from __future__ import annotations

import io
import itertools
import random
import struct
import zlib
from bisect import bisect_left

import pytest
import zvhd_files as f
import zvhd_writer as w
from zvhd_files import MIB, SAMPLES, opened, patch, said, streamed

from imgbuild import fastzlib
from imgbuild.formats import zvhd
from imgbuild.formats.zvhd.container import _walk as walk
from imgbuild.formats.zvhd.header import MAX_BLOCKS
from imgbuild.formats.zvhd.records import RECORD, Record, read_payload
from imgbuild.formats.zvhd.stream import Stream
from imgbuild.readers import BrokenImage, FileView, Memory, Slice

BLOCK = 2 * MIB
DISK = f.holey(4, (0, 1, 3), BLOCK, rest=1536)
FILE = streamed(DISK)
REAL = (SAMPLES / "sparse.zvhd").read_bytes()
END = len(FILE) - w.PAGE
SECOND = 4096 + Record(4096, *RECORD.unpack_from(FILE, 4096)[1:]).length


@pytest.mark.parametrize("name", ["sparse", "tiny-gpt-uefi-ext4"])
def test_real_files_read_as_the_driver_reads_them(name):
    container = opened((SAMPLES / f"{name}.zvhd").read_bytes())
    assert (container.problems, container.virtual_size) == ([], f.GIB)
    assert f.digest(container) == (SAMPLES / f"{name}-virtual.sha256").read_text().strip()


def test_the_fields_of_a_real_file():
    assert opened(REAL).header == {
        "features": 2, "format_version": "1.0", "timestamp": "2026-11-23T07:31:37Z", "creator_app": "tap",
        "creator_version": "1.4", "creator_os": 0, "orig_size": 3149312, "curr_size": 1073741824,
        "geometry": {"cylinders": 90, "heads": 4, "sectors": 17}, "disk_type": 4, "checksum": "0xffffe9c2",
        "uuid": "a4512a91-6a94-4dc2-b854-ed5a79496d73", "saved": 0, "hidden": 0, "align_64": 0, "non_zero_blk_num": 2,
    }


@pytest.mark.parametrize("name", ["sparse", "tiny-gpt-uefi-ext4"])
def test_our_writer_writes_what_the_driver_wrote(name):
    real = (SAMPLES / f"{name}.zvhd").read_bytes()
    container, records = opened(real), walk(Memory(real), MAX_BLOCKS)[0]
    payloads = [real[record.offset + 48 : record.offset + 48 + record.size] for record in records]
    options = w.Options(timestamp=int.from_bytes(real[24:28], "little"), uuid=real[68:84], payloads=payloads)
    source, ours = FileView(Slice(container, 0, container.header["orig_size"])), io.BytesIO()
    w.write_zvhd(source, ours, options)
    assert ours.getvalue() == real


def test_the_source_of_the_samples_is_known():
    assert opened(REAL).read_at(0, 3149312) == f.sparse_source()


@pytest.mark.parametrize("disk", [DISK, f.holey(3, (), BLOCK), f.holey(1, (0,), BLOCK), bytes(512) + b"end!" * 128],
                         ids=["holes", "all zero", "one block", "two sectors"])
def test_disks_read_back(disk):
    container = opened(streamed(disk))
    assert (container.problems, container.readable, container.virtual_size) == ([], True, f.GIB)
    assert container.read_at(0, len(disk)) == disk
    assert container.read_at(len(disk), 3 * MIB) == bytes(3 * MIB)


def test_blocks_are_read_in_any_order():
    disk = f.holey(12, tuple(range(0, 12, 2)), BLOCK)
    container = opened(streamed(disk))
    order = [11, 0, 8, 2, 10, 2, 4, 4, 0, 6]
    for block in order:
        assert container.read_at(block * BLOCK + 7, BLOCK) == disk[block * BLOCK + 7 :][:BLOCK].ljust(BLOCK, b"\0")


@pytest.fixture(params=["isal", "zlib"])
def library(request, monkeypatch):
    """Read with this library; the machine may have no other than zlib."""
    if request.param == "zlib":
        monkeypatch.setattr(fastzlib, "library", lambda: zlib)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("checkpoints", [1, 2, 5, 100])
def test_going_back_starts_from_a_checkpoint(checkpoints):
    disk = f.holey(9, tuple(range(9)), BLOCK)
    file = streamed(disk)
    stream = Stream(Memory(file), walk(Memory(file), 9)[0], checkpoints)
    for block in (8, 3, 8, 0, 5):
        assert stream.block(block) == disk[block * BLOCK :][:BLOCK]
    assert 0 < len(stream._windows) <= checkpoints
    assert {len(window) for window in stream._windows.values()} == {1 << 15}


def stored(*blocks: bytes) -> bytes:
    """Return a file whose stream has no flushes: a record ends where its block does, inside of a stored block."""
    packed = zlib.compress(b"".join(blocks) + b"more", 0)
    cuts = [bisect_left(range(len(packed)), number * BLOCK,
                        key=lambda end: len(zlib.decompressobj().decompress(packed[:end])))
            for number in range(1, len(blocks) + 1)]
    payloads = [packed[start:end] for start, end in itertools.pairwise([0, *cuts])]
    return streamed(f.holey(len(blocks), tuple(range(len(blocks))), BLOCK), payloads=payloads)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("tail", [b"", b"\0\0\xff\xff"], ids=["plain", "as if flushed"])
def test_what_was_read_once_is_nothing_else_when_it_is_read_again(tail):
    """No writer is known that does without flushes."""
    blocks = [random.Random(number).randbytes(BLOCK - len(tail)) + tail for number in range(4)]  # noqa: S311
    file = Memory(stored(*blocks))
    stream = Stream(file, walk(file, 4)[0])
    assert [stream.block(number) for number in (3, 0, 2, 1, 3)] == [blocks[number] for number in (3, 0, 2, 1, 3)]


def two_faced() -> tuple[bytes, list[bytes]]:
    """Return a file, and its blocks by a pass from its start, whose second block is another if it is begun with.

    A stored block goes on from the first record into the second, and what it holds on both sides of the cut looks like
    a flush and like blocks of its own.
    """
    def as_stored(data: bytes) -> bytes:
        return struct.pack("<BHH", 0, len(data), len(data) ^ 0xFFFF) + data

    def flushed(size: int) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(bytes(size)) + packer.flush(zlib.Z_SYNC_FLUSH)

    shown, hidden = b"GOOD" * 8000, b"EVIL" * 8000
    seen = as_stored(shown[:100]) + as_stored(shown[100:])
    covered = as_stored(hidden) + as_stored(seen)[:5]
    open_block = struct.pack("<BHH", 0, 4 + len(covered), 4 + len(covered) ^ 0xFFFF) + b"\0\0\xff\xff"
    payloads = [b"\x78\x01" + flushed(BLOCK - 4) + open_block,
                covered + seen + flushed(BLOCK - len(covered) - len(shown)), flushed(BLOCK)]
    state = zlib.decompressobj()
    return streamed(f.holey(3, (0, 1, 2), BLOCK), payloads=payloads), [state.decompress(part) for part in payloads]


@pytest.mark.usefixtures("library")
def test_what_only_looks_like_a_flush_does_not_make_another_disk_of_it():
    file, blocks = two_faced()
    assert [len(block) for block in blocks] == [BLOCK] * 3
    stream = Stream(Memory(file), walk(Memory(file), 3)[0])
    for number in (1, 2, 1, 0, 1):
        assert stream.block(number) == blocks[number]


def test_going_back_costs_one_step_where_each_record_has_a_checkpoint(monkeypatch):
    file = streamed(f.holey(9, tuple(range(9)), BLOCK))
    stream = Stream(Memory(file), walk(Memory(file), 9)[0])
    stream.block(8)
    steps = []
    monkeypatch.setattr("imgbuild.formats.zvhd.stream.read_payload", lambda *a: steps.append(a[1]) or read_payload(*a))
    stream.block(3)
    assert len(steps) == 1


@pytest.mark.parametrize(("offset", "length"), [(f.GIB, 1), (f.GIB - 1, 2), (-1, 1), (0, -1)])
def test_nothing_is_read_outside_the_disk(offset, length):
    with pytest.raises(BrokenImage, match="the virtual disk ends at 1073741824"):
        opened(REAL).read_at(offset, length)


@pytest.mark.parametrize(("file", "expected"), [
    (REAL, True), (REAL[:16], True), (patch(REAL, 8, b"\3"), True), (patch(REAL, 6, b"xx"), True),
    (b"", False), (b"s", False), (b"stream", False), (b"streams of consciousness", False),
    (patch(patch(REAL, 8, b"\3"), 12, b"\1"), False), (REAL[1:], False), (b"z2strm" + REAL[6:], False),
])
def test_only_a_header_is_claimed_and_no_text(file, expected):
    assert zvhd.FORMAT.matches(f.probe(file)) == expected


def resized(offset: int, value: int) -> bytes:
    return patch(FILE, offset, value.to_bytes(8, "little"), page=0)


CUT = "of the header that marks its end: the conversion or upload that wrote it was most likely broken off"
PROBLEMS = [
    (patch(FILE, 20, b"\0"), "checksum-mismatch",
     "the checksum of the header is 0xfffff1e7, but its bytes give 0xfffff2e6"),
    (patch(FILE, 14, b"\2", page=0), "zvhd-version", "the format version is 2.0, but only 1.x is known"),
    (resized(40, 0), "zvhd-size",
     "the disk has 1073741824 bytes for a source of 0, but it must have room for it in whole sectors"),
    (resized(40, f.GIB + 512), "zvhd-size",
     "the disk has 1073741824 bytes for a source of 1073742336, but it must have room for it in whole sectors"),
    (resized(48, f.GIB + 1), "zvhd-size",
     "the disk has 1073741825 bytes for a source of 8390144, but it must have room for it in whole sectors"),
    (patch(resized(40, 1 << 50), 48, (1 << 60).to_bytes(8, "little"), page=0), "table-too-large",
     "a source of 1125899906842624 bytes has 536870912 blocks, but at most 4194304 are read"),
    (patch(FILE, 4096, b"HW\x1b"), "zvhd-record",
     r"a record was expected at byte 4096, but it begins with b'HW\x1btream bg\x00'"),
    (patch(FILE, 4108, bytes(4)), "zvhd-record",
     "the record at byte 4096 holds 0 compressed bytes, but it must hold 1 to 4194304"),
    (patch(FILE, 4108, (4 * MIB + 1).to_bytes(4, "little")), "zvhd-record",
     "the record at byte 4096 holds 4194305 compressed bytes, but it must hold 1 to 4194304"),
    (patch(FILE, SECOND + 16, b"\0"), "zvhd-record",
     f"the record at byte {SECOND} is of block 0, but here a number from 1 up and below 5 must stand"),
    (patch(FILE, SECOND + 16, b"\5"), "zvhd-record",
     f"the record at byte {SECOND} is of block 5, but here a number from 1 up and below 5 must stand"),
    (patch(FILE, SECOND - 4, b"END"), "zvhd-record",
     r"the record at byte 4096 ends with b'END\x00', but it must end with b'end\x00'"),
    (FILE[:END], "truncated", f"the file ends at {END} without the copy {CUT}"),
    (FILE[:-1], "truncated", f"the file ends at {len(FILE) - 1} without the whole copy {CUT}"),
    (FILE[: SECOND + 100], "truncated", f"the file ends at {SECOND + 100} without the copy {CUT}"),
    (FILE + bytes(5000), "zvhd-data-after-end", "5000 bytes stand behind the end mark"),
    (patch(FILE, 68, b"other", page=END), "zvhd-headers-differ",
     "the header at the start and the one at the end differ: the file is put together from two images"),
]


@pytest.mark.parametrize(("file", "code", "message"), PROBLEMS, ids=range(len(PROBLEMS)))
def test_every_problem_is_named(file, code, message):
    assert said(file) == [(code, message)]
    assert opened(file).readable == (code in {"zvhd-data-after-end", "zvhd-headers-differ"})


def test_facts_stay_where_the_content_is_refused():
    container = opened(FILE[:END])
    assert (container.virtual_size, container.header["orig_size"]) == (f.GIB, len(DISK))
    with pytest.raises(BrokenImage, match="the content of this zvhd file cannot be read"):
        container.read_at(0, 1)


@pytest.mark.parametrize("length", [0, 1, 511])
def test_a_file_shorter_than_a_header_is_refused(length):
    with pytest.raises(BrokenImage, match=f"^the file ends at {length}|^the data ends at {length}, but bytes 0 to 512"):
        opened(REAL[:length])


@pytest.mark.parametrize(("app", "version", "accepted"), [(b"tap\0", 0x10001, True), (b"tap\0", 1, True),
                                                         (b"tap\0", 0x10004, False), (b"vhd\0", 0x10001, False)])
def test_old_writers_took_the_sum_before_they_set_hidden(app, version, accepted):
    file = patch(patch(FILE, 28, app), 32, version.to_bytes(4, "little"), page=0)
    assert (f.said(patch(file, 85, b"\1"))[0][0] == "zvhd-headers-differ") == accepted


def damaged(payloads: list[bytes]) -> bytes:
    """Return a file of our disk with other compressed blocks."""
    return streamed(DISK, payloads=payloads)


def sync_flushed(*blocks: bytes) -> list[bytes]:
    stream = zlib.compressobj(1)
    return [stream.compress(block) + stream.flush(zlib.Z_SYNC_FLUSH) for block in blocks]


def ended(first: bytes, last: bytes) -> list[bytes]:
    stream = zlib.compressobj(1)
    start = stream.compress(first) + stream.flush(zlib.Z_SYNC_FLUSH)
    return [start, stream.compress(last) + stream.flush() + bytes(7000), b"x"]


WHOLE = bytes(BLOCK)
DAMAGES = [
    (sync_flushed(WHOLE, WHOLE + b"x", WHOLE), "zvhd-block-damaged",
     "block 1 in the record at byte 16384 does not end within the 2097152 bytes of a block"),
    (sync_flushed(WHOLE, 9 * WHOLE, WHOLE), "decompression-bomb",
     "the record at byte 16384 expands to more than 8 blocks of 2097152 bytes"),
    (sync_flushed(WHOLE, WHOLE[1:], WHOLE), "zvhd-block-damaged",
     "block 1 in the record at byte 16384 expands to 2097151 bytes, but a block has 2097152"),
    ([sync_flushed(WHOLE)[0], b"\xff" * 9000, b"x"], "zvhd-block-damaged",
     "block 1 in the record at byte 16384 cannot be inflated: Error -3 while decompressing data: invalid block type"),
    (ended(WHOLE, WHOLE), "zvhd-block-damaged",
     "block 1 in the record at byte 16384 ends its zlib stream, but a block must be cut by a sync flush"),
]


@pytest.mark.parametrize(("payloads", "code", "message"), DAMAGES, ids=range(len(DAMAGES)))
def test_a_damaged_block_is_named_when_it_is_read(payloads, code, message):
    container = opened(damaged(payloads))
    assert container.read_at(0, BLOCK) == WHOLE
    for block in (1, 3, 1):
        with pytest.raises(BrokenImage) as refusal:
            container.read_at(block * BLOCK, 1)
        assert (refusal.value.problem.code, refusal.value.problem.message) == (code, message)
    assert container.read_at(0, BLOCK) == WHOLE
    assert container.read_at(2 * BLOCK, BLOCK) == WHOLE


def test_a_bomb_is_not_unpacked_to_its_end():
    bomb = sync_flushed(WHOLE, bytes(256 * MIB), WHOLE)
    container = opened(damaged(bomb))
    with pytest.raises(BrokenImage, match="expands to more than 8 blocks"):
        container.read_at(BLOCK, 1)


def test_data_behind_the_source_are_refused():
    disk = f.holey(1, (0,), BLOCK, 512)
    file = streamed(disk + bytes(1024) + b"hidden".ljust(512, b"\0"))
    container = opened(patch(patch(file, 40, len(disk).to_bytes(8, "little"), page=0), 40,
                             len(disk).to_bytes(8, "little"), page=len(file) - w.PAGE))
    with pytest.raises(BrokenImage, match=r"^block 1 has data behind the end of the source at 2097664, where"):
        container.read_at(len(disk) - 1, 1)


def test_a_file_cut_anywhere_gives_facts_or_a_refusal():
    fields = (0, 6, 8, 12, 16, 28, 40, 48, 64, 68, 84, 88, 512, 4095, 4096)
    for cut in sorted({start + field for start in (0, 4096, SECOND, END) for field in fields}):
        f.survive(FILE[:cut])
        f.survive(FILE[cut:])


def test_damaged_files_give_facts_or_a_refusal():
    rng = random.Random(26)  # noqa: S311 - a seed, so that each run tries the same files
    for _ in range(300):
        place = rng.choice((0, 4096, SECOND, END)) + rng.randrange(90)
        f.survive(patch(FILE, place, rng.choice((b"\0", b"\xff", b"\x80", rng.randbytes(4)))[: len(FILE) - place]))
        f.survive(patch(FILE, rng.randrange(90), rng.randbytes(2), page=0))


def test_records_are_found_without_reading_their_data():
    class Counting(Memory):
        bytes_read = 0

        def read_at(self, offset: int, length: int) -> bytes:
            self.bytes_read += length
            return super().read_at(offset, length)

    reader = Counting(FILE)
    zvhd.FORMAT.open(reader)
    assert reader.bytes_read < 2000


