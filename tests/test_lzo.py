"""LZO1X blocks: ours, those of lzop, and those that nobody should write."""

from __future__ import annotations

import random
import struct
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images.btrfs_items import lzo_literals
from tools import needs

from imgbuild.lzo import LzoError, decompress

END = b"\x11\0\0"
# Instructions by hand, and what they give: the table of the module, line by line.
BLOCKS = {
    "nothing": (END, b""),
    "literals of the first byte": (bytes([17 + 4]) + b"abcd" + END, b"abcd"),
    "literals": (b"\x01abcd" + END, b"abcd"),
    "literals with a long count": (b"\0\1" + b"x" * 19 + END, b"x" * 19),
    "literals with a longer count": (b"\0\0\1" + b"x" * 274 + END, b"x" * 274),
    "2 bytes after one literal": (bytes([17 + 4]) + b"abcd" + bytes([64 | 1 | 3 << 2, 0]) + b"e" + bytes([0, 1]) + END,
                                  b"abcdabceda"),
    "3 bytes from over 2 KiB back": (lzo_literals(b"abc" + bytes(2046))[:-3] + bytes([0, 0]) + END,
                                     b"abc" + bytes(2046) + b"abc"),
    "near": (bytes([17 + 4]) + b"abcd" + bytes([32 | 3]) + struct.pack("<H", 3 << 2) + END, b"abcdabcda"),
    "near with a long count": (bytes([17 + 4]) + b"abcd" + b"\x20\1" + struct.pack("<H", 0) + END, b"abcd" + b"d" * 34),
    "far": (lzo_literals(b"start" + bytes(16384))[:-3] + bytes([16 | 3]) + struct.pack("<H", 5 << 2) + END,
            b"start" + bytes(16384) + b"start"),
    "what follows the end is left": (b"\x01abcd" + END + b"rest", b"abcd"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_instructions(name):
    block, expected = BLOCKS[name]
    assert decompress(block, len(expected)) == expected
    with pytest.raises(LzoError) as raised:
        decompress(block[: block.index(END)], 1 << 20)
    assert str(raised.value) == "it ends in the middle"
    if expected:
        with pytest.raises(LzoError) as raised:
            decompress(block, len(expected) - 1)
        assert str(raised.value) == f"it is longer than {len(expected) - 1} bytes"


def test_what_is_not_there_cannot_be_copied():
    with pytest.raises(LzoError) as raised:
        decompress(b"\x01abcd\x40\1" + END, 100)
    assert str(raised.value) == "it copies from 9 bytes back where there are 4"


@given(st.binary(min_size=4, max_size=3000))
def test_literals_come_back(data):
    assert decompress(lzo_literals(data), len(data)) == data


@given(st.binary(max_size=400), st.integers(0, 5000))
def test_any_bytes_give_a_block_or_a_reason(data, limit):
    try:
        assert len(decompress(data, limit)) <= limit
    except LzoError as error:
        assert str(error).startswith("it ")  # noqa: PT017 - either outcome is right


def blocks_of(data: bytes):
    """Yield the blocks in a file of lzop with their sizes; see its manual page and src/lzop.c."""
    flags, = struct.unpack_from(">I", data, 17)
    place = 34 + data[33] + 4
    while size := int.from_bytes(data[place : place + 4], "big"):
        stored = int.from_bytes(data[place + 4 : place + 8], "big")
        place += 8 + 4 * bool(flags & 1) + 4 * bool(flags & 0x100 and stored < size)
        yield data[place : place + stored], size
        place += stored


@needs("lzop")
@pytest.mark.parametrize("level", ["-1", "-3", "-9"])
def test_what_lzop_writes(tmp_path, level):
    chance = random.Random(5)  # noqa: S311 - content, no secret
    words = [chance.randbytes(chance.randrange(1, 40)) for _ in range(300)]
    data = b"".join(chance.choice(words) for _ in range(20_000)) + bytes(70_000) + chance.randbytes(3000) + (
        sys.modules[__name__].__file__ or "").encode() * 300
    (tmp_path / "data").write_bytes(data)
    packed = subprocess.run(["lzop", "-c", level, tmp_path / "data"], check=True, capture_output=True).stdout
    assert b"".join(block if len(block) == size else decompress(block, size)
                    for block, size in blocks_of(packed)) == data
