from __future__ import annotations

import struct

import pytest
from qcow2_images import Counting

from imgbuild.formats.tables import NumberTable, read_numbers, read_pieces
from imgbuild.readers import BrokenImage, Memory

NUMBERS = list(range(7, 3007))
DATA = b"xx" + struct.pack("<3000I", *NUMBERS)


def test_numbers_are_little_endian():
    assert list(read_numbers(Memory(DATA), 2, 3)) == [7, 8, 9]
    assert list(read_numbers(Memory(DATA), 3, 1)) == [0x08000000]
    assert list(read_numbers(Memory(b""), 0, 0)) == []


def test_numbers_past_the_end_are_refused():
    with pytest.raises(BrokenImage):
        read_numbers(Memory(DATA), len(DATA) - 3, 1)


def test_a_table_is_read_in_slices_that_are_kept():
    file = Counting(DATA)
    table = NumberTable(file, 2, 3000)
    assert [table.get(index) for index in (0, 1, 1023, 1024, 2999, 5)] == [7, 8, 1030, 1031, 3006, 12]
    assert file.reads == [(2, 4096), (4098, 4096), (8194, 952 * 4)]


def test_a_table_may_go_on_after_the_end_where_nobody_looks():
    table = NumberTable(Memory(DATA), 2, 1 << 40)
    assert table.get(1500) == 1507
    with pytest.raises(BrokenImage):
        table.get(2999)


@pytest.mark.parametrize(("pieces", "content", "reads"), [
    ("", b"", []),
    ("-3", bytes(3), []),
    ("f0:2 f2:3 f5:1", b"abcdef", [(0, 6)]),
    ("f0:2 f3:1 -2 -1 f4:2", b"abd" + bytes(3) + b"ef", [(0, 2), (3, 1), (4, 2)]),
    ("f4:2 f2:2", b"efcd", [(4, 2), (2, 2)]),
    ("-1 f0:1", b"\0a", [(0, 1)]),
    ("f0:2 p2:2 f4:2", b"abCDef", [(0, 2), (4, 2)]),
    ("p0:1 p1:1 -1 p3:1", b"AB\0D", []),
])
def test_neighbours_are_one_read(pieces, content, reads):
    file, parent = Counting(b"abcdef"), Counting(b"ABCDEF")
    sources = {"f": file, "p": parent}
    cut = [(None, 0, int(word[1:])) if word[0] == "-" else (sources[word[0]], *map(int, word[1:].split(":")))
           for word in pieces.split()]
    assert read_pieces(cut) == content
    assert file.reads == reads
    assert len(parent.reads) == len({piece for piece in pieces.split() if piece in {"p2:2", "p3:1", "p0:1"}})
