"""The size that a compressed file has written down, as the programs list it; what cannot be followed is no size."""

from __future__ import annotations

import random
import subprocess
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packers import packed
from tools import needs

from imgbuild.inside import indexes
from imgbuild.inside.indexes import size_inside
from imgbuild.readers import Memory

pytestmark = needs("xz", "zstd", "gzip", "bzip2")
DATA = random.Random(3).randbytes(70_000) + bytes(250_000)  # noqa: S311 - the same noise each time
SKIPPABLE = b"\x50\x2a\x4d\x18\4\0\0\0abcd"


def xz(*words: str) -> bytes:
    return packed("xz", DATA, *words)


def zstd(data: bytes, path, *words: str) -> bytes:
    """Return a frame that says its size, as zstd writes where it knows it from a file."""
    (path / "data").write_bytes(data)
    return subprocess.run(["zstd", "-qc", *words, str(path / "data")], capture_output=True, check=True).stdout


@pytest.mark.parametrize(("words", "times", "padding"), [
    ((), 1, b""), (("-T2", "--block-size=4096"), 1, b""), ((), 3, b""), ((), 2, b"\0" * 8), (("--check=none",), 1, b""),
    (("-T1", "--block-size=1000"), 2, b"\0" * 4)])
def test_the_index_of_xz_says_it(tmp_path, words, times, padding):
    data = (xz(*words) + padding) * times
    assert size_inside(Memory(data), "xz") == len(DATA) * times
    (tmp_path / "a.xz").write_bytes(data)
    listed = subprocess.run(["xz", "--robot", "--list", "a.xz"], cwd=tmp_path, capture_output=True, text=True,
                            check=True).stdout
    assert f"totals\t{times}\t" in listed
    assert f"\t{len(DATA) * times}\t" in listed.rpartition("totals")[2]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_535, 65_536, 65_791, 65_792, len(DATA)])
def test_a_frame_of_zstd_says_it(tmp_path, size):
    frame = zstd(DATA[-size:] if size else b"", tmp_path)
    assert size_inside(Memory(frame), "zstd") == size
    assert size_inside(Memory(SKIPPABLE + frame + SKIPPABLE + frame), "zstd") == 2 * size


def test_without_a_size_there_is_none(tmp_path):
    assert size_inside(Memory(packed("zstd", DATA)), "zstd") is None  # written to a pipe
    assert size_inside(Memory(packed("gzip", DATA)), "gzip") is None
    assert size_inside(Memory(packed("bzip2", DATA)), "bzip2") is None
    assert size_inside(Memory(zstd(DATA, tmp_path) + packed("zstd", DATA)), "zstd") is None


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"tail", lambda data: data[:40],
                                    lambda data: data[10:], lambda _: b"\xfd7zXZ\0", lambda _: b"",
                                    lambda data: data[:-9] + b"\xff\xff\xff" + data[-6:]])
def test_an_index_that_cannot_be_followed_is_no_size(change):
    assert size_inside(Memory(change(xz())), "xz") is None


@pytest.mark.parametrize(("name", "value"), [("MOST_STREAMS", 2), ("MOST_INDEX", 16)])
def test_an_index_is_followed_within_bounds(monkeypatch, name, value):
    monkeypatch.setattr(indexes, name, value)
    assert size_inside(Memory(xz("--block-size=4096") * 3), "xz") is None


def test_blocks_are_followed_within_bounds(monkeypatch, tmp_path):
    monkeypatch.setattr(indexes, "MOST_BLOCKS", 2)
    assert size_inside(Memory(zstd(DATA * 3, tmp_path)), "zstd") is None


@cache
def seed(name: str) -> bytes:
    if name == "xz":
        return xz("--block-size=4096")
    return b"\x28\xb5\x2f\xfd\x60\x00\x01" + b"\x03\x80\x00" + bytes(16)  # one raw block, the last


@given(name=st.sampled_from(["xz", "zstd"]), changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 7)),
                                                             max_size=4), cut=st.integers(0, 100))
def test_whatever_is_changed_it_is_a_size_or_none(name, changes, cut):
    data = bytearray(seed(name))
    for at, bit in changes:
        data[-1 - at % 200 % len(data)] ^= 1 << bit
    size = size_inside(Memory(bytes(data[: len(data) - cut])), name)
    assert size is None or 0 <= size < 1 << 63
