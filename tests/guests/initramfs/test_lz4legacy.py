"""LZ4's legacy frame, byte by byte."""

from __future__ import annotations

import pytest

from imgbuild.guests.initramfs.flow import Flow, Unreadable
from imgbuild.guests.initramfs.lz4legacy import unpack

MAGIC = (0x184C2102).to_bytes(4, "little")
BLOCK = bytes([0x30]) + b"abc"  # a token: three literals


def frame(*blocks):
    return MAGIC + b"".join(len(block).to_bytes(4, "little") + block for block in blocks)


@pytest.mark.parametrize("rest", [b"", bytes(4), bytes(64), MAGIC, b"070701"])
def test_a_frame_ends_with_what_can_be_no_size(rest):
    flow = Flow(iter([frame(BLOCK, BLOCK) + rest]))
    assert b"".join(unpack(flow)) == b"abcabc"
    assert flow.take() == rest


@pytest.mark.parametrize(("data", "reason"), [
    (frame(BLOCK)[:-1], "it ends in the middle"),
    (frame(b"\x3f\xff"), "its lz4 data is damaged"),
    (frame(b"\xff" + b"\xff" * 40_000 + b"\0" + bytes(100)), "its lz4 data is damaged"),
])
def test_damage(data, reason):
    with pytest.raises(Unreadable, match=f"^{reason}$"):
        list(unpack(Flow(iter([data]))))
