"""Extents, directories and inodes of btrfs: what is usual, and what cannot be followed."""

from __future__ import annotations

import struct
import zlib

import pytest
from images.btrfs_items import (
    DIR_INDEX,
    DIR_ITEM,
    FIRST,
    INODE_ITEM,
    LZO,
    MIB,
    SECTOR,
    ZLIB,
    ZSTD,
    add_entry,
    inline,
    inode,
    name_hash,
    on_disk,
)
from images.btrfs_writer import Extents, Subvolume, Writer
from opening import of_one, opened, problem_of


def test_extents_holes_and_parts():
    writer = Writer(16)
    place = writer.store(bytes(range(256)) * 64)
    packed = writer.store(zlib.compress(b"abcdefgh" * 4096))
    items = [(4096, on_disk(place, 16384, 4096, offset=8192)),
             (8192, on_disk(0, 0, 4096)),
             (12288, on_disk(place, 16384, 4096, kind=2)),
             (16384, on_disk(packed, SECTOR, 8192, offset=4099, ram=32768, method=ZLIB)),
             (28672, on_disk(0, 0, 4096, method=ZLIB))]
    filesystem = opened(writer.image([Subvolume("", {"f": Extents(40_000, items)})]))
    expected = bytes(4096) + bytes(range(256)) * 16 + bytes(8192) + (b"abcdefgh" * 4096)[4099:][:8192]
    expected = expected.ljust(40_000, b"\0")
    assert filesystem.read("/f", 1 << 20) == expected
    for offset in (0, 1, 4095, 4096, 9000, 16384, 20_000, 24_575, 24_576, 39_999):
        assert filesystem.read("/f", 5000, offset) == expected[offset : offset + 5000]


def test_data_after_the_end_of_a_file_is_not_shown_and_what_lacks_is_zeros():
    filesystem = of_one({"long": Extents(3, [(0, inline(b"abcdef"))]), "short": Extents(9, [(0, inline(b"abc"))]),
                         "none": Extents(5, [])})
    assert [filesystem.read(path, 99) for path in ("/long", "/short", "/none")] == [
        b"abc", b"abc" + bytes(6), bytes(5)]


@pytest.mark.parametrize("method", [ZLIB, ZSTD, LZO])
def test_a_stream_that_ends_early_is_followed_by_zeros(method):
    item = inline(b"abc", method)
    filesystem = of_one({"f": Extents(9, [(0, item[:8] + struct.pack("<Q", 9) + item[16:])])})
    assert filesystem.read("/f", 99) == b"abc" + bytes(6)


def test_a_size_that_lies_costs_no_more_than_was_asked_for():
    filesystem = of_one({"f": Extents(2**63, [(0, inline(b"abc"))]), "g": Extents(2**64 - 1, [])})
    assert filesystem.read("/f", 10) == b"abc" + bytes(7)
    assert filesystem.read("/g", 10, 2**64 - 6) == bytes(5)
    assert filesystem.stat("/f").size == 2**63


def stream(method, data, length=40):
    """Return the item of a compressed extent with its data in it."""
    return struct.pack("<QQBBHB", 1, length, method, 0, 0, 0) + data


# An extent for a file of 40 bytes, and what is said of it.
PLAIN = inline(b"x" * 40)
BAD_EXTENTS = {
    "bomb": (stream(ZLIB, b"xxxxxxxxxxx", 1 << 40), "has 11 bytes on disk and 1099511627776 in the file, at most"),
    "no zlib": (stream(ZLIB, b"nonsense"), "is compressed by zlib cannot be read"),
    "zlib cut": (inline(b"a" * 40, ZLIB)[:-8], "compressed by zlib cannot be read: 'it ends in the middle'"),
    "no zstd": (stream(ZSTD, b"nonsense"), "is compressed by zstd cannot be read"),
    "zstd cut": (inline(b"a" * 40, ZSTD)[:-5], "compressed by zstd cannot be read: 'it ends in the middle'"),
    "zstd window": (stream(ZSTD, b"\x28\xb5\x2f\xfd\x00\xf8\x01\0\0"), "is compressed by zstd cannot be read"),
    "no lzo": (stream(LZO, b"nonsense"), "it should have 1936617326 bytes, there are 8"),
    "lzo cut": (inline(b"a" * 40, LZO)[:-5], "it should have 52 bytes, there are 47"),
    "lzo of nothing": (stream(LZO, struct.pack("<II", 8, 0)), "a segment of 0 bytes begins at 8 of 8"),
    "lzo segment": (stream(LZO, struct.pack("<II", 9, 1) + b"\0"), "cannot be read: 'it ends in the middle'"),
    "lzo bomb": (stream(LZO, struct.pack("<II", 34, 26) + b"\x12a\x20" + bytes(20) + b"\1\0\0"), "longer than 4096"),
    "unknown method": (stream(4, b"x" * 40), "method 4, which is not known"),
    "unknown type": (PLAIN[:20] + b"\7" + on_disk(0, 0, 40)[21:], "a btrfs extent is of the unknown type 7"),
    "encrypted": (PLAIN[:17] + b"\1" + PLAIN[18:], "encrypted files, which cannot be read"),
    "short": (PLAIN[:20], "a btrfs extent has 20 bytes, it should have 21"),
    "short on disk": (on_disk(MIB, 4096, 4096)[:40], "a btrfs extent has 40 bytes, it should have 53"),
    "past its end": (on_disk(4 * MIB, 4096, 4096, offset=4090), "a btrfs extent of 4096 bytes is used up to byte 4130"),
    "packed past its end": (on_disk(4 * MIB, 4096, 4096, offset=4090, ram=4096, method=ZLIB),
                            "a btrfs extent of 4096 bytes is used up to byte 4130"),
    "packed and huge": (on_disk(4 * MIB, 1 << 30, 4096, method=ZLIB), "extent has 131073 bytes on disk and 4096 in"),
    "nowhere": (on_disk(1 << 50, 4096, 4096), "no btrfs chunk holds the 40 bytes at the logical address"),
    "across the end of a chunk": (on_disk(16 * MIB - 20, 4096, 4096), "no btrfs chunk holds the 40 bytes"),
}


