"""Counting clusters in tables: what counts, and where it is given up. ``test_space.py`` has qemu-img as a witness."""

from __future__ import annotations

from array import array

import pytest

from imgbuild.formats.blocks import MOST_COUNTED
from imgbuild.formats.qcow2.counting import allocated
from imgbuild.formats.qcow2.tables import Geometry
from imgbuild.readers import BrokenImage, broken

PLAIN = Geometry(cluster_bits=9, size=1 << 40, extended=False, version=3)  # 64 entries in a table
EXTENDED = Geometry(cluster_bits=14, size=1 << 40, extended=True, version=3)  # 1024 of 16 bytes
DATA, COPIED, COMPRESSED, ZEROS, ZEROS_KEPT, NOTHING = 0x10000, 1 << 63 | 0x20000, 1 << 62 | 5, 1, 0x30001, 0


class File:
    """A file of big-endian numbers."""

    def __init__(self, entries):
        self.data = b"".join(entry.to_bytes(8, "big") for entry in entries)
        self.size = len(self.data)

    def read_at(self, offset, length):
        if offset + length > self.size:
            raise broken("truncated", "cut")
        return self.data[offset : offset + length]


# A cluster of nothing (an L2 table at 0 is none), then two tables: six entries that differ, and one that is full.
KINDS = [DATA, COPIED, COMPRESSED, ZEROS, ZEROS_KEPT, NOTHING]
FILE = File([NOTHING] * 64 + KINDS + [NOTHING] * 58 + [DATA] * 64)
L1 = array("Q", [512, 0, 1024 | 1 << 63])


@pytest.mark.parametrize(("first", "count", "expected"), [
    (0, 192, 68), (0, 64, 4), (0, 1, 1), (3, 1, 0), (3, 2, 1), (5, 100, 0), (64, 64, 0), (128, 64, 64), (100, 30, 2)])
def test_what_has_a_place_in_the_file_counts(first, count, expected):
    assert allocated(FILE, PLAIN, L1, first, count) == expected


def test_an_extended_entry_counts_once():
    table = [DATA, 0xF, NOTHING, 1 << 32, DATA, 0] + [NOTHING] * 2042
    assert allocated(File([NOTHING] * 2048 + table), EXTENDED, array("Q", [16384]), 0, 1024) == 2


def test_too_many_tables_are_not_looked_through():
    many = array("Q", [512] * (MOST_COUNTED + 1))
    assert allocated(FILE, PLAIN, many, 0, 64 * (MOST_COUNTED + 1)) is None
    assert allocated(FILE, PLAIN, many, 0, 64 * MOST_COUNTED) == 4 * MOST_COUNTED


def test_a_table_behind_the_end_is_said_to_be():
    with pytest.raises(BrokenImage):
        allocated(FILE, PLAIN, array("Q", [1 << 20]), 0, 64)
