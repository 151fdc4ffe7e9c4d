"""The log of a disk that was not closed: replayed in memory when it is whole, refused when it is not."""

from __future__ import annotations

import pytest
import vhdx_writer as w
from pace import ENDLESS, Clock
from sparse import File
from vhdx_writer import MIB, Disk, Log

from imgbuild.formats.vhdx.container import open_vhdx
from imgbuild.formats.vhdx.log import MAX_LOG, Replayed, active_sequence
from imgbuild.readers import BrokenImage

SECTOR = 4096
A, B = b"A" * MIB, b"B" * MIB
PLACES = (w.BLOCKS, w.BLOCKS + MIB)
WAITS = ("the file was not closed: its log holds 1 entry that must be replayed; 'qemu-img check -f vhdx -r all FILE'"
         " does it")
LOST = "the file was not closed, and its log holds no whole sequence of entries: what was to be replayed is lost"
CLOSED = Disk(blocks={0: (w.FULLY_PRESENT, A), 1: (w.FULLY_PRESENT, B)})


def table(*entries: int) -> bytes:
    """Return the first sector of a BAT with these entries."""
    return b"".join(entry.to_bytes(8, "little") for entry in entries).ljust(SECTOR, b"\0")


OLD = table(0, 0)
NEW = table(PLACES[0] | 6, PLACES[1] | 6)
HALF = table(PLACES[0] | 6, 0)


def dirty(*logs: bytes, start: int = 0, log_guid: str = w.LOG_GUID) -> File:
    """Return a disk whose BAT is empty and whose log, from byte ``start`` on, holds the entries."""
    ring = bytearray(MIB)
    data = b"".join(logs)
    for at, byte in enumerate(data):
        ring[(start + at) % MIB] = byte
    return CLOSED.but(log=bytes(ring), log_guid=log_guid).file().patch({w.BAT: OLD})


def entry(sequence: int, *changes: bytes | tuple[int, int], **fields) -> bytes:
    listed = [(w.BAT, change) if isinstance(change, bytes) else change for change in changes]
    return Log(sequence, listed, **fields).encode()


def blocks(file: File) -> bytes:
    disk = open_vhdx(file)
    return disk.read_at(0, 1) + disk.read_at(MIB, 1)


def codes(file: File) -> list[str]:
    return [problem.code for problem in open_vhdx(file).problems]


def test_a_log_that_waits_is_replayed_in_memory_and_said():
    disk = open_vhdx(dirty(entry(5, NEW)))
    assert disk.read_at(0, 2 * MIB) == A + B
    assert (disk.header["log_guid"], disk.header["log_replay_needed"]) == (w.LOG_GUID, True)
    assert [(problem.code, problem.message, problem.field, problem.offset) for problem in disk.problems] == [
        ("needs-check", WAITS, "LogGuid", 131072 + 48)]


def test_without_its_log_the_disk_is_another_one():
    assert blocks(dirty(entry(5, NEW), log_guid=w.NO_GUID)) == b"\0\0"


def test_entries_are_replayed_in_their_order():
    assert blocks(dirty(entry(5, NEW), entry(6, HALF))) == b"A\0"
    assert blocks(dirty(entry(5, HALF), entry(6, NEW))) == b"AB"
    assert "2 entries" in open_vhdx(dirty(entry(5, HALF), entry(6, NEW))).problems[0].message


def test_zeros_are_replayed():
    file = dirty(entry(5, NEW), entry(6, (w.BAT, SECTOR)), entry(7, HALF, (w.BAT, 3 * SECTOR)), entry(8, HALF))
    assert blocks(file) == b"A\0"
    assert blocks(dirty(entry(5, NEW), entry(6, (w.BAT, SECTOR)))) == b"\0\0"


def test_an_entry_may_be_empty_and_is_replayed_for_nothing():
    disk = open_vhdx(dirty(entry(5)))
    assert ([problem.code for problem in disk.problems], disk.read_at(0, 1)) == (["needs-check"], b"\0")


