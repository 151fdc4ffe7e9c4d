"""The flow of bytes under the archives."""

from __future__ import annotations

import pytest

from imgbuild.guests.initramfs.flow import Flow, Unreadable


def flow(*pieces):
    return Flow(iter(pieces))


def test_a_look_ahead_takes_nothing():
    one = flow(b"ab", b"", b"cd")
    assert [one.peek(3), one.peek(1), one.read(4), one.peek(1)] == [b"abc", b"a", b"abcd", b""]


def test_skipping_across_pieces():
    one = flow(b"abc", b"def", b"ghi")
    one.skip(4)
    assert one.read(1) == b"e"
    one.skip(0)
    one.skip(4)
    assert one.take() == b""


@pytest.mark.parametrize("take", [lambda one: one.read(4), lambda one: one.skip(4)])
def test_what_ends_before(take):
    with pytest.raises(Unreadable, match=r"^it ends in the middle$"):
        take(flow(b"ab", b"c"))


@pytest.mark.parametrize(("pieces", "rest"), [((b"\0\0", b"\0x\0"), b"x\0"), ((b"y",), b"y"), ((b"\0\0", b"\0"), b"")])
def test_zeros_are_passed_over(pieces, rest):
    one = flow(*pieces)
    assert one.skip_zeros() is bool(rest)
    assert one.take() == rest


def test_what_is_given_back_comes_first():
    one = flow(b"abc", b"d")
    one.read(1)
    one.give_back(b"X")
    assert one.read(4) == b"Xbcd"
