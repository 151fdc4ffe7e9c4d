from __future__ import annotations

import pytest

from imgbuild.formats.blocks import BlockCache, pieces


@pytest.mark.parametrize(("offset", "length", "expected"), [
    (0, 0, []),
    (0, 10, [(0, 0, 10)]),
    (9, 1, [(0, 9, 1)]),
    (9, 2, [(0, 9, 1), (1, 0, 1)]),
    (15, 20, [(1, 5, 5), (2, 0, 10), (3, 0, 5)]),
])
def test_a_range_is_cut_at_the_borders_of_blocks(offset, length, expected):
    assert list(pieces(offset, length, 10)) == expected


def test_what_was_not_used_for_longest_makes_room():
    cache = BlockCache(8)
    for block in range(4):
        cache.put(block, bytes(2))
    assert cache.get(0) == bytes(2)
    cache.put(4, bytes(2))
    assert [block for block in range(5) if cache.get(block) is not None] == [0, 2, 3, 4]


def test_the_newest_is_kept_whatever_its_size():
    cache = BlockCache(4)
    cache.put(1, bytes(4))
    cache.put(2, bytes(5))
    assert (cache.get(1), cache.get(2)) == (None, bytes(5))


def test_a_block_that_is_put_again_counts_once():
    cache = BlockCache(4)
    for _ in range(3):
        cache.put(1, bytes(2))
    cache.put(2, bytes(2))
    assert cache.get(1) is not None
