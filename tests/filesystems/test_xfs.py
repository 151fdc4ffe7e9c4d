from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import pytest
from images.filesystems import prototype_of
from images.run import run
from mutating import visit_mutants
from tools import needs
from walking import differences, plant_sample

from imgbuild.filesystems import identify
from imgbuild.filesystems.base import Stat
from imgbuild.filesystems.xfs import open_xfs
from imgbuild.readers import BrokenImage, Memory

if TYPE_CHECKING:
    from pathlib import Path

    from imgbuild.filesystems.libyal import UnixFileSystem

pytestmark = needs("mkfs.xfs", "xfs_db")
MIB = 1 << 20
UNWRITABLE = ("with space", "new\nline")  # a prototype file has no way to say them


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = plant_sample(tmp_path_factory.mktemp("tree") / "root")
    for name in UNWRITABLE:
        (folder / "etc" / name).unlink()
    return folder


def make(path: Path, tree: Path, *options: str, mib: int = 48) -> Path:
    prototype = path.with_suffix(".proto")
    prototype.write_text("/dev/null\n0 0\nd--755 0 0\n" + "".join(prototype_of(tree)) + "$\n")
    with path.open("wb") as file:
        file.truncate(mib * MIB)
    run("mkfs.xfs", "-q", "-f", *options, "-p", prototype, path)
    return path


def opened(path: Path) -> UnixFileSystem:
    return open_xfs(Memory(path.read_bytes()))


@pytest.mark.parametrize("options", [
    "", "-m bigtime=0", "-i nrext64=1", "-m rmapbt=1", "-b size=1024", "-b size=2048", "-n size=8192", "-n size=65536",
    "-s size=4096", "-i size=1024", "-m reflink=0", "-m finobt=0", "-i sparse=0", "-m crc=0", "-m crc=0 -n ftype=0",
    "-i size=2048",
])
def test_all_that_was_put_in_comes_out(tmp_path: Path, tree: Path, options: str) -> None:
    assert differences(opened(make(tmp_path / "fs", tree, *options.split())), tree) == []


@pytest.mark.parametrize("count", [1, 20, 100, 250, 1000, 3000])
def test_folders_of_all_forms(tmp_path: Path, count: int) -> None:
    root = tmp_path / "root"
    (root / "d").mkdir(parents=True)
    for number in range(count):
        (root / f"d/file-number-{number}").touch()
    filesystem = opened(make(tmp_path / "fs", root, "-b", "size=1024"))
    assert filesystem.listdir("/d") == sorted(f"file-number-{number}" for number in range(count))
    assert filesystem.stat(f"/d/file-number-{count - 1}") == Stat("file", 0, 0o100644)
    assert filesystem.stat(f"/d/file-number-{count}") is None


