from __future__ import annotations

import random

import vhdx_writer as w
from pace import ENDLESS, Clock
from vhdx_writer import MIB, Disk, Log

from imgbuild.formats.vhdx.container import open_vhdx
from imgbuild.readers import BrokenImage

BLOCKS = {0: (w.FULLY_PRESENT, b"A" * MIB), 1: (w.ZERO, b""), 2: (w.FULLY_PRESENT, b"B" * MIB)}
LOCATOR = (w.PARENT_LOCATOR, w.parent_locator({"relative_path": "..\\a.vhdx", "parent_linkage": "{}"}), w.IS_REQUIRED)
SEEDS = (Disk(blocks=BLOCKS), Disk(blocks=BLOCKS, flags=w.HAS_PARENT, extra_items=[LOCATOR]),
         Disk(blocks=BLOCKS, block_size=2 * MIB, sector=4096),
         Disk(blocks=BLOCKS, log_guid=w.LOG_GUID,
              log=Log(5, [(w.BAT, bytes(4096)), (w.BAT + 4096, 8192)]).encode() + Log(6, []).encode()))
AREAS = ((0, 24), (w.HEADERS[0], 80), (w.HEADERS[1], 80), (w.TABLES[0], 80), (w.TABLES[1], 80), (w.LOG, 130),
         (w.LOG + 4096, 16), (w.METADATA, 232), (w.METADATA + 65536, 200), (w.BAT, 24), (w.BAT + 2, 6))
SEALED = ((w.HEADERS[0], 4096), (w.HEADERS[1], 4096), (w.LOG, 8192))


def mutants(count: int):
    draw = random.Random(2024)  # noqa: S311 - cases, no secret
    files = [disk.file() for disk in SEEDS]
    for _ in range(count):
        file = draw.choice(files)
        for _ in range(draw.randrange(1, 5)):
            area, length = draw.choice(AREAS)
            value = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
            file = file.patch({area + draw.randrange(length): bytes([value]) * draw.choice((1, 1, 2, 8))})
        for at, length in SEALED:  # else nearly all would end at a checksum
            if draw.random() < 0.7:
                file = w.resealed(file, at, length)
        if draw.random() < 0.3:
            table = w.seal(file.read_at(w.TABLES[0], 96).ljust(65536, b"\0"))
            file = file.patch(dict.fromkeys(w.TABLES, table))
        yield file.cut(draw.choice((file.size, file.size, file.size, draw.randrange(file.size))))


def test_mutants_give_problems_and_nothing_else():
    draw = random.Random(1)  # noqa: S311 - as above
    readable = 0
    for file in mutants(400):
        clock = Clock()
        problems, read = open_and_read(file, draw)
        readable += read
        assert all(problem.message.isprintable() for problem in problems)
        assert clock.seconds() < ENDLESS
    assert readable > 80


def open_and_read(file, draw):
    try:
        disk = open_vhdx(file)
    except BrokenImage as refusal:
        return [refusal.problem], False
    problems = list(disk.problems)
    for _ in range(4):
        start = draw.randrange(max(1, min(disk.size, 4 * MIB)))
        try:
            disk.read_at(start, min(draw.choice((1, 512, 70000)), max(0, disk.size - start)))
        except BrokenImage as refusal:
            problems.append(refusal.problem)
    return problems, disk.readable
