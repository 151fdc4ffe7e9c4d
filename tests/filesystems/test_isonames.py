from __future__ import annotations

import pytest
from images import discs
from images.discs import SECTOR

from imgbuild.filesystems.iso9660 import open_iso9660
from imgbuild.filesystems.isonames import Budget, choose_records
from imgbuild.readers import BrokenImage, Memory

ROOT = 20


def record(name: bytes, block: int, size: int, flags: int = 0) -> bytes:
    body = (b"\0" + discs.both(block, 4) + discs.both(size, 4) + bytes(7) + bytes([flags]) + bytes(6)
            + bytes([len(name)]) + name)
    body += bytes((len(body) + 1) % 2)
    return bytes([len(body) + 1]) + body


DOTS = record(b"\0", ROOT, SECTOR, 2) + record(b"\1", ROOT, SECTOR, 2)


def disc(*records: bytes, block_size: int = 2048, at: dict[int, bytes] | None = None) -> bytes:
    root = record(b"\0", ROOT * SECTOR // block_size, SECTOR, 2)
    return discs.disc(discs.primary(at_156=root, block_size=block_size), discs.terminator(),
                      at={ROOT: DOTS + b"".join(records)} | (at or {}))


def test_a_file_of_several_records_is_one_file():
    data = disc(record(b"A.;1", 21, 2048, 0x80), record(b"A.;1", 22, 2048, 0x80), record(b"A.;1", 23, 5),
                record(b"B.TXT;1", 23, 3), at={21: b"1" * 2048, 22: b"2" * 2048, 23: b"three"})
    fs = open_iso9660(Memory(data))
    assert fs.listdir("/") == ["a", "b.txt"]
    assert fs.stat("/a").size == 4101
    assert fs.read("/A", 9, 2045) == b"111222222"
    assert fs.read("/a", 100, 4096) == b"three"
    assert fs.read("/b.txt", 100) == b"thr"


def test_an_associated_file_is_not_shown():
    fs = open_iso9660(Memory(disc(record(b"A.;1", 21, 1, 4), record(b"A.;1", 22, 2), at={22: b"22"})))
    assert fs.read("/a", 9) == b"22"


def test_blocks_of_512_bytes():
    fs = open_iso9660(Memory(disc(record(b"A.;1", 21 * 4, 2), block_size=512, at={21: b"ok"})))
    assert fs.read("/a", 9) == b"ok"


@pytest.mark.parametrize("records", [
    [b"\x21" + bytes(40)], [record(b"A", 21, 1)],
    [bytes([200]) + record(b"A", 1, 1)[1:32] + b"\xff" + bytes(200)],
])
def test_a_record_too_short_for_what_it_holds_is_damage(records):
    data = bytearray(disc(*records))
    if records[0][0] == record(b"A", 21, 1)[0]:
        data[ROOT * SECTOR + len(DOTS) + 32] = 99
    with pytest.raises(BrokenImage) as refusal:
        open_iso9660(Memory(bytes(data))).listdir("/")
    assert refusal.value.problem.code == "filesystem-damaged"


def test_a_directory_behind_the_end_is_damage():
    data = disc(record(b"D", 9999, SECTOR, 2))
    with pytest.raises(BrokenImage) as refusal:
        open_iso9660(Memory(data)).listdir("/d")
    assert "ends before" in refusal.value.problem.message


def test_the_budget_is_for_all_directories_together():
    budget = Budget(total=100, at_once=60)
    budget.take(60)
    with pytest.raises(BrokenImage):
        budget.take(60)
    with pytest.raises(BrokenImage):
        Budget(total=100, at_once=60).take(61)


def test_a_disc_without_a_primary_descriptor_has_no_records():
    sectors = b"".join(bytes(sector) for sector in (discs.descriptor(2, at_88=discs.JOLIET), discs.terminator()))
    assert choose_records(Memory(b""), sectors) is None
