from __future__ import annotations

import random
import zlib

import pytest

from imgbuild.formats.zvhd2.growing import PART, PIECE, STEP, Growing
from imgbuild.readers import BrokenImage
from tests.formats.zvhd2_block import open_block

SIZE = 8 * STEP
DATA = random.Random(1).randbytes(SIZE // 2) + b"abcd" * (SIZE // 8)  # noqa: S311 - the same data in each run


def deflated(data: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    stream = zlib.compressobj()
    return stream.compress(data) + stream.flush(flush)


def block(payload: bytes) -> Growing:
    return open_block(payload, SIZE)[0]


@pytest.mark.parametrize("seed", range(6))
def test_pieces_are_those_of_the_block_in_any_order(seed):
    chance, whole = random.Random(seed), block(deflated(DATA))  # noqa: S311 - the same places in each run
    for _ in range(12):
        start = chance.randrange(SIZE)
        count = chance.randrange(min(SIZE - start, chance.choice([2, 5000, SIZE])) + 1)
        assert whole.read(start, count) == DATA[start : start + count]
    assert whole.read(0, SIZE) == DATA


def test_no_more_is_read_and_unpacked_than_is_asked_for():
    payload = deflated(DATA)
    whole, file = open_block(payload, SIZE)
    assert (len(whole), file.reads) == (0, [])
    for start, count, unpacked in ((0, 0, 0), (STEP - 1, 1, STEP), (5, 9, STEP), (STEP, 1, 2 * STEP)):
        assert whole.read(start, count) == DATA[start : start + count]
        assert unpacked <= len(whole) <= unpacked + PIECE
        assert sum(length for _, length in file.reads) <= unpacked + PIECE
    whole.read(SIZE - 1, 1)
    assert len(whole) == SIZE
    assert sum(length for _, length in file.reads) == len(payload)


def test_zeros_take_no_memory():
    whole = block(deflated(bytes(SIZE)))
    assert whole.read(0, SIZE) == bytes(SIZE)
    assert len(whole) == 0
    mixed = block(deflated(bytes(PART) + b"x" * (SIZE - 2 * PART) + bytes(PART)))
    assert mixed.read(PART - 1, 2) == b"\0x"
    assert mixed.read(SIZE - PART - 1, 2) == b"x\0"
    assert PART < len(mixed) < SIZE - PART


def test_behind_the_end_of_a_stream_nothing_is_read_by_pieces():
    payload = deflated(DATA[:STEP], zlib.Z_FINISH)
    whole, file = open_block(payload + bytes(40 * PIECE), SIZE)
    with pytest.raises(BrokenImage) as refusal:
        whole.read(0, SIZE)
    assert refusal.value.problem.code == "zvhd-block-damaged"
    assert len(file.reads) <= 1 + len(payload) // PIECE + 1


def test_a_block_that_is_cut_short_inside_of_its_stream_is_refused():
    payload = deflated(DATA)
    for length in (1, 2, len(payload) // 2, len(payload) - 5):
        with pytest.raises(BrokenImage) as refusal:
            block(payload[:length]).read(0, SIZE)
        assert refusal.value.problem.code == "zvhd-block-damaged"


@pytest.mark.parametrize(("payload", "message"), [
    (deflated(DATA + b"x"), f"block 0 in the record at byte 4096 does not end within the {SIZE} bytes of a block"),
    (deflated(DATA[:-1]), f"block 0 in the record at byte 4096 expands to {SIZE - 1} bytes, but a block has {SIZE}"),
    (deflated(DATA, zlib.Z_FINISH),
     "block 0 in the record at byte 4096 ends its zlib stream, but a block must be cut by a sync flush"),
], ids=["more", "less", "ended"])
def test_what_is_wrong_at_the_end_is_said_to_who_reads_the_end(payload, message):
    whole = block(payload)
    assert whole.read(0, 512) == DATA[:512]
    for _ in range(2):
        with pytest.raises(BrokenImage) as refusal:
            whole.read(SIZE - 512, 512)
        assert refusal.value.problem.message == message


def test_a_payload_that_is_damaged_anywhere_gives_what_came_before_or_a_refusal():
    payload = deflated(DATA)
    for at in range(0, len(payload), len(payload) // 40):
        damaged = bytearray(payload)
        damaged[at] ^= 0xFF
        whole = block(bytes(damaged))
        for start in range(0, SIZE, STEP):
            try:
                assert len(whole.read(start, STEP)) == STEP
            except BrokenImage as refusal:
                assert refusal.problem.code in {"zvhd-block-damaged", "decompression-bomb"}  # noqa: PT017 - some are read