@pytest.mark.parametrize("start", [0, SECTOR, MIB // 2, MIB - SECTOR, MIB - 2 * SECTOR, MIB - 3 * SECTOR])
def test_the_log_is_a_ring(start):
    logs = entry(9, HALF, tail=start), entry(10, NEW, (w.BAT + SECTOR, SECTOR), tail=start)
    assert blocks(dirty(*logs, start=start)) == b"AB"


def test_more_descriptors_than_fit_into_a_sector():
    many = [(w.BAT + SECTOR * number, NEW if number == 0 else OLD) for number in range(200)]
    file = dirty(Log(5, many).encode())
    assert (blocks(file), codes(file)) == (b"AB", ["needs-check"])


def test_only_what_the_last_entry_names_as_its_tail_is_replayed():
    # The first entry has been replayed already when the second was written.
    assert blocks(dirty(entry(5, NEW), entry(6, (w.METADATA + 65536 + 4096, OLD), tail=2 * SECTOR))) == b"\0\0"
    assert blocks(dirty(entry(5, NEW), entry(6, (w.METADATA + 65536 + 4096, OLD), tail=0))) == b"AB"


def test_the_newest_sequence_counts():
    old, new = entry(5, NEW), entry(90, HALF, tail=2 * SECTOR)
    assert blocks(dirty(old, new)) == b"A\0"
    assert blocks(dirty(entry(95, NEW), new)) == b"AB"


def test_a_last_entry_that_was_not_written_to_its_end_is_left_out():
    torn = bytearray(entry(6, OLD))
    torn[-1] ^= 1
    assert blocks(dirty(entry(5, NEW), bytes(torn))) == b"AB"


def test_an_entry_whose_tail_is_not_there_is_left_out():
    assert blocks(dirty(entry(5, NEW), entry(6, OLD, tail=64 * SECTOR))) == b"AB"
    assert blocks(dirty(entry(5, NEW), entry(7, OLD, tail=0))) == b"AB"


GOOD = entry(5, NEW)


def changed(at: int, raw: bytes, *, sealed: bool = True) -> bytes:
    data = GOOD[:at] + raw + GOOD[at + len(raw) :]
    return w.seal(data) if sealed else data


BAD = [
    ("no entry at all", b""), ("another signature", changed(0, b"logf")), ("a wrong checksum", changed(4, b"abcd",
                                                                                                     sealed=False)),
    ("an odd length", changed(8, (8191).to_bytes(4, "little"))), ("no length", changed(8, bytes(4))),
    ("a length over the log's", changed(8, (2 * MIB).to_bytes(4, "little"))),
    ("a sector too many", w.seal(changed(8, (3 * SECTOR).to_bytes(4, "little")) + bytes(SECTOR))),
    ("a tail between sectors", changed(12, b"\1\0\0\0")), ("the number 0", changed(16, bytes(8))),
    ("a descriptor too many", changed(24, b"\2\0\0\0")), ("millions of descriptors", changed(24, b"\xff" * 4)),
    ("a descriptor too few", changed(24, bytes(4))), ("another log's GUID", changed(32, b"x")),
    ("an unknown descriptor", changed(64, b"dese")), ("an odd place", changed(64 + 16, b"\1")),
    ("a descriptor's other number", changed(64 + 24, b"\6")), ("a sector that is no data", changed(SECTOR, b"datb")),
    ("a sector's other number", changed(SECTOR + 4, b"\1")), ("a sector's other end", changed(2 * SECTOR - 4, b"\6")),
    ("odd zeros", w.seal(Log(5, [(w.BAT, SECTOR - 1)]).encode()))]


@pytest.mark.parametrize(("_sentence", "log"), BAD, ids=[sentence for sentence, _ in BAD])
def test_a_log_without_a_whole_sequence_is_said_and_the_disk_is_read_as_it_is(_sentence, log):
    disk = open_vhdx(dirty(log))
    assert [(problem.code, problem.message) for problem in disk.problems] == [
        ("vhdx-log-invalid", LOST)]
    assert (disk.readable, disk.read_at(0, 1)) == (True, b"\0")


def test_a_log_that_was_longer_than_the_file_is_now():
    size = CLOSED.file().size
    assert codes(dirty(entry(5, NEW, flushed=size))) == ["needs-check"]
    disk = open_vhdx(dirty(entry(5, NEW, flushed=size + 1)))
    assert [(problem.code, problem.message) for problem in disk.problems] == [
        ("truncated", f"the log says that the file had {size + 1} bytes, but it has {size}")]
    assert (disk.readable, disk.virtual_size) == (False, None)


def test_no_log_sets_the_whole_disk_to_zero():
    disk = open_vhdx(dirty(entry(5, (0, (1 << 64) - SECTOR))))
    assert [problem.message for problem in disk.problems] == [
        WAITS, "the log sets over 256 MiB to zero, more than the tables of a disk have"]
    assert not disk.readable
    assert codes(dirty(entry(5, NEW, (1 << 40, 256 * MIB)))) == ["needs-check"]


def test_a_log_over_16_mib_is_not_replayed():
    file = CLOSED.file()
    def with_log(length):
        header = w.header(sequence=8, log_guid=w.LOG_GUID, log_length=length, log_offset=8 * MIB)
        return File(8 * MIB + length, [*file.pieces, (w.HEADERS[1], header)])
    assert codes(with_log(MAX_LOG)) == ["vhdx-log-invalid"]
    disk = open_vhdx(with_log(MAX_LOG + MIB))
    assert disk.problems[0].message == "the log has 17 MiB, of which at most 16 MiB are replayed"
    assert not disk.readable


HOSTILE = [
    ("every sector claims the whole log", lambda at: Log(at + 1, []).encode()[:8] + (MAX_LOG).to_bytes(4, "little")),
    ("every sector claims millions of descriptors",
     lambda at: Log(at + 1, []).encode()[:8] + (MAX_LOG).to_bytes(4, "little") + bytes(4)
     + (at + 1).to_bytes(8, "little") + (500_000).to_bytes(4, "little")),
    ("every sector is an entry", lambda at: Log(at + 1, []).encode()),
    ("every sector is an entry of the same number", lambda _at: Log(1, [], tail=SECTOR).encode())]


@pytest.mark.parametrize(("_sentence", "make"), HOSTILE, ids=[sentence for sentence, _ in HOSTILE])
def test_a_hostile_log_of_the_largest_size_costs_little(_sentence, make):
    good = Log(1).encode()
    ring = b"".join((make(at) + good[len(make(at)) :])[:SECTOR] for at in range(256)) * (MAX_LOG // MIB)
    header = open_vhdx(dirty(GOOD)).header
    assert header["log_replay_needed"]
    file = File(8 * MIB + MAX_LOG, [(8 * MIB, ring)])
    from imgbuild.formats.vhdx.header import _HEADER, Header  # noqa: PLC0415 - made by hand for this test only
    raw = w.header(log_guid=w.LOG_GUID, log_length=MAX_LOG, log_offset=8 * MIB)
    clock = Clock()
    active_sequence(file, Header(0, raw, *_HEADER.unpack_from(raw)))
    assert clock.seconds() < ENDLESS


def test_a_replayed_file_reads_like_the_file_but_for_the_changed_sectors():
    base = File(3 * SECTOR + 100, [(0, b"x" * (3 * SECTOR + 100))])
    file = Replayed(base, {1: b"1" * SECTOR, 3: b"3" * SECTOR, 9: b"9" * SECTOR})
    whole = b"x" * SECTOR + b"1" * SECTOR + b"x" * SECTOR + b"3" * 100
    assert file.size == len(whole)
    for start in (0, 1, SECTOR - 1, SECTOR, SECTOR + 1, 3 * SECTOR - 1):
        for end in (start, start + 1, 2 * SECTOR - 1, 2 * SECTOR, 2 * SECTOR + 1, len(whole)):
            assert file.read_at(start, max(0, end - start)) == whole[start:end]
    with pytest.raises(BrokenImage):
        file.read_at(0, len(whole) + 1)
