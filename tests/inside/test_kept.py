"""What came out of a decompressor is held as far as there is room, and zeros take none."""

from __future__ import annotations

import random

import pytest

from imgbuild.inside.kept import BLOCK, Head, Kept
from imgbuild.readers import BrokenImage
from imgbuild.sizes import MIB

NOISE = random.Random(1).randbytes(5 * BLOCK + 77)  # noqa: S311 - the same noise each time


def filled(data: bytes, step: int, limit: int = 64 * MIB) -> Kept:
    kept = Kept(limit)
    for at in range(0, len(data), step):
        kept.add(data[at : at + step])
    kept.end()
    return kept


@pytest.mark.parametrize("step", [1 << 12, BLOCK - 1, BLOCK, BLOCK + 1, 1 << 18])
def test_what_was_added_is_read_again(step):
    data = NOISE + bytes(3 * BLOCK + 5) + NOISE
    kept = filled(data, step)
    assert (kept.size, kept.whole) == (len(data), True)
    assert kept.read_at(0, len(data)) == data
    for offset, length in ((0, 0), (BLOCK - 1, 2), (6 * BLOCK, 4 * BLOCK), (len(data) - 1, 1), (len(data), 0)):
        assert kept.read_at(offset, length) == data[offset : offset + length]


def test_zeros_take_no_room():
    kept = filled(NOISE + bytes(200 * MIB) + NOISE, 1 << 20, limit=12 * BLOCK)
    assert kept.whole
    assert len(kept._blocks) == 12


def test_beyond_the_limit_the_beginning_and_the_end_are_held():
    data = b"".join(bytes([1 + number % 250]) * BLOCK for number in range(40))
    kept = filled(data, BLOCK, limit=4 * BLOCK)
    assert (kept.size, kept.whole) == (40 * BLOCK, False)
    assert kept.read_at(0, 4 * BLOCK) == data[: 4 * BLOCK]
    assert kept.read_at(10 * BLOCK, BLOCK) == bytes(BLOCK)
    assert kept.read_at(24 * BLOCK, 16 * BLOCK) == data[24 * BLOCK :]


def test_a_limit_that_is_just_enough_is_enough():
    assert filled(b"\1" * 20 * BLOCK, BLOCK, limit=4 * BLOCK).whole
    assert not filled(b"\1" * 21 * BLOCK, BLOCK, limit=4 * BLOCK).whole


@pytest.mark.parametrize("reader", [filled(NOISE, 100), Head(NOISE, len(NOISE))])
def test_a_read_past_the_end_is_a_problem(reader):
    with pytest.raises(BrokenImage):
        reader.read_at(len(NOISE) - 1, 2)


def test_a_head_reads_as_zeros_behind_what_is_known():
    head = Head(b"abc", 1 << 62)
    assert (head.read_at(1, 5), head.read_at(1 << 40, 4)) == (b"bc\0\0\0", bytes(4))
