"""Superblocks, chunks and nodes of btrfs that are not what they should be; and mutants."""

from __future__ import annotations

import lzma
import struct
import subprocess
from pathlib import Path

import pytest
from images.btrfs_items import FIRST, INODE_ITEM, MIB, NODE, SECTOR, SUPERBLOCK, seal
from images.btrfs_writer import Subvolume, Writer
from mutating import visit_mutants
from opening import of_one, opened, problem_of
from tools import needs

from imgbuild.filesystems import identify
from imgbuild.filesystems.btrfs import filesystem as btrfs_filesystem
from imgbuild.readers import Memory

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "btrfs"
NODE_OF_CHUNKS = "the 16384 bytes at the logical address 1048576"
TWO_POWERS = "it should be a power of two from 4096 to 65536"
# What the superblock says, the code, and the message.
REFUSED = {
    "features": ({"incompat": 0x341 | 0x1000 | 0x2000 | 1 << 40}, "feature-unknown",
                 "the btrfs file system uses features that cannot be read: zoned, extent-tree-v2, 0x10000000000"),
    "checksum": ({"csum_type": 4}, "feature-unknown", "the btrfs file system has checksums of an unknown kind, 4"),
    "devices": ({"devices": 2, "devid": 7}, "device-missing", (
        "the btrfs file system lies on 2 devices, of which this one has the number 7: its files were not looked at")),
    "no device": ({"devices": 0}, "device-missing", (
        "the btrfs file system lies on 0 devices, of which this one has the number 1: its files were not looked at")),
    "another device": ({"devid": 2}, "device-missing",
                       f"{NODE_OF_CHUNKS} of the btrfs file system are on another device"),
    "node size": ({"nodesize": 2048}, "damaged", f"the btrfs superblock gives 2048 as nodesize, {TWO_POWERS}"),
    "sector size": ({"sectorsize": 12288}, "damaged", f"the btrfs superblock gives 12288 as sectorsize, {TWO_POWERS}"),
    "level": ({"root_level": 8}, "damaged",
              "the btrfs superblock gives 8 and 0 as the levels of trees, at most 7 are allowed"),
    "array": ({"array": 2049}, "damaged", "the btrfs superblock has 2049 bytes of chunks, there is room for 2048"),
    "array cut": ({"array": 96}, "damaged", "the chunks in the btrfs superblock cannot be followed"),
    "no chunks": ({"array": 0}, "damaged", f"no btrfs chunk holds {NODE_OF_CHUNKS}"),
    "root elsewhere": ({"root": 4 * MIB + 1}, "damaged", (
        "the btrfs node at the logical address 4194305 cannot be followed: its checksum does not match")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_superblocks_that_are_refused(name):
    fields, code, message = REFUSED[name]
    found = problem_of(lambda: of_one({}, **fields))
    assert (found.code, found.message) == (f"filesystem-{code}", message)


def test_a_superblock_that_is_damaged():
    image = bytearray(Writer(16).image([Subvolume("", {})]))
    image[SUPERBLOCK + 300] ^= 1
    assert problem_of(lambda: opened(bytes(image))).message == "the checksum of the btrfs superblock does not match"
    image[SUPERBLOCK + 64] ^= 1
    assert problem_of(lambda: opened(bytes(image))).message == "there is no btrfs superblock at 64 KiB"
    assert identify(Memory(bytes(image))) is None


def test_a_log_to_be_replayed_is_told():
    writer = Writer(16)
    assert identify(Memory(writer.image([Subvolume("", {})]))).clean is True
    writer.fields = {"log_root": 4 * MIB}
    assert identify(Memory(writer.image([Subvolume("", {})]))).clean is False


def edited(change, owner, key):
    """Return an image of which the leaf with that item was changed by ``change(node)`` and sealed again."""
    writer = Writer(16)
    image = bytearray(writer.image([Subvolume("", {"f": b"x"})]))
    place = writer.places[owner, key]
    node = bytearray(image[place : place + NODE])
    change(node)
    image[place : place + NODE] = seal(bytes(node))
    return bytes(image)


def put(place, form, *values):
    return lambda node: struct.pack_into(form, node, place, *values)


BAD_NODES = {
    "identifier": (put(32, "<Q", 7), "it says address 4210688, level 0, generation 1 of 0700000000000000"),
    "address": (put(48, "<Q", 7), "it says address 7, level 0, generation 1"),
    "generation": (put(80, "<Q", 7), "it says address 4210688, level 0, generation 7"),
    "level": (put(100, "<B", 1), "it says address 4210688, level 1, generation 1"),
    "entries": (put(96, "<I", 652), "it has 652 entries"),
    "more entries": (put(96, "<I", 2**32 - 1), "it has 4294967295 entries"),
    "order": (put(101 + 25, "<QBQ", FIRST, INODE_ITEM, 0), "its keys are not in order"),
    "item start": (put(101 + 17, "<I", 16384), "it has an item of 160 bytes at 16384"),
    "item size": (put(101 + 21, "<I", 2**32 - 1), "it has an item of 4294967295 bytes at 16123"),
    "item in the table": (put(101 + 17, "<I", 100), "it has an item of 160 bytes at 100"),
}


@pytest.mark.parametrize("name", BAD_NODES)
def test_nodes_that_are_not_what_they_should_be(name):
    change, message = BAD_NODES[name]
    found = problem_of(lambda: opened(edited(change, 5, (FIRST, INODE_ITEM, 0))).stat("/f"))
    assert found.code == "filesystem-damaged"
    assert found.message.startswith(f"the btrfs node at the logical address 4210688 cannot be followed: {message}")


CHUNK = (FIRST, 228, 4 * MIB)
BAD_CHUNKS = {
    "no bytes": (put(0, "<Q", 0), "damaged", "the btrfs chunk at the logical address 4194304 has 0 bytes in 1 stripes"),
    "no stripes": (put(44, "<H", 0), "damaged",
                   "the btrfs chunk at the logical address 4194304 has 12582912 bytes in 0 stripes"),
    "more stripes": (put(44, "<H", 2), "damaged",
                     "the btrfs chunk at the logical address 4194304 has 12582912 bytes in 2 stripes"),
    "another device": (put(48, "<Q", 2), "device-missing", (
        "the 16384 bytes at the logical address 4227072 of the btrfs file system are on another device")),
    "past the end": (put(56, "<Q", 17 * MIB), "truncated", "the data ends at 16777216, but bytes 17"),
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_chunks_that_cannot_be_followed(name):
    change, code, message = BAD_CHUNKS[name]

    def change_item(node):
        at = node.index(struct.pack("<QBQ", *CHUNK)) + 17
        start = 101 + struct.unpack_from("<I", node, at)[0]
        item = bytearray(node[start : start + 80])
        change(item)
        node[start : start + 80] = item

    found = problem_of(lambda: opened(edited(change_item, 3, CHUNK)))
    assert found.code.removeprefix("filesystem-") == code
    assert found.message.startswith(message)


def test_pointers_in_a_circle_end():
    """The root of a tree points to itself, at some of the levels that it could have."""
    for level in (1, 2, 7):
        writer = Writer(16)
        image = bytearray(writer.image([Subvolume("", {f"d/{number}": b"" for number in range(1000)})]))
        place = next(place for place, data in writer.blocks.items() if len(data) == NODE and data[100] == 1)
        node = bytearray(writer.blocks[place])
        node[100] = level
        struct.pack_into("<Q", node, 101 + 17, place)
        image[place : place + NODE] = seal(bytes(node))
        assert problem_of(lambda data=bytes(image): opened(data).listdir("/d")).code == "filesystem-damaged"


@needs("mkfs.btrfs")
def test_the_second_copy_of_metadata_is_taken_where_the_first_is_damaged(tmp_path):
    data = duplicated(tmp_path)
    whole = opened(bytes(data)).listdir("/etc")
    places = {}
    for place in range(2 * SUPERBLOCK, len(data), SECTOR):
        if data[place + 32 : place + 48] == data[SUPERBLOCK + 32 : SUPERBLOCK + 48]:
            places.setdefault(bytes(data[place + 48 : place + 56]), []).append(place)
    pairs = [found for found in places.values() if len(found) == 2]
    assert len(pairs) >= 8
    for first, _ in pairs:
        data[first + 5000] ^= 0xFF
    assert opened(bytes(data)).listdir("/etc") == whole == ["hostname"]
    for _, second in pairs:
        data[second + 5000] ^= 0xFF
    assert "its checksum does not match" in problem_of(lambda: opened(bytes(data))).message


def duplicated(folder):
    (folder / "tree/etc").mkdir(parents=True)
    (folder / "tree/etc/hostname").write_text("x")
    with (folder / "fs").open("wb") as file:
        file.truncate(128 * MIB)
    subprocess.run(["mkfs.btrfs", "-q", "-m", "dup", "--rootdir", folder / "tree", folder / "fs"], check=True,
                   capture_output=True)
    return bytearray((folder / "fs").read_bytes())


class Resealed:
    """A reader that makes the sums of superblock and nodes right again, so that what stands behind them is read."""

    def __init__(self, reader, nodes):
        self._reader = reader
        self._nodes = nodes
        self.size = reader.size

    def read_at(self, offset, length):
        data = self._reader.read_at(offset, length)
        return seal(data) if (offset, length) in self._nodes else data


@pytest.mark.parametrize("resealed", [False, True])
def test_mutants_give_files_or_a_reason(resealed, monkeypatch):
    sample = lzma.decompress((SAMPLE / "kernel.img.xz").read_bytes())
    fsid = sample[SUPERBLOCK + 32 : SUPERBLOCK + 48]
    nodes = {(place, NODE) for place in range(0, len(sample) - NODE, SECTOR)
             if sample[place + 32 : place + 48] == fsid} | {(SUPERBLOCK, 4096)}
    if resealed:
        opener = btrfs_filesystem.open_btrfs
        monkeypatch.setattr("imgbuild.filesystems.btrfs.open_btrfs", lambda reader: opener(Resealed(reader, nodes)))
    visit_mutants(sample, "btrfs", 100)
