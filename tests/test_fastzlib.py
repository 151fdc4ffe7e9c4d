"""The faster library unpacks, and zlib has the word on what is damaged: what is said is the same on every machine."""

from __future__ import annotations

import builtins
import random
import zlib

import pytest

from imgbuild import fastzlib
from imgbuild.formats.qcow2 import disk
from imgbuild.formats.vmdk import grains
from imgbuild.formats.zvhd.records import Record, inflate
from imgbuild.readers import BrokenImage
from tests.formats.zvhd2_block import AT, open_block

BLOCK = 1 << 16
RECORD = Record(AT, BLOCK, 0)


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
    said = [outcome(lambda payload: open_block(bytes(payload), BLOCK)[0].read(0, BLOCK), case) for case in cases]
    assert said == [outcome(lambda payload: inflate(zlib.decompressobj(), payload, RECORD, BLOCK), case)
                    for case in cases]
    assert said[0] == whole
    assert len(set(said)) > 5


def damaged(chance, wbits):
    """Give a packed cluster: whole, of another length, damaged or cut, with the rest of its sector."""
    data = (chance.randbytes(chance.randrange(1, 20000)) + b"some text " * chance.randrange(6000))[:BLOCK]
    stream = zlib.compressobj(chance.randrange(1, 10), zlib.DEFLATED, wbits)
    case = bytearray(stream.compress(data.ljust(BLOCK + chance.choice([0, 0, 0, -9, 1]), b"\0")) + stream.flush())
    for _ in range(chance.randrange(4)):
        case[chance.randrange(len(case))] ^= 1 << chance.randrange(8)
    return bytes(case[: chance.randrange(len(case))] if chance.random() < 0.2 else case) + bytes(chance.randrange(512))


@pytest.mark.parametrize(("unpack", "wbits"), [
    (lambda case: disk._inflate(case, BLOCK + 1), -15), (lambda case: disk._inflate(case, BLOCK + 1), -12),
    (lambda case: grains._inflate(case, BLOCK, BLOCK), 15), (lambda case: grains._inflate(case, BLOCK, 512), 15),
], ids=["qcow2", "qcow2 of qemu", "vmdk", "vmdk, last grain"])
def test_a_damaged_cluster_is_what_zlib_says_it_is(unpack, wbits, monkeypatch):
    chance = random.Random(20261129)  # noqa: S311 - cases, no secret
    cases = [damaged(chance, wbits) for _ in range(80)]
    said = [said_of(unpack, case) for case in cases]
    monkeypatch.setattr(fastzlib, "library", lambda: zlib)
    assert said == [said_of(unpack, case) for case in cases]
    assert len(set(said)) > 5


def said_of(unpack, case):
    try:
        return unpack(case)
    except ValueError as error:
        return str(error)


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
