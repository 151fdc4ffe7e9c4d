from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images.ntfsrecords import compressed

from imgbuild.filesystems.ntfs.lznt1 import expand
from imgbuild.readers import BrokenImage

UNIT = 65536


def test_the_example_of_the_specification() -> None:
    plain = (b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D"
             b" E A F# F# G A A G F# E D D E F# E D D\0")
    data = bytes.fromhex("38b088462320002047204100 10a24701a045204400084501 507900c045200524138805b4 024a44ef0358028c"
                         "091601484500be009e00040118900000")
    assert expand(data, len(plain)) == plain


@pytest.mark.parametrize(("data", "plain"), [
    (b"", b""), (b"\0\0", b""), (b"\x02\x30abc", b"abc"), (b"\x03\xb0\x00abc", b"abc"),
    (b"\x05\xb0\x08abc\x06\x20", b"abc" * 4), (b"\x03\xb0\x02a\x61\x00", b"a" * 101),
])
def test_chunks_by_hand(data: bytes, plain: bytes) -> None:
    assert expand(data, UNIT) == plain.ljust(UNIT, b"\0")


@given(st.binary(max_size=300).map(lambda piece: (piece * 40)[:9000]))
def test_what_was_compressed_comes_back(plain: bytes) -> None:
    assert expand(compressed(plain), UNIT) == plain.ljust(UNIT, b"\0")


@pytest.mark.parametrize("data", [
    b"\xff\xb0abc", b"\x02\xb0\x01\x00\x00", b"\x03\xb0\x02a\x00\x10", b"\x02\xb0\x02a\x00", b"\x03\xb0\x02a\xff\x0f",
])
def test_damaged_units(data: bytes) -> None:
    with pytest.raises(BrokenImage, match="compressed unit"):
        expand(data, UNIT)


@given(st.binary(max_size=5000))
def test_any_bytes_give_a_unit_or_damage(data: bytes) -> None:
    try:
        assert len(expand(data, UNIT)) == UNIT
    except BrokenImage as broken:
        assert broken.problem.code == "filesystem-damaged"  # noqa: PT017 - either outcome is right
