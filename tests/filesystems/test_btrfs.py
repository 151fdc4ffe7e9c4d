"""btrfs that mkfs.btrfs, a kernel and the writer of the tests made, against what went into it."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import random
import struct
import subprocess
from functools import partial
from pathlib import Path

import pytest
from images.btrfs_items import DIR_INDEX, FIRST, INODE_ITEM, LZO, MIB, NODE, ROOT_ITEM, ZLIB, ZSTD, seal
from images.btrfs_writer import Packed, Subvolume, Writer
from images.tree import Link
from opening import opened, problem_of
from tools import needs
from walking import differences, plant_sample

from imgbuild.filesystems import identify, open_filesystem
from imgbuild.filesystems.btrfs import files as btrfs_files
from imgbuild.readers import Memory

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "btrfs"
METHODS = {"zlib": ZLIB, "lzo": LZO, "zstd": ZSTD}
MADE = {
    "default": (), "single": ("-m", "single"), "dup": ("-m", "dup", "-d", "dup"), "mixed": ("--mixed",),
    "small nodes": ("-n", "4096"), "large nodes": ("-n", "65536"), "holes": ("-O", "^no-holes"),
    "no skinny metadata": ("-O", "^skinny-metadata"), "sha256": ("--csum", "sha256"), "blake2": ("--csum", "blake2"),
    "xxhash": ("--csum", "xxhash"), "space cache 1": ("-R", "^free-space-tree"),
}


@needs("mkfs.btrfs")
@pytest.mark.parametrize("name", MADE)
def test_all_files_are_as_they_were(tmp_path, name):
    plant_sample(tmp_path / "tree")
    with (tmp_path / "fs").open("wb") as file:
        file.truncate(160 * MIB)
    subprocess.run(["mkfs.btrfs", "-q", "-f", *MADE[name], "--rootdir", tmp_path / "tree", tmp_path / "fs"], check=True,
                   capture_output=True)
    reader = Memory((tmp_path / "fs").read_bytes())
    found = identify(reader)
    assert (found.kind, found.readable, found.clean) == ("btrfs", True, True)
    filesystem = open_filesystem(reader, "btrfs")
    assert differences(filesystem, tmp_path / "tree") == []
    assert (filesystem.kind, filesystem.number, filesystem.subvolumes()) == ("btrfs", 5, [])
    assert filesystem.stat("/etc").mode & 0o777 == (tmp_path / "tree/etc").stat().st_mode & 0o777


@needs("mkfs.btrfs", "btrfstune")
def test_another_identifier_does_not_hide_the_files(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/hostname").write_text("x\n")
    with (tmp_path / "fs").open("wb") as file:
        file.truncate(128 * MIB)
    subprocess.run(["mkfs.btrfs", "-q", "--rootdir", tmp_path / "tree", tmp_path / "fs"], check=True,
                   capture_output=True)
    uuid = "11111111-2222-4333-8444-555555555555"
    subprocess.run(["btrfstune", "-M", uuid, tmp_path / "fs"], check=True, capture_output=True)
    reader = Memory((tmp_path / "fs").read_bytes())
    assert identify(reader).uuid == uuid
    assert open_filesystem(reader, "btrfs").read("/hostname", 9) == b"x\n"


@needs("mkfs.btrfs")
def test_one_of_several_devices_is_named(tmp_path):
    paths = [tmp_path / "1", tmp_path / "2"]
    for path in paths:
        with path.open("wb") as file:
            file.truncate(256 * MIB)
    subprocess.run(["mkfs.btrfs", "-q", "-m", "raid1", "-d", "raid0", *paths], check=True, capture_output=True)
    for number, path in enumerate(paths, start=1):
        found = problem_of(partial(opened, path.read_bytes()))
        assert (found.code, found.message) == ("filesystem-device-missing", (
            f"the btrfs file system lies on 2 devices, of which this one has the number {number}: its files were not"
            " looked at"))


@pytest.fixture(scope="module")
def sample():
    return lzma.decompress((SAMPLE / "kernel.img.xz").read_bytes())


def digest(filesystem, path):
    found = filesystem.stat(path)
    if found is None:
        return "missing"
    if found.kind == "link":
        return "-> " + filesystem.readlink(path)
    return hashlib.sha256(filesystem.read(path, 1 << 24)).hexdigest() if found.kind == "file" else None


def test_the_files_are_those_that_the_kernel_shows(sample):
    expected = json.loads((SAMPLE / "kernel.json").read_text())
    filesystem = opened(sample).at_number(5)
    assert {path: digest(filesystem, path) for path in expected} == expected


def test_the_subvolumes_are_those_that_the_kernel_made(sample):
    filesystem = opened(sample)
    assert [(entry.number, entry.path, entry.is_snapshot) for entry in filesystem.subvolumes()] == [
        (256, "root", False), (257, "home", False), (258, "root/machines", False),
        (259, "root/.snapshots/1/snapshot", True)]
    assert filesystem.number == 256
    assert filesystem.read("/etc/fstab", 20) == b"LABEL=kernel / btrfs"
    assert filesystem.read("/machines/inside", 4) == b"in a"
    assert filesystem.at_path("/root/.snapshots/1/snapshot").listdir("/machines") == []
    assert filesystem.at_path("home").listdir("/user") == ["note"]


@pytest.mark.parametrize("path", ["nowhere", "home/user", "home/user/note", "root/machines/inside"])
def test_only_subvolumes_can_be_opened(sample, path):
    assert opened(sample).at_path(path) is None


@pytest.mark.parametrize("number", [0, 1, 4, 6, 255, 261, 2**64 - 9, 2**70])
def test_trees_of_other_uses_are_no_subvolumes(sample, number):
    assert opened(sample).at_number(number) is None


@pytest.mark.parametrize("method", METHODS)
def test_pieces_of_packed_files_are_those_of_the_whole(sample, method):
    filesystem, path = opened(sample), f"/packed/{method}-words"
    whole = filesystem.read(path, 1 << 24)
    assert len(whole) == filesystem.stat(path).size
    for offset, length in ((0, 10), (131_071, 2), (99_990, 20), (len(whole) - 5, 100), (len(whole), 1), (10**12, 9)):
        assert filesystem.read(path, length, offset) == whole[offset : offset + length]


def test_the_sample_has_extents_of_all_kinds(sample, monkeypatch):
    """Of compression none, zlib, lzo, zstd: inline, regular, and set aside."""
    seen = set()
    unpack = btrfs_files.items.extent
    monkeypatch.setattr(btrfs_files.items, "extent", lambda raw: (seen.add((raw[16], raw[20])), unpack(raw))[1])
    filesystem = opened(sample)
    for folder in ("/packed", "/holes"):
        for name in filesystem.listdir(folder):
            filesystem.read(f"{folder}/{name}", 1 << 24)
    assert seen >= {(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)}


def fedora():
    chance = random.Random(7)  # noqa: S311 - content, no secret
    data = b"".join(b"%d" % (number * number) for number in range(20_000))
    tree = {"etc/os-release": Link("../usr/lib/os-release"), "usr/lib/os-release": b"ID=fedora\n", "empty/folder": None,
            "noise": chance.randbytes(MIB + 5), "nothing": b""}
    tree |= {f"packed/{name}": Packed(data, method) for name, method in METHODS.items()}
    tree |= {f"packed/short-{name}": Packed(data[:99], method) for name, method in METHODS.items()}
    return tree | {f"many/{number}": str(number).encode() for number in range(900)}


@needs("btrfs")
@pytest.mark.parametrize("node", [4096, 16384])
def test_what_btrfs_restore_brings_back(tmp_path, node):
    tree = fedora()
    path = Writer(32, node=node).save(tmp_path / "fs", [
        Subvolume("", {"top": b"t"}), Subvolume("root", tree), Subvolume("home", {"user/x": b"1"}),
        Subvolume("root/in/deep", {"y": b"2"})])
    (tmp_path / "out").mkdir()
    subprocess.run(["btrfs", "restore", "-s", "-S", path, tmp_path / "out"], check=True, capture_output=True)
    filesystem = opened(path.read_bytes())
    restored = [Path(place) / name for place, _, names in os.walk(tmp_path / "out") for name in names]
    for file in restored:
        inner = "/" + str(file.relative_to(tmp_path / "out"))
        if file.is_symlink():
            assert filesystem.readlink(inner) == os.readlink(file)
        else:
            assert filesystem.read(inner, 1 << 24) == file.read_bytes(), inner
    assert len(restored) == len(tree) - 1 + 3
    assert filesystem.listdir("/root/many") == sorted(str(number) for number in range(900))


def test_a_default_subvolume_and_a_snapshot():
    tree = {"usr/lib/os-release": b"ID=x\n"}
    image = Writer(16).image([Subvolume("", {}), Subvolume("@", {}), Subvolume("@/.snapshots/1/snapshot", tree),
                              Subvolume("@/.snapshots/2/snapshot", tree, snapshot_of="@/.snapshots/1/snapshot")],
                             default="@/.snapshots/2/snapshot")
    filesystem = opened(image)
    assert filesystem.read("/usr/lib/os-release", 99) == b"ID=x\n"
    assert [(entry.path, entry.is_snapshot) for entry in filesystem.subvolumes()] == [
        ("@", False), ("@/.snapshots/1/snapshot", False), ("@/.snapshots/2/snapshot", True)]
    assert filesystem.at_path("").number == 5
    assert filesystem.at_path("@/.snapshots/1/snapshot").number == 257


def test_names_that_are_not_utf_8_are_left_out():
    entry = struct.pack("<QBQQHHB", FIRST + 1, INODE_ITEM, 0, 1, 0, 2, 1) + b"b\xff"
    image = Writer(16).image([Subvolume("", {"a": b"a"}, items={(FIRST, DIR_INDEX, 99): entry})])
    assert opened(image).listdir("/") == ["a"]


def test_a_subvolume_whose_path_is_not_utf_8_can_be_opened():
    image = Writer(16).image([Subvolume("", {}), Subvolume("caf\u00e9", {"x": b"x"})])
    assert opened(image).at_path("caf\u00e9").number == 256
    assert opened(image).at_path("caf\udcff") is None


def test_a_default_that_is_being_deleted_is_damage():
    writer, entry = Writer(16), Subvolume("gone", {})
    image = bytearray(writer.image([Subvolume("", {}), entry], default="gone"))
    place = writer.places[1, (entry.number, ROOT_ITEM, 0)]
    node = image[place : place + NODE]
    at = node.index(struct.pack("<QBQ", entry.number, ROOT_ITEM, 0)) + 17
    start, = struct.unpack_from("<I", node, at)
    node[101 + start + 216 : 101 + start + 220] = bytes(4)
    image[place : place + NODE] = seal(bytes(node))
    assert problem_of(lambda: opened(bytes(image))).message == "the btrfs subvolume 256 is not there"


def test_too_many_subvolumes(monkeypatch):
    monkeypatch.setattr("imgbuild.filesystems.btrfs.subvolumes.MAX_SUBVOLUMES", 3)
    filesystem = opened(Writer(16).image([Subvolume("", {}), *(Subvolume(name, {}) for name in "abcd")]))
    found = problem_of(filesystem.subvolumes)
    assert (found.code, found.message) == (
        "filesystem-beyond-limits", "the btrfs file system has more than 3 subvolumes")
    assert filesystem.at_path("d").number == 259
