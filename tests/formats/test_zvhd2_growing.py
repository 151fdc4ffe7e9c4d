from __future__ import annotations

import random
import zlib

import pytest

from imgbuild.formats.zvhd.records import Record
from imgbuild.formats.zvhd2.growing import STEP, Growing
from imgbuild.readers import BrokenImage

SIZE = 8 * STEP
DATA = random.Random(1).randbytes(SIZE // 2) + b"abcd" * (SIZE // 8)  # noqa: S311 - the same data in each run
RECORD = Record(4096, 1, 0)


def deflated(data: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    stream = zlib.compressobj()
    return stream.compress(data) + stream.flush(flush)


def block(payload: bytes) -> Growing:
    return Growing(memoryview(payload), RECORD, SIZE)


@pytest.mark.parametrize("seed", range(6))
def test_pieces_are_those_of_the_block_in_any_order(seed):
    chance, whole = random.Random(seed), block(deflated(DATA))  # noqa: S311 - the same places in each run
    for _ in range(12):
        start = chance.randrange(SIZE)
        count = chance.randrange(min(SIZE - start, chance.choice([2, 5000, SIZE])) + 1)
        assert whole.read(start, count) == DATA[start : start + count]
    assert whole.read(0, SIZE) == DATA


def test_no_more_is_unpacked_than_is_asked_for_and_the_record_is_let_go_at_the_end():
    payload = deflated(DATA)
    whole = block(payload)
    assert len(whole) == len(payload)
    for start, count, held in ((0, 0, 0), (STEP - 1, 1, STEP), (5, 9, STEP), (STEP, 1, 2 * STEP)):
        assert whole.read(start, count) == DATA[start : start + count]
        assert len(whole) == len(payload) + held
    whole.read(SIZE - 1, 1)
    assert len(whole) == SIZE


@pytest.mark.parametrize(("payload", "message"), [
    (deflated(DATA + b"x"), f"the record at byte 4096 expands to more than one block of {SIZE} bytes"),
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
