"""cpio archives: the members' names, compared with those that cpio lists."""

from __future__ import annotations

import subprocess

import pytest
from images.tree import cpio
from tools import needs

from imgbuild.guests.initramfs.cpio import members
from imgbuild.guests.initramfs.flow import Flow, Unreadable


def names(data, piece=7):
    return [name for name, _ in members(Flow(iter(data[at : at + piece] for at in range(0, len(data), piece))))]


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_names_in_pieces_of_any_size(piece):
    files = {"init": b"#!/bin/sh\n", "lib/x.ko": bytes(5), "a": b"", "./b": b"abc", "/etc/c": b"abcd"}
    assert names(cpio(files), piece) == ["init", "lib/x.ko", "a", "b", "etc/c"]


def test_sizes():
    assert list(members(Flow(iter([cpio({"a": b"", "b": b"abc"})])))) == [("a", 0), ("b", 3)]


@needs("cpio")
@pytest.mark.parametrize("form", ["newc", "crc"])
def test_what_cpio_packs(form, tmp_path):
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/a.ko").write_bytes(b"abc")
    (tmp_path / "usr/lib/link").symlink_to("a.ko")
    listed = ["usr", "usr/lib", "usr/lib/a.ko", "usr/lib/link"]
    packed = subprocess.run(["cpio", "-o", "-H", form, "--quiet"], input="\n".join(listed).encode(), cwd=tmp_path,
                            capture_output=True, check=True).stdout
    witness = subprocess.run(["cpio", "-t", "--quiet"], input=packed, capture_output=True, check=True).stdout
    assert names(packed) == listed == witness.decode().split()


def test_a_name_longer_than_a_path_can_be_is_passed_over():
    assert names(cpio({"x" * 4096: b"1", "y": b"2"})) == ["y"]
    assert names(cpio({"x" * 4095: b"1", "y": b"2"})) == ["x" * 4095, "y"]


@pytest.mark.parametrize(("data", "reason"), [
    (cpio({"a": b"b"})[:50], "it ends in the middle"),
    (cpio({"a": b"b"})[:112], "it ends in the middle"),
    (b"070707" + bytes(104), "a header of the cpio archive is damaged"),
    (cpio({"a": b"b"}).replace(b"00000001", b"0000000-"), "a number in a header of the cpio archive is damaged"),
    (cpio({"a": b"b"}).replace(b"00000001", b"0000000z"), "a number in a header of the cpio archive is damaged"),
])
def test_damage(data, reason):
    with pytest.raises(Unreadable, match=f"^{reason}$"):
        names(data)
