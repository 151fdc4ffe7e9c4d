from __future__ import annotations

import random

import pytest
from table_writer import Disk

from imgbuild.filesystems.cached import CachedReader
from imgbuild.readers import BrokenImage, Memory


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1000])
def test_the_bytes_are_those_of_the_reader(size: int) -> None:
    chance = random.Random(size)  # noqa: S311 - content and cases, no secret
    data = chance.randbytes(size)
    cached = CachedReader(Memory(data), block=16, blocks=4)
    assert cached.size == size
    for _ in range(2000):
        offset, length = chance.randrange(size + 3), chance.randrange(40)
        if offset + length <= size:
            assert cached.read_at(offset, length) == data[offset : offset + length]
        else:
            with pytest.raises(BrokenImage) as raised:
                cached.read_at(offset, length)
            assert raised.value.problem.code == "truncated"


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, -1), (1 << 70, 1), (0, 1 << 70)])
def test_nothing_outside_is_read(offset: int, length: int) -> None:
    with pytest.raises(BrokenImage):
        CachedReader(Memory(bytes(100)), block=16).read_at(offset, length)


def test_small_reads_in_one_block_are_one_read() -> None:
    disk = Disk(1 << 20)
    cached = CachedReader(disk, block=4096, blocks=2)
    for offset in range(0, 4096, 64):
        cached.read_at(offset, 64)
    assert disk.reads == [(0, 4096)]
    cached.read_at(4096, 1)
    cached.read_at(0, 1)
    cached.read_at(8192, 1)  # takes the place of the block that was not used for longest
    cached.read_at(0, 1)
    assert disk.reads == [(0, 4096), (4096, 4096), (8192, 4096)]


def test_large_reads_pass_by() -> None:
    disk = Disk(1 << 20)
    CachedReader(disk, block=4096).read_at(100, 500_000)
    assert disk.reads == [(100, 500_000)]