@pytest.mark.parametrize("name", BAD_EXTENTS)
def test_extents_that_cannot_be_followed(name):
    item, message = BAD_EXTENTS[name]
    filesystem = of_one({"f": Extents(40, [(0, item)]), "g": b"fine"})
    found = problem_of(lambda: filesystem.read("/f", 40))
    assert message in found.message
    unknown = name in {"unknown method", "encrypted"}
    assert found.code == ("filesystem-feature-unknown" if unknown else "filesystem-damaged")
    assert filesystem.read("/g", 9) == b"fine"


def test_a_directory_of_too_many_names_is_not_listed_but_names_are_found_in_it(monkeypatch):
    monkeypatch.setattr("imgbuild.filesystems.btrfs.filesystem.MAX_ENTRIES", 1000)
    filesystem = of_one({f"d/{number}": b"" for number in range(1001)})
    found = problem_of(lambda: filesystem.listdir("/d"))
    assert (found.code, found.message) == ("directory-too-large", "the directory '/d' has more than 1000 entries")
    assert filesystem.stat("/d/777").kind == "file"
    assert filesystem.stat("/d/1001") is None


def test_directories_that_lead_in_a_circle_end():
    extra = {}
    add_entry(extra, FIRST, "self", (FIRST, INODE_ITEM, 0), "directory", 99)
    filesystem = opened(Writer(16).image([Subvolume("", {}, items=extra)]))
    assert filesystem.stat("/self/self/self").kind == "directory"
    assert filesystem.stat("/self" * 256).kind == "directory"
    assert filesystem.stat("/self" * 257) is None
    assert filesystem.at_path("self/" * 40_000) is None


def entry(location, name=b"f", length=None):
    return struct.pack("<QBQQHHB", *location, 1, 0, len(name) if length is None else length, 1) + name


F = (FIRST + 1, INODE_ITEM, 0)
BAD_ITEMS = {
    "inode missing": ({(FIRST, DIR_ITEM, name_hash(b"g")): entry((409, INODE_ITEM, 0), b"g")},
                      lambda fs: fs.stat("/g"), "the inode 409 of the btrfs subvolume 5 is missing"),
    "inode short": ({F: b"short"}, lambda fs: fs.stat("/f"), "a btrfs inode has 5 bytes, it should have 56"),
    "entry short": ({(FIRST, DIR_ITEM, name_hash(b"f")): entry(F)[:20]}, lambda fs: fs.stat("/f"),
                    "a btrfs directory entry has 20 bytes, it should have 30"),
    "name cut": ({(FIRST, DIR_INDEX, 2): entry(F, length=65535)}, lambda fs: fs.listdir("/"),
                 "a btrfs directory entry has 31 bytes, it should have 65565"),
    "entry to nothing": ({(FIRST, DIR_ITEM, name_hash(b"f")): entry((FIRST + 1, 99, 0))},
                         lambda fs: fs.stat("/f"), "an entry of a btrfs directory leads to (257, 99, 0)"),
    "long link": (inode(FIRST + 1, "link", 5000), lambda fs: fs.readlink("/f"),
                  "the link '/f' has a target of 5000 bytes, more than 4096"),
}


@pytest.mark.parametrize("name", BAD_ITEMS)
def test_items_that_cannot_be_followed(name):
    items, work, message = BAD_ITEMS[name]
    filesystem = opened(Writer(16).image([Subvolume("", {"f": b"x"}, items=items)]))
    found = problem_of(lambda: work(filesystem))
    assert (found.code, found.message) == ("filesystem-damaged", message)


@pytest.mark.parametrize(("work", "message"), [
    (lambda fs: fs.read("/d", 9), "no file at '/d'"), (lambda fs: fs.readlink("/f"), "no link at '/f'"),
    (lambda fs: fs.listdir("/f"), "no directory at '/f'"), (lambda fs: fs.listdir("/x"), "no directory at '/x'"),
])
def test_what_is_not_there(work, message):
    filesystem = of_one({"f": b"x", "d": None})
    with pytest.raises(FileNotFoundError) as raised:
        work(filesystem)
    assert str(raised.value) == message
    assert filesystem.stat("/f/g") is None
    assert filesystem.stat("/\ud800") is None
    assert filesystem.stat("/").kind == "directory"
