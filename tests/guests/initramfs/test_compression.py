"""The compressions of an initramfs, each packed by its own program."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from images import archives
from tools import needs

from imgbuild.guests.initramfs.compression import METHODS, method_of
from imgbuild.guests.initramfs.flow import Flow, Unreadable

PACKED = [name for name in archives.PACKERS if name != "none"]
MIXED = random.Random(1).randbytes(300_000) + bytes(600_000) + b"text " * 50_000  # noqa: S311 - no secret


def flow(data, piece=1 << 16):
    return Flow(iter([data[at : at + piece] for at in range(0, len(data), piece)]))


def unpack(data, piece=1 << 16):
    """What is inside, and what is left behind it."""
    one = flow(data, piece)
    inside = b"".join(method_of(data).unpack(one))
    return inside, one.take()


@needs(*archives.TOOLS)
@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("piece", [17, 1 << 16])
def test_what_the_program_packs(name, piece):
    assert unpack(archives.compress(name, MIXED), piece) == (MIXED, b"")


@needs(*archives.TOOLS)
@pytest.mark.parametrize("name", PACKED)
def test_what_follows_is_left(name):
    data = archives.compress(name, b"abc" * 1000)
    assert unpack(data + bytes(8) + b"070701") == (b"abc" * 1000, bytes(8) + b"070701")


@needs(*archives.TOOLS)
@pytest.mark.parametrize("name", PACKED)
def test_a_cut(name):
    data = archives.compress(name, MIXED)
    with pytest.raises(Unreadable, match=r"^it ends in the middle$|data ends in the middle$"):
        unpack(data[: len(data) // 2])


@needs(*archives.TOOLS)
@pytest.mark.parametrize("name", ["gzip", "zstd", "xz", "lz4", "bzip2"])
def test_damage(name):
    data = bytearray(archives.compress(name, b"words and words, " * 100 + MIXED[:1000]))
    data[40:400] = bytes(b ^ 0x5A for b in data[40:400])
    with pytest.raises(Unreadable, match=r"data is damaged|ends in the middle"):
        unpack(bytes(data))


@needs(*archives.TOOLS)
@pytest.mark.parametrize("name", PACKED)
def test_memory_is_bounded(name):
    """What libraries allocate by themselves is not counted; the pieces that pass through are."""
    data = archives.compress(name, bytes(48 << 20))
    one = flow(data)
    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in method_of(data).unpack(one))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 48 << 20
    assert peak < 24 << 20


def test_every_method_is_told_by_its_magic_number():
    assert {method.name for method in METHODS} == {"gzip", "zstd", "xz", "lz4", "lzo", "bzip2", "lzma"}
    assert [method_of(method.magic) for method in METHODS] == list(METHODS)
    assert method_of(b"070701") is None


def test_a_dictionary_that_is_too_large_is_refused():
    header = b"\x5d" + (1 << 30).to_bytes(4, "little") + b"\xff" * 8  # lzma with 1 GiB
    with pytest.raises(Unreadable, match=r"^its lzma data is damaged"):
        unpack(header + bytes(64))


@needs("gzip")
def test_without_the_faster_library(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "isal", None)
    assert unpack(archives.compress("gzip", MIXED)) == (MIXED, b"")
