"""What goes on behind its block: damage ends soon, a bomb does not, and either costs little memory."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest

from imgbuild.formats.bombs import TIMES, expanding, inflating, is_bomb
from imgbuild.zstd import ZstdDecompressor, ZstdError, compress

SIZE = 1 << 16


def of_zlib(data: bytes) -> tuple:
    state = zlib.decompressobj()
    state.decompress(data, SIZE + 1)
    return inflating(state), SIZE, zlib.error


def of_zstd(data: bytes) -> tuple:
    frame = ZstdDecompressor()
    frame.decompress(data, SIZE + 1)
    return expanding(frame), SIZE, ZstdError


@pytest.mark.parametrize("begun", [of_zlib, of_zstd])
@pytest.mark.parametrize(("length", "expected"), [
    (SIZE + 1, False), (2 * SIZE, False), (TIMES * SIZE, False), (TIMES * SIZE + 1, True), (64 * SIZE, True)])
def test_what_goes_on_for_long_is_a_bomb(begun, length, expected):
    pack = zlib.compress if begun is of_zlib else compress
    assert is_bomb(*begun(pack(bytes(length)))) is expected


def test_what_is_damaged_on_the_way_is_no_bomb():
    packed = bytearray(zlib.compress(bytes(range(256)) * 8192))
    packed[len(packed) // 4 :] = b"\xff" * (len(packed) - len(packed) // 4)
    assert is_bomb(*of_zlib(bytes(packed))) is False


@pytest.mark.parametrize("begun", [of_zlib, of_zstd])
def test_nothing_of_it_is_kept(begun):
    more, _, error = begun((zlib.compress if begun is of_zlib else compress)(bytes(128 << 20)))
    tracemalloc.start()
    assert is_bomb(more, 8 << 20, error)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
