"""What the programs pack comes out again, and what is wrong with a file is said: damage, a cut, a tail, too much."""

from __future__ import annotations

import lzma
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packers import PROGRAMS, packed, unpacked
from tools import needs

from imgbuild.inside import streams
from imgbuild.inside.streams import Stream
from imgbuild.readers import Memory

pytestmark = needs(*PROGRAMS)
NAMES = list(PROGRAMS)
DATA = random.Random(2).randbytes(150_000)  # noqa: S311 - the same noise each time
DATA += bytes(300_000) + b"the end"
SKIPPABLE = b"\x53\x2a\x4d\x18\3\0\0\0abc"


def read(name: str, data: bytes) -> tuple[Stream, bytes]:
    stream = Stream(Memory(data), name)
    out = b"".join(stream.pieces())
    return stream, out


def codes(stream: Stream) -> list[str]:
    return [found.code for found in stream.problems]


@pytest.fixture(scope="module")
def files():
    return {name: packed(name, DATA) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_all_of_it_comes_out(name, files):
    stream, out = read(name, files[name])
    assert (stream.ended, stream.streams, codes(stream), stream.unread) == (True, 1, [], None)
    assert out == DATA


@pytest.mark.parametrize(("name", "between"), [*((name, b"") for name in NAMES), ("gzip", bytes(512)),
                                               ("xz", bytes(512))])
def test_several_streams_are_one_file(name, files, between):
    stream, out = read(name, (files[name] + between) * 3)
    assert (stream.ended, stream.streams, codes(stream)) == (True, 3, [])
    assert out == DATA * 3


@pytest.mark.parametrize("words", [("xz", "-T2", "--block-size=65536"), ("xz", "--check=sha256"), ("xz", "-9e"),
                                   ("zstd", "--long=27"), ("zstd", "-T2", "--check"), ("gzip", "-1"), ("bzip2", "-1")])
def test_what_else_the_programs_offer_is_read(words):
    stream, out = read(words[0], packed(*words[:1], DATA, *words[1:]))
    assert (stream.ended, out == DATA) == (True, True)


def test_skippable_frames_of_zstd_are_left_out(files):
    stream, out = read("zstd", SKIPPABLE * 2 + files["zstd"] + SKIPPABLE + files["zstd"] + SKIPPABLE)
    assert (stream.ended, stream.streams, out == DATA * 2) == (True, 2, True)


@pytest.mark.parametrize("name", NAMES)
def test_something_else_behind_it_is_said(name, files):
    stream, out = read(name, files[name] + b"<html>502 Bad Gateway</html>")
    assert (stream.ended, codes(stream), out == DATA) == (True, ["compressed-trailing-data"], True)
    assert "it begins with 3c 68" in stream.problems[0].message
    assert unpacked(name, files[name] + b"<html>502 Bad Gateway</html>") in {None, DATA}


@pytest.mark.parametrize("name", ["zstd", "bzip2"])
def test_zeros_behind_it_are_something_else_where_the_format_has_no_padding(name, files):
    stream, _ = read(name, files[name] + bytes(8))
    assert (stream.ended, codes(stream)) == (True, ["compressed-trailing-data"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", [0.5, 0.9, -1])
def test_a_file_that_is_cut_is_truncated(name, files, part):
    whole = files[name]
    data = whole[:-1] if part == -1 else whole[: int(len(whole) * part)]
    stream, out = read(name, data)
    assert (stream.ended, codes(stream)) == (False, ["truncated"])
    assert DATA.startswith(out)
    assert unpacked(name, data) is None


@pytest.mark.parametrize(("name", "at"), [("gzip", -8), ("gzip", -4), ("xz", -40), ("zstd", -1), ("bzip2", -5)])
def test_a_wrong_sum_is_damage(name, at, files):
    data = bytearray(files[name])
    data[at] ^= 0x10
    stream, _ = read(name, bytes(data))
    assert (stream.ended, codes(stream)) == (False, ["compressed-damaged"])
    assert unpacked(name, bytes(data)) is None


def test_more_than_a_disk_can_have_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(streams, "MOST_FROM_NOTHING", 1 << 20)
    data = packed("bzip2", bytes(4 << 20))
    stream, out = read("bzip2", data)
    assert (stream.ended, codes(stream)) == (False, ["decompression-limit"])
    assert len(out) <= (1 << 20) + 256 * len(data) + (1 << 18)
    assert "over 1.01 MiB come out of it" in stream.unread


def test_more_streams_than_there_is_time_for_are_not_read(monkeypatch):
    monkeypatch.setattr(streams, "FEWEST_STREAMS", 10)
    stream, _ = read("gzip", packed("gzip", b"") * 12)
    assert (stream.ended, codes(stream)) == (False, ["compressed-damaged"])
    assert "over 10 streams" in stream.problems[0].message


def test_a_window_that_takes_too_much_memory_is_no_damage():
    """``zstd --long=31`` and ``xz --lzma2=dict=1536MiB`` make files that are sound."""
    zstd = bytearray(packed("zstd", bytes(4096), "--no-check"))
    zstd[4:6] = b"\0\xa8"  # no size of its own, a window of 2 GiB
    window = Stream(Memory(b"\x28\xb5\x2f\xfd\0\xa8" + bytes(zstd[-8:])), "zstd")
    assert b"".join(window.pieces()) == b""
    assert (window.ended, codes(window)) == (False, [])
    assert "takes more memory" in window.unread

    xz = bytearray(lzma.compress(DATA, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}]))
    xz[16] = 40  # the property of LZMA2: a dictionary of 4 GiB - 1
    xz[20:24] = zlib.crc32(xz[12:20]).to_bytes(4, "little")
    dictionary, out = read("xz", bytes(xz))
    assert (dictionary.ended, codes(dictionary), out) == (False, [], b"")
    assert "takes more memory" in dictionary.unread


@given(name=st.sampled_from(NAMES), cut=st.integers(0, 1 << 20),
       changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 7)), max_size=4))
def test_whatever_is_changed_the_file_is_at_fault(files, name, cut, changes):
    """A file that the program unpacks to the end unpacks here to the same; others end early with a reason."""
    data = bytearray(files[name])
    for at, bit in changes:
        data[at % len(data)] ^= 1 << bit
    data = data[: len(data) - cut % 2000]
    stream, out = read(name, bytes(data))
    assert stream.ended or stream.problems or stream.unread
    if stream.ended and not stream.problems:
        assert out in {DATA, b""}
