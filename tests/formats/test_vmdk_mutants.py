from __future__ import annotations

from pace import ENDLESS, Clock
from vmdk_images import AT_END, Builder, dice, letters, opened, text

from imgbuild.formats.vmdk.container import open_vmdk
from imgbuild.readers import BrokenImage, Memory

PATTERN = "ab.c0def...gh"
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF)
LINES = ['RW 104 SPARSE "part"', 'RW 8 FLAT "flat" 0', 'RW 8 VMFS "flat"', "RW 8 ZERO", 'RW 8 SESPARSE "x"',
         'RDONLY 8 FLAT "/etc/passwd" 0', "parentCID=1", 'parentFileNameHint="x"', "", "# Extent", "RW", "=",
         "ddb.x=\x07"]
FIELDS = ((4, 4), (8, 4), (12, 8), (20, 8), (28, 8), (36, 8), (44, 4), (48, 8), (56, 8), (64, 8), (77, 2))


class Shelf:
    """A folder in memory that has two files only."""

    def __init__(self, part: bytes) -> None:
        self.files = {"part": part, "flat": bytes(4096)}

    def open(self, name: str) -> Memory:
        if name not in self.files:
            raise BrokenImage(opened(b"#").problems[0])
        return Memory(self.files[name])


def seeds() -> list[Builder]:
    grains = letters(PATTERN)
    return [Builder(grains), Builder(grains, compressed=True), Builder(grains, compressed=True, footer=True),
            Builder(grains, redundant=False, entries=512), Builder(grains, grain_sectors=16, capacity=200)]


def mutants(count: int):
    draw = dice(2025)
    makers = seeds()
    for _ in range(count):
        builder = draw.choice(makers)
        image = bytearray(builder.image())
        for _ in range(draw.randrange(1, 6)):
            areas = ((4, 80), (4, 80), (512, 400), (builder.directory, 16), (builder.first_table, 16),
                     (builder.first_table, 2048), (len(image) - 1536, 1536), (0, len(image)))
            area, length = draw.choice(areas)
            image[(area + draw.randrange(length)) % len(image)] = draw.choice((*EXTREMES, draw.randrange(256)))
        yield bytes(image[: draw.choice((len(image), len(image), draw.randrange(len(image))))])


def check(image: bytes, draw, shelf: Shelf | None = None) -> bool:
    clock = Clock()
    problems, readable = open_and_read(image, draw, shelf)
    assert all(problem.message.isprintable() for problem in problems)
    assert clock.seconds() < ENDLESS
    return readable


def open_and_read(image: bytes, draw, shelf: Shelf | None):
    try:
        disk = open_vmdk(Memory(image), shelf)
    except BrokenImage as refusal:
        return [refusal.problem], False
    problems = list(disk.problems)
    for _ in range(4):
        start = draw.randrange(max(1, min(disk.size, 1 << 20)))
        try:
            disk.read_at(start, min(draw.choice((1, 512, 70000)), max(0, disk.size - start)))
        except BrokenImage as refusal:
            problems.append(refusal.problem)
    return problems, disk.readable


def test_mutants_give_problems_and_nothing_else():
    draw = dice(1)
    assert sum(check(image, draw) for image in mutants(600)) > 100


def test_mutants_as_parts_give_problems_and_nothing_else():
    draw = dice(2)
    whole = text('RW 104 SPARSE "part"', create_type="twoGbMaxExtentSparse").encode()
    assert sum(check(whole, draw, Shelf(image)) for image in mutants(300)) > 30


def test_descriptors_of_any_lines_give_problems_and_nothing_else():
    draw = dice(3)
    part = seeds()[0].image()
    read = 0
    for _ in range(400):
        lines = [draw.choice(LINES) for _ in range(draw.randrange(1, 5))]
        words = bytearray(text(*lines, create_type=draw.choice(("custom", "vmfs", ""))).encode())
        for _ in range(draw.randrange(4)):
            words[draw.randrange(20, len(words))] = draw.randrange(256)
        read += check(bytes(words), draw, Shelf(part))
    assert read > 20


def test_every_field_takes_extremes():
    draw = dice(4)
    values = (0, 1, 2, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 55) + 1, (1 << 63) - 1, 1 << 63, AT_END)
    for builder in seeds():
        image = builder.image()
        for offset, size in FIELDS:
            for value in values:
                field = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
                check(image[:offset] + field + image[offset + size:], draw)
