from __future__ import annotations

from pace import ENDLESS, Clock
from qcow2_images import Builder, build, dice, extension

from imgbuild.formats.qcow2.container import open_qcow2
from imgbuild.readers import BrokenImage, Memory

CLUSTERS = [("standard", 1, 1), ("compressed", 2, 2), ("hole", 0, 0), ("compressed", 4, 4), ("standard", 0xFFFFFFFF, 5)]
NAMES = extension(0xE2792ACA, b"raw") + extension(0x6803F857, bytes(96))
LAYOUTS = ({"version": 2, "cluster_bits": 10}, {"cluster_bits": 9}, {"cluster_bits": 12, "compression_type": 1},
           {"cluster_bits": 14, "extended": True})


def mutants(count: int):
    draw = dice(2024)
    seeds = [build(Builder(**layout), CLUSTERS).image(extensions=NAMES) for layout in LAYOUTS]
    for _ in range(count):
        image = bytearray(draw.choice(seeds))
        cluster = 1 << image[23]
        for _ in range(draw.randrange(1, 6)):
            area, length = draw.choice(((4, 200), (4, 200), (2 * cluster, 8), (3 * cluster, 96), (0, len(image))))
            place = (area + draw.randrange(length)) % len(image)
            image[place] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        yield bytes(image[: draw.choice((len(image), len(image), draw.randrange(len(image))))])


def test_mutants_give_problems_and_nothing_else():
    draw = dice(1)
    opened = 0
    for image in mutants(500):
        clock = Clock()
        problems, size = open_and_read(image, draw)
        opened += size is not None
        assert all(problem.message.isprintable() for problem in problems)
        assert clock.seconds() < ENDLESS
    assert opened > 100


def open_and_read(image: bytes, draw):
    try:
        disk = open_qcow2(Memory(image))
    except BrokenImage as refusal:
        return [refusal.problem], None
    problems = list(disk.problems)
    for _ in range(4):
        start = draw.randrange(max(1, min(disk.size, 1 << 20)))
        try:
            disk.read_at(start, min(draw.choice((1, 512, 70000)), max(0, disk.size - start)))
        except BrokenImage as refusal:
            problems.append(refusal.problem)
    return problems, disk.virtual_size
