"""Logs laid down by hand; xfs_logprint is the witness for those that it can read."""

from __future__ import annotations

import random
import re
import struct
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest
from table_writer import Disk
from tools import needs

from imgbuild.filesystems import identify
from imgbuild.readers import broken

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
KIB = 1024
UUID = bytes.fromhex("11111111222243338444555555555555")
BLOCK = 4096
GROUP_BLOCKS, SHIFT = 4000, 12
LOG_GROUP, LOG_FIRST = 1, 100
PLACE = (LOG_GROUP * GROUP_BLOCKS + LOG_FIRST) * BLOCK
LOG_BLOCKS = 4096
UNMOUNT, COMMIT = 0x20, 0x02
END = LOG_BLOCKS
MAGIC = bytes.fromhex("feedbabe")


class Written(NamedTuple):
    """A last record of a log, and the block where it starts."""

    at: int = 700
    version: int = 2
    size: int = 32 * KIB
    length: int = 512
    operations: int = 1
    flags: int = UNMOUNT
    cycle: int = 5
    uuid: bytes = UUID

    def blocks(self) -> list[bytes]:
        """Return its blocks without the numbers of the cycle, which all but the first start with."""
        header = struct.pack(">4sIIIQQIII256xI16sI", MAGIC, self.cycle, self.version, self.length,
                             self.cycle << 32 | self.at, self.cycle << 32 | self.at, 0, 0xFFFFFFFF, self.operations,
                             1, self.uuid, self.size).ljust(512, b"\0")
        more = max(1, -(-self.size // (32 * KIB))) - 1 if self.version > 1 else 0
        operation = struct.pack(">4xIBBH", 8, 0xAA, self.flags, 0).ljust(512, b"\0")
        return [header, *[bytes(512)] * more, operation, *[bytes(512)] * (-(-self.length // 512) - 1)]

    def log(self, blocks: int = LOG_BLOCKS) -> bytearray:
        """Return a log that was filled ``cycle`` times, up to and with this record."""
        own = self.blocks()
        end = self.at + len(own)
        cycle, head = (self.cycle, end) if end <= blocks else (self.cycle + 1, end - blocks)
        data = bytearray(word(cycle).ljust(512, b"\0") * head + word(cycle - 1).ljust(512, b"\0") * (blocks - head))
        for number, raw in enumerate(own):
            at = (self.at + number) % blocks
            data[at * 512 + (4 if number else 0) : at * 512 + 512] = raw[4:] if number else raw
        return data


def word(number: int) -> bytes:
    return struct.pack(">I", number)


def superblock(**changed: int) -> bytes:
    values = {"logstart": LOG_GROUP << SHIFT | LOG_FIRST, "agblocks": GROUP_BLOCKS, "agblklog": SHIFT,
              "logblocks": LOG_BLOCKS * 512 // BLOCK, **changed}
    raw = bytearray(512)
    raw[:16] = struct.pack(">4sIQ", b"XFSB", BLOCK, 4 * GROUP_BLOCKS)
    raw[32:56] = UUID + struct.pack(">Q", values["logstart"])
    raw[84:104] = struct.pack(">IIIIHH", values["agblocks"], 4, 0, values["logblocks"], 0xB4A4, 512)
    raw[124] = values["agblklog"]
    return bytes(raw)


def disk(log: bytes, **changed: int) -> Disk:
    return Disk(4 * GROUP_BLOCKS * BLOCK).write(0, superblock(**changed)).write(PLACE, log)


def clean(log: bytes, **changed: int) -> bool | None:
    found = identify(disk(log, **changed))
    assert found is not None
    assert found.kind == "xfs"
    return found.clean


CLEAN = {
    "an unmount record": Written(),
    "the first cycle, zeros after it": Written(cycle=1),
    "what mkfs writes": Written(at=0, cycle=1),
    "after a full cycle at the start": Written(at=0),
    "up to the last block of the log": Written(at=END - 2),
    "up to the block before the last": Written(at=END - 3),
    "a header in the last block": Written(at=END - 1),
    "version 1, which has no size": Written(version=1, size=0),
    "version 1, with something where the size would be": Written(version=1, size=256 * KIB),
    "buffers of 256 KiB: eight blocks of header": Written(size=256 * KIB),
    "eight blocks of header across the end": Written(size=256 * KIB, at=END - 5),
    "eight blocks of header at the end": Written(size=256 * KIB, at=END - 8),
    "a stripe unit of 4 KiB": Written(length=7 * 512),
    "a stripe unit of 32 KiB": Written(length=63 * 512),
    "a stripe unit of 256 KiB": Written(size=256 * KIB, length=504 * 512),
    "a stripe unit of 256 KiB across the end": Written(size=256 * KIB, length=504 * 512, at=END - 100),
    "a length that does not fill its last block": Written(length=20),
}
DIRTY = {
    "a commit record": Written(flags=COMMIT),
    "a commit record in the first cycle": Written(flags=COMMIT, cycle=1),
    "two operations": Written(operations=2),
    "a commit record across the end": Written(flags=COMMIT, at=END - 1),
    "a long record": Written(flags=COMMIT, operations=40, length=32 * KIB),
    "a long record across the end": Written(flags=COMMIT, operations=40, length=32 * KIB, at=END - 60),
    "the longest record": Written(flags=COMMIT, operations=40, size=256 * KIB, length=504 * 512),
}
ODD = {
    "of another file system": Written(uuid=bytes(16)).log(),
    "version 3": Written(version=3).log(),
    "longer than a record can be": Written(length=256 * KIB + 1).log(),
    "with buffers larger than there are": Written(size=256 * KIB + 1).log(),
    "at another place": Written().log()[512:] + bytes(512),
    "longer than any is": Written(size=256 * KIB, length=505 * 512).log(),
    "no record before the head": bytearray((word(3) + bytes(508)) * 800 + (word(2) + bytes(508)) * (END - 800)),
    "one cycle and no record": bytearray((word(3) + bytes(508)) * END),
    "an older cycle before a newer one": Written(cycle=4).log()[: 702 * 512] + Written().log()[: (END - 702) * 512],
    "zeros at its start": bytes(512) + Written().log()[512:],
    "noise": random.Random(1).randbytes(END * 512),  # noqa: S311 - a case, no secret
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean(name: str) -> None:
    assert clean(CLEAN[name].log()) is True


def test_a_log_of_zeros_is_clean() -> None:
    assert clean(b"") is True


@pytest.mark.parametrize("name", DIRTY)
def test_dirty(name: str) -> None:
    assert clean(DIRTY[name].log()) is False


def test_a_record_of_which_the_end_is_missing_is_dirty() -> None:
    log = Written(length=1024).log()
    log[702 * 512 : 702 * 512 + 4] = word(4)
    assert clean(log) is False


@pytest.mark.parametrize("name", ODD)
def test_unknown(name: str) -> None:
    assert clean(ODD[name]) is None


@pytest.mark.parametrize("changed", [
    {"logstart": 0}, {"logstart": 2**64 - 1}, {"agblklog": 255}, {"agblklog": 0}, {"logblocks": 0},
    {"logblocks": GROUP_BLOCKS + 1}, {"logblocks": 2**32 - 1}, {"logblocks": 2**32 - 1, "agblocks": 2**32 - 1},
    {"logstart": 3 << SHIFT | GROUP_BLOCKS - LOG_BLOCKS // 8 + 1}])
def test_a_log_that_is_not_there(changed: dict[str, int]) -> None:
    assert clean(Written().log(), **changed) is None


def test_a_log_at_the_end_of_the_disk() -> None:
    at = 3 * GROUP_BLOCKS + GROUP_BLOCKS - LOG_BLOCKS // 8
    full = Disk(4 * GROUP_BLOCKS * BLOCK).write(at * BLOCK, Written().log())
    full.write(0, superblock(logstart=3 << SHIFT | at - 3 * GROUP_BLOCKS))
    assert identify(full).clean is True
    full.size -= 1
    assert identify(full).clean is None


def test_a_log_that_cannot_be_read_does_not_hide_the_file_system() -> None:
    class Failing(Disk):
        def read_at(self, offset: int, length: int) -> bytes:
            if PLACE <= offset < PLACE + END * 512:
                raise broken("truncated", "no")
            return super().read_at(offset, length)

    found = identify(Failing(4 * GROUP_BLOCKS * BLOCK).write(0, superblock()))
    assert (found.kind, found.clean) == ("xfs", None)


@pytest.mark.parametrize("name", [*CLEAN, *DIRTY])
def test_few_and_small_reads(name: str) -> None:
    read = disk({**CLEAN, **DIRTY}[name].log())
    identify(read)
    lengths = [length for offset, length in read.reads if offset >= PLACE]
    assert len(lengths) <= 24  # a few of them look for superblocks of other kinds
    assert sum(length > 512 for length in lengths) <= 4
    assert sum(lengths) <= 300 * KIB


def test_mutants_are_judged_or_not() -> None:
    chance = random.Random(20261123)  # noqa: S311 - cases, no secret
    records = [*CLEAN.values(), *DIRTY.values()]
    for _ in range(300):
        log, start = chance.choice(records).log(), bytearray(superblock())
        for _ in range(chance.randrange(1, 4)):
            log[chance.choice((0, 700, 701, END - 1)) * 512 + chance.randrange(512)] = chance.randrange(256)
            start[chance.choice((*range(48, 56), *range(84, 100), 124))] = chance.choice((0, 1, 255))
        assert clean(log) in {True, False, None}
        identify(disk(log).write(0, bytes(start)))


@needs("mkfs.xfs", "xfs_logprint")
def test_xfs_logprint_agrees(tmp_path: Path) -> None:
    path = tmp_path / "fs"
    path.touch()
    subprocess.run(["mkfs.xfs", "-q", "-d", f"file,name={path},size=320m"], check=True, capture_output=True)
    with path.open("r+b") as file:
        raw = file.read(512)
        size, logstart = (int.from_bytes(raw[a:b], "big") for a, b in ((4, 8), (48, 56)))
        group = int.from_bytes(raw[84:88], "big")
        place = ((logstart >> raw[124]) * group + (logstart & (1 << raw[124]) - 1)) * size
        assert judged(path) == said(path) == "CLEAN"
        file.seek(96)
        file.write(word(END * 512 // size))  # what mkfs makes has at least 64 MiB
        for record in (*CLEAN.values(), *DIRTY.values()):
            file.seek(place)
            file.write(record._replace(uuid=raw[32:48]).log())
            file.flush()
            assert (judged(path), record) == (said(path), record)


def said(path: Path) -> str:
    told = subprocess.run(["xfs_logprint", "-t", path], capture_output=True, text=True, check=False)
    return re.search("state: <(CLEAN|DIRTY)>", told.stdout + told.stderr)[1]


def judged(path: Path) -> str | None:
    class File:
        size = path.stat().st_size

        def read_at(self, offset: int, length: int) -> bytes:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(length)

    return {True: "CLEAN", False: "DIRTY", None: None}[identify(File()).clean]
