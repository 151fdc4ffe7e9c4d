"""lzop's file format: fields of the header, sizes of blocks."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tools import needs

from imgbuild.guests.initramfs.flow import Flow, Unreadable
from imgbuild.guests.initramfs.lzop import LARGEST_BLOCK, unpack

MAGIC = b"\x89LZO\0\r\n\x1a\n"


def number(value, size=4):
    return value.to_bytes(size, "big")


def lzop(*blocks, flags=0, version=0x1040, name=b"", extra=b""):
    level = b"\5" if version >= 0x0940 else b""
    times = bytes(12 if version >= 0x0940 else 8)
    head = MAGIC + number(version, 2) + bytes(4) + b"\1" + level + number(flags)
    head += (bytes(4) if flags & 0x800 else b"") + times + bytes([len(name)]) + name + bytes(4) + extra
    return head + b"".join(blocks) + number(0)


def stored(data, sums=0):
    return number(len(data)) * 2 + bytes(4 * sums) + data


@pytest.mark.parametrize("data", [
    lzop(stored(b"abc")),
    lzop(stored(b"abc"), version=0x0930),
    lzop(stored(b"abc"), name=b"initrd"),
    lzop(stored(b"abc", 1), flags=0x1),
    lzop(stored(b"abc", 2), flags=0x101),
    lzop(stored(b"abc"), flags=0x202),  # of what is packed, and it is not
    lzop(stored(b"abc"), flags=0x800),
    lzop(stored(b"abc"), flags=0x40, extra=number(3) + b"xyz" + bytes(4)),
    lzop(stored(b"a"), stored(b"bc")),
])
def test_the_fields_of_the_header(data):
    flow = Flow(iter([data + b"rest"]))
    assert b"".join(unpack(flow)) == b"abc"
    assert flow.take() == b"rest"


@needs("lzop")
@pytest.mark.parametrize("options", [(), ("-9",), ("-1",), ("--no-checksum",), ("--crc32",)])
def test_what_lzop_writes(options):
    text = b"words, and words again; " * 30_000
    packed = subprocess.run(["lzop", *options], input=text, capture_output=True, check=True).stdout
    assert b"".join(unpack(Flow(iter([packed])))) == text


@needs("lzop")
def test_without_the_faster_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "lzallright", None)
    packed = subprocess.run(["lzop"], input=b"words " * 999, capture_output=True, check=True).stdout
    assert b"".join(unpack(Flow(iter([packed])))) == b"words " * 999


@pytest.mark.parametrize(("data", "reason"), [
    (lzop(number(LARGEST_BLOCK + 1) + number(1)), f"a block of its lzo data has 1 bytes for {LARGEST_BLOCK + 1}"),
    (lzop(number(5) + number(6)), "a block of its lzo data has 6 bytes for 5"),
    (lzop(number(5) + number(0)), "a block of its lzo data has 0 bytes for 5"),
    (lzop(number(50) + number(7) + b"\x14abc\x11\0\0"), "a block of its lzo data has 3 bytes instead of 50"),
    (lzop(number(50) + number(4) + b"\xff\xff\xff\xff"), "its lzo data is damaged"),
    (lzop(stored(b"abc"))[:-6], "it ends in the middle"),
    (MAGIC, "it ends in the middle"),
])
def test_damage(data, reason):
    with pytest.raises(Unreadable, match=f"^{reason}"):
        list(unpack(Flow(iter([data]))))
