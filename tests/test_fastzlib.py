"""The faster library unpacks, and zlib has the word on what is damaged: what is said is the same on every machine."""

from __future__ import annotations

import builtins
import random
import zlib

import pytest

from imgbuild import fastzlib
from imgbuild.formats.zvhd.records import Record, inflate
from imgbuild.formats.zvhd2.growing import Growing
from imgbuild.readers import BrokenImage

BLOCK = 1 << 16
RECORD = Record(0, BLOCK, 0)


def packed(data):
    stream = zlib.compressobj()
    return stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)


def outcome(unpack, payload):
    try:
        return unpack(memoryview(payload))
    except BrokenImage as broken:
        return str(broken), broken.problem.code


def test_a_damaged_block_is_what_zlib_says_it_is():
    chance = random.Random(20261128)  # noqa: S311 - cases, no secret
    whole = chance.randbytes(BLOCK // 4) * 2 + bytes(BLOCK // 2)
    cases = [packed(whole), packed(whole[1:]), packed(whole + b"x"), zlib.compress(whole), b"", packed(b"")]
    for _ in range(60):
        case = bytearray(packed(whole))
        for _ in range(chance.randrange(1, 4)):
            case[chance.randrange(len(case))] ^= 1 << chance.randrange(8)
        cases.append(bytes(case[: chance.randrange(len(case))] if chance.random() < 0.2 else case))
    said = [outcome(lambda payload: Growing(payload, RECORD, BLOCK).read(0, BLOCK), case) for case in cases]
    assert said == [outcome(lambda payload: inflate(zlib.decompressobj(), payload, RECORD, BLOCK), case)
                    for case in cases]
    assert said[0] == whole
    assert len(set(said)) > 5


def test_without_a_wheel_zlib_does_it(monkeypatch):
    pytest.importorskip("isal")
    assert fastzlib.library().__name__ == "isal.isal_zlib"
    real = builtins.__import__

    def missing(name, *words):
        if name == "isal":
            raise ImportError(name)
        return real(name, *words)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert fastzlib.library() is zlib
