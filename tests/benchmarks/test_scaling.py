"""How the growth table is computed, and that crowded folders are what they seem; nothing here is timed."""

from __future__ import annotations

from itertools import pairwise

import pytest
import scaling
from crowds import PROGRAMS, crowd
from measuring import Run
from scaling import Row, duration, rows, slopes
from tools import needs

from imgbuild.filesystems import open_filesystem
from imgbuild.readers import Memory

TREE = {"etc/hostname": b"one\n", "etc/os-release": b"ID=debian\n", "usr/bin/sh": b"x" * 5000}
PLACE = "etc"
LEAF = 16384
"""Bytes of a node of btrfs, and of what is kept of the others."""


class Counting(Memory):
    """A reader that counts the bytes that are read."""

    taken = 0

    def read_at(self, offset, length):
        self.taken += length
        return super().read_at(offset, length)


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=needs(*programs)) for kind, programs in PROGRAMS.items()])
def test_a_crowd_is_in_its_folder_and_is_read_once_at_most_to_find_names(kind, tmp_path, monkeypatch):
    """The first look-up may read the folder, so that its bytes grow as the folder does; one after it reads a leaf."""
    monkeypatch.setattr("crowds.MIB_EACH", 320 if kind == "xfs" else 128)
    taken = []
    for count in (100, 3000):
        path = crowd(kind, tmp_path / f"{count}.raw", PLACE, count, TREE)
        reader = Counting(path.read_bytes())
        files = open_filesystem(reader, kind)
        assert files.read("/etc/os-release", 99) == TREE["etc/os-release"]
        first = reader.taken
        assert [files.stat(f"/etc/no{number}") for number in range(9)] == [None] * 9
        assert reader.taken - first <= 9 * LEAF
        taken.append(first)
        assert len(files.listdir("/etc")) == count + 2
        assert files.stat(f"/etc/crowd{count - 1:06}").kind == "file"
        path.unlink()
    assert taken[1] < 30 * taken[0]


@pytest.mark.parametrize(("sizes", "seconds", "expected"), [
    # A straight line
    ((1, 4, 16, 64), (1, 4, 16, 64), (1, 1)),
    # A square
    ((1, 2, 3), (1, 4, 9), (3, 5)),
    # One size has no slope, two have one
    ((5,), (1,), (None, None)),
    ((1, 3), (1, 2), (0.5, None)),
])
def test_slopes(sizes, seconds, expected):
    assert slopes(sizes, seconds) == expected


@pytest.mark.parametrize(("seconds", "shown"), [
    (1.5, "1.5 s"), (0.00234, "2.34 ms"), (3.2e-05, "32 µs"), (-2e-5, "-20 µs"), (9e-7, "0"), (0, "0"), (None, "")])
def test_durations(seconds, shown):
    assert duration(seconds) == shown


def test_a_row_has_all_its_sizes(monkeypatch):
    """The least of the runs counts, full files are left out where they do not fit, and what fails says so."""
    figures = iter([0.4, 0.3, 1.0, 0.9])
    monkeypatch.setattr(scaling, "measure", lambda words: Run(1, next(figures), 61 if words == ("2",) else 60))
    monkeypatch.setattr(scaling, "ROWS", (
        Row("full", "GiB", (1, 2, 64), lambda _, size: (str(size),), peak=60, full=True),
        Row("of a program that is not here", "", (1,), lambda _, size: (str(size),), ("no-such-program",))))
    assert list(rows(None, 2, 2)) == [("full", "1, 2 GiB", "0.30, 0.90", "600 ms", "", "60, **61** over")]


def test_a_row_that_cannot_be_made_says_so(monkeypatch, capfd):
    def make(_, size):
        raise OSError(size)

    monkeypatch.setattr(scaling, "ROWS", (Row("full", "", (1,), make),))
    assert list(rows(None, 1, 1)) == [
        ("full", "1", "not measured: what is to be measured could not be made", "", "", "")]
    assert "OSError: 1" in capfd.readouterr().err


def test_every_row_grows():
    for row in scaling.ROWS:
        assert all(below < above for below, above in pairwise(row.sizes)), row.title
