"""A disk cut into segments: each byte once, whatever the partition tables say."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from documents import GIB, IMAGE, MIB
from hypothesis import given
from hypothesis import strategies as st

from imgbuild.documents.inspection import Space
from imgbuild.model import Partition
from imgbuild.reports.html.segments import MOST_SEGMENTS, Segment, segments, steps, stored

PARTITIONS = st.lists(st.builds(Partition, index=st.integers(0, 200), start=st.integers(0, 3 * GIB),
                                size=st.integers(0, 3 * GIB), type_id=st.sampled_from([None, "0x05", "0x83"])),
                      max_size=60)


@given(PARTITIONS, st.integers(1, 2 * GIB))
def test_each_byte_is_drawn_once(partitions, size):
    drawn = segments(msgspec.structs.replace(IMAGE, virtual_size=size, partitions=tuple(partitions)))
    assert drawn[0].start == 0
    assert drawn[-1].end == size
    assert all(before.end == after.start for before, after in pairwise(drawn))
    assert all(segment.size > 0 for segment in drawn)
    assert len(drawn) <= MOST_SEGMENTS


def test_gaps_and_partitions_come_in_the_order_of_the_disk():
    assert [(it.start // MIB, it.size // MIB, it.partition.index if it.partition else None)
            for it in segments(IMAGE)] == [(0, 4, None), (4, 124, 15), (128, 1919, 1), (2047, 1, None)]


def test_what_holds_other_partitions_is_not_drawn_over_them():
    extended = Partition(index=2, start=MIB, size=100 * MIB, type_id="0x05")
    logical = Partition(index=5, start=2 * MIB, size=50 * MIB, type_id="0x83")
    image = msgspec.structs.replace(IMAGE, virtual_size=200 * MIB, partitions=(extended, logical))
    assert [it.partition.index for it in segments(image) if it.partition] == [5]


@pytest.mark.parametrize(("pieces", "start", "size", "expected"), [
    ((4, 4, 0, 0), 0, 16, 8), ((4, 4, 0, 0), 2, 4, 4), ((2, 4, 0, 0), 0, 8, 6), ((4, None, 0, 0), 0, 4, 4),
    ((4, None, 0, 0), 0, 8, None), ((), 0, 16, None), ((4, 4, 4, 2), 0, 14, 14)])
def test_what_is_stored_of_a_range(pieces, start, size, expected):
    image = msgspec.structs.replace(IMAGE, virtual_size=14 if pieces and pieces[-1] == 2 else 16,
                                    space=Space(piece=4, stored=pieces))
    assert stored(image, start, size) == expected


def test_neighbours_that_look_the_same_are_one_step():
    image = msgspec.structs.replace(IMAGE, virtual_size=16, space=Space(piece=4, stored=(4, 4, 1, None)))
    assert [tuple(step) for step in steps(image, Segment(0, 16))] == [
        (0.0, 0.5, 1.0), (0.5, 0.75, 0.25), (0.75, 1.0, None)]
    assert steps(msgspec.structs.replace(image, space=Space(piece=4, stored=(None,) * 4)), Segment(0, 16)) == []
    assert steps(IMAGE, Segment(0, 16)) == []


def test_a_little_is_seen():
    image = msgspec.structs.replace(IMAGE, virtual_size=GIB, space=Space(piece=GIB, stored=(1,)))
    assert steps(image, Segment(0, GIB))[0].level == 0.125
