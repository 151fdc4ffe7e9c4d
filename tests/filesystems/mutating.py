"""Damaged copies of a file system, and a visit to all that is left of it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from pace import ENDLESS, Clock

from imgbuild.filesystems import open_filesystem
from imgbuild.readers import BrokenImage, check_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.base import FileSystem

SECTOR = 512
WORDS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
LIMIT = 1 << 20


class Mutant:
    """The bytes of a file system with some of them changed, and perhaps its end cut off."""

    def __init__(self, data: bytes, used: list[int], chance: random.Random) -> None:
        self._data = data
        self._changes = dict(_changes(data, used, chance))
        self.size = chance.randrange(SECTOR * 8, len(data)) if chance.random() < 0.1 else len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        check_range(self.size, offset, length, "the mutant")
        found = bytearray(self._data[offset : offset + length])
        for place, change in self._changes.items():
            first, end = max(place, offset), min(place + len(change), offset + length)
            if first < end:
                found[first - offset : end - offset] = change[first - place : end - place]
        return bytes(found)


def _changes(data: bytes, used: list[int], chance: random.Random) -> Iterator[tuple[int, bytes]]:
    for _ in range(chance.randrange(1, 5)):
        sector = used[min(int(chance.expovariate(0.05)),
                          len(used) - 1)] if chance.random() < 0.6 else chance.choice(used)
        other = chance.choice(used)
        yield chance.choice((
            (sector + chance.randrange(SECTOR), bytes([chance.randrange(256)])),
            (sector + chance.randrange(0, SECTOR, 4), chance.choice((*WORDS, chance.randbytes(4)))),
            (sector, bytes(SECTOR)),
            (sector, data[other : other + SECTOR]),
        ))


def visit_mutants(data: bytes, kind: str, count: int) -> None:
    """Visit damaged copies: each gives files or BrokenImage, and takes under two seconds."""
    chance = random.Random(20261123)  # noqa: S311 - cases, no secret
    used = [place for place in range(0, len(data), SECTOR) if any(data[place : place + SECTOR])]
    for number in range(count):
        mutant = Mutant(data, used, chance)
        clock = Clock()
        try:
            _visit(open_filesystem(mutant, kind), "/", [300])
        except BrokenImage as broken:
            assert broken.problem.message  # noqa: PT017 - either outcome is right, nothing else may escape
        assert clock.seconds() < ENDLESS, number


def _visit(filesystem: FileSystem, path: str, budget: list[int]) -> None:
    for name in filesystem.listdir(path):
        budget[0] -= 1
        if budget[0] < 0:
            return
        try:
            _look(filesystem, f"{path.rstrip('/')}/{name}", budget)
        except BrokenImage as broken:
            assert broken.problem.message  # noqa: PT017 - as above


def _look(filesystem: FileSystem, path: str, budget: list[int]) -> None:
    found = filesystem.stat(path)
    if found is None:
        return
    if found.kind == "file":
        assert len(filesystem.read(path, LIMIT)) <= LIMIT
    if found.kind == "link":
        assert len(filesystem.readlink(path)) <= 4096
    if found.kind == "directory" and path.count("/") < 8:
        _visit(filesystem, path, budget)