def test_names_that_are_not_utf_8_do_not_hide_the_others(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    for name in (b"cafE", b"fstab", b"zzz"):
        (root / "etc" / os.fsdecode(name)).write_bytes(name)
    data = make(tmp_path / "fs", root, "-m", "crc=0").read_bytes().replace(b"cafE", b"caf\xe9")
    filesystem = open_xfs(Memory(data))
    assert filesystem.listdir("/etc") == ["fstab", "zzz"]
    assert (filesystem.read("/etc/fstab", 9), filesystem.read("/etc/zzz", 9)) == (b"fstab", b"zzz")
    assert filesystem.stat("/etc/missing") is None


def test_what_is_there_and_what_is_not(tmp_path: Path, tree: Path) -> None:
    filesystem = opened(make(tmp_path / "fs", tree))
    assert filesystem.stat("/") == Stat("directory", 0, 0o40755)
    assert filesystem.stat("/boot/file-60") == Stat("file", 60, 0o100644)
    for path in ("/nope", "/nope/x", "/etc/os-release/x", "/boot/file-60/x", "/etc/Upper"):
        assert filesystem.stat(path) is None
    whole = (tree / "boot/file-300001").read_bytes()
    for offset, limit in ((0, 1), (0, 10**9), (299_999, 10), (300_001, 10), (10**12, 10), (4095, 4098)):
        assert filesystem.read("/boot/file-300001", limit, offset) == whole[offset : offset + limit]


def test_xfs_db_knows_the_same_label_and_identifier(tmp_path: Path, tree: Path) -> None:
    path = make(tmp_path / "fs", tree, "-L", "my-label")
    found = identify(Memory(path.read_bytes()))
    assert found is not None
    assert found.label == run("xfs_db", "-r", "-c", "label", path).split('"')[1]
    assert found.uuid == run("xfs_db", "-r", "-c", "uuid", path).split("= ")[1].strip()
    assert found.size == 48 * MIB


def test_a_cut_file_system_is_read_as_far_as_it_goes(tmp_path: Path, tree: Path) -> None:
    path = make(tmp_path / "fs", tree, "-d", "agcount=4", mib=64)
    os.truncate(path, 40 * MIB)
    assert opened(path).read("/usr/lib/os-release", 99) == b"ID=debian\n"
    os.truncate(path, 100 * 1024)
    with pytest.raises(BrokenImage) as raised:
        differences(opened(path), tree)
    assert raised.value.problem.code == "truncated"


@pytest.mark.parametrize(("offset", "form", "value", "code"), [
    (88, ">I", 65537, "filesystem-beyond-limits"), (88, ">I", 0xFFFFFFFF, "filesystem-beyond-limits"),
    (88, ">I", 0, "filesystem-damaged"),
    (84, ">I", 0, "filesystem-damaged"), (4, ">I", 0, "filesystem-damaged"), (102, ">H", 0, "filesystem-damaged"),
    (0, ">I", 0, "filesystem-damaged"), (100, ">H", 0, "filesystem-damaged"), (56, ">Q", 1 << 60, "filesystem-damaged"),
])
def test_superblocks_that_make_no_sense(tmp_path: Path, tree: Path, offset: int, form: str, value: int,
                                        code: str) -> None:
    data = bytearray(make(tmp_path / "fs", tree).read_bytes())
    struct.pack_into(form, data, offset, value)
    with pytest.raises(BrokenImage) as raised:
        open_xfs(Memory(bytes(data))).listdir("/")
    assert raised.value.problem.code == code


def test_another_identifier_does_not_hide_the_files(tmp_path: Path, tree: Path) -> None:
    path = make(tmp_path / "fs", tree)
    run("xfs_db", "-x", "-c", "uuid 11111111-2222-4333-8444-555555555555", path)
    reader = Memory(path.read_bytes())
    found = identify(reader)
    assert found is not None
    assert found.uuid == "11111111-2222-4333-8444-555555555555"
    assert reader.read_at(216, 4)[3] & 4
    assert differences(open_xfs(reader), tree) == []


@pytest.mark.parametrize("bit", [0x10, 0x40, 0x80, 0x100])
def test_features_that_change_nothing_for_a_reader(tmp_path: Path, tree: Path, bit: int) -> None:
    data = bytearray(make(tmp_path / "fs", tree).read_bytes())
    struct.pack_into(">I", data, 216, struct.unpack_from(">I", data, 216)[0] | bit)
    assert differences(open_xfs(Memory(bytes(data))), tree) == []


@pytest.mark.parametrize("place", [208, 212])  # sb_features_compat, sb_features_ro_compat
def test_unknown_features_that_do_not_forbid_reading_are_ignored(tmp_path: Path, tree: Path, place: int) -> None:
    data = bytearray(make(tmp_path / "fs", tree).read_bytes())
    struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] | 0x80000000)
    assert differences(open_xfs(Memory(bytes(data))), tree) == []


def test_features_that_change_how_files_are_read_are_refused(tmp_path: Path, tree: Path) -> None:
    data = bytearray(make(tmp_path / "fs", tree).read_bytes())
    struct.pack_into(">I", data, 216, 0x3 | 0x200 | 0x40000000)
    with pytest.raises(BrokenImage) as raised:
        open_xfs(Memory(bytes(data)))
    assert (raised.value.problem.code, raised.value.problem.message) == (
        "filesystem-feature-unknown", "the XFS file system uses features that cannot be read: zoned, 0x40000000")


def test_mutants(tmp_path: Path, tree: Path) -> None:
    visit_mutants(make(tmp_path / "fs", tree, mib=16).read_bytes(), "xfs", 150)
