from __future__ import annotations

import os
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest
from images.run import run
from mutating import visit_mutants
from table_writer import Disk
from tools import needs
from walking import differences, plant_sample

from imgbuild.filesystems import identify, open_filesystem
from imgbuild.filesystems.base import Stat
from imgbuild.filesystems.ext import open_ext
from imgbuild.readers import BrokenImage, Memory
from imgbuild.source import open_source

if TYPE_CHECKING:
    from pathlib import Path

    from imgbuild.filesystems.base import FileSystem

pytestmark = needs("mke2fs", "debugfs")
MIB = 1 << 20


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant_sample(tmp_path_factory.mktemp("tree") / "root")


def make(path: Path, tree: Path, *options: str, mib: int = 24) -> Path:
    with path.open("wb") as file:
        file.truncate(mib * MIB)
    run("mke2fs", "-q", "-F", *options, "-d", tree, path)
    return path


def opened(path: Path) -> FileSystem:
    return open_ext(Memory(path.read_bytes()))


def superblock(path: Path, **fields: tuple[int, str, int]) -> Memory:
    """Return the file system with changed fields: offset in the superblock, struct format, value."""
    data = bytearray(path.read_bytes())
    for offset, form, value in fields.values():
        struct.pack_into(form, data, 1024 + offset, value)
    return Memory(bytes(data))


@pytest.mark.parametrize("options", [
    "-t ext2", "-t ext2 -b 1024", "-t ext3", "-t ext4", "-t ext4 -b 1024", "-t ext4 -b 2048", "-t ext4 -I 128",
    "-t ext4 -O orphan_file", "-t ext4 -O bigalloc", "-t ext4 -O metadata_csum_seed", "-t ext4 -O casefold",
    "-t ext4 -O large_dir,ea_inode", "-t ext4 -O verity,encrypt", "-t ext4 -O meta_bg,^resize_inode",
    "-t ext4 -O quota,project", "-t ext4 -O stable_inodes", "-t ext4 -O fast_commit",
    "-t ext4 -O ^64bit,^metadata_csum",
    "-t ext4 -O sparse_super2", "-t ext4 -O ^sparse_super,^resize_inode -b 1024", "-t ext4 -O mmp",
    "-t ext4 -O ^flex_bg",
    "-t ext4 -O ^has_journal,^extent,^64bit", "-t ext4 -g 1024 -b 1024",
])
def test_all_that_was_put_in_comes_out(tmp_path: Path, tree: Path, options: str) -> None:
    path = make(tmp_path / "fs", tree, *options.split())
    assert differences(opened(path), tree) == []


@pytest.mark.parametrize(("kind", "options"), [("ext2", ()), ("ext3", ("-j",)), ("ext4", ("-t", "ext4"))])
def test_the_kind_is_the_one_that_was_identified(tmp_path: Path, tree: Path, kind: str,
                                                 options: tuple[str, ...]) -> None:
    reader = Memory(make(tmp_path / "fs", tree, *options).read_bytes())
    identity = identify(reader)
    assert identity is not None
    assert (identity.kind, identity.readable) == (kind, True)
    assert open_filesystem(reader, identity.kind).kind == kind


@pytest.mark.parametrize("feature", ["FEATURE_R16", "FEATURE_C20", "needs_recovery"])
def test_unknown_features_that_readers_may_ignore_are_ignored(tmp_path: Path, tree: Path, feature: str) -> None:
    path = make(tmp_path / "fs", tree, "-t", "ext4")
    run("debugfs", "-w", "-R", f"feature {feature}", path)
    assert opened(path).read("/etc/os-release".replace("etc", "usr/lib"), 99) == b"ID=debian\n"


@pytest.mark.parametrize(("incompat", "names"), [
    (0x2C2 | 0x1000000, "0x1000000"), (0x2C2 | 0x9001, "compression, dirdata"),
    (0x2C2 | 0x8, "journal_dev"),
])
def test_features_that_change_how_files_are_read_are_refused(tmp_path: Path, tree: Path, incompat: int,
                                                             names: str) -> None:
    reader = superblock(make(tmp_path / "fs", tree, "-t", "ext4"), incompat=(96, "<I", incompat))
    with pytest.raises(BrokenImage) as raised:
        open_ext(reader)
    problem = raised.value.problem
    assert (problem.code, problem.message) == (
        "filesystem-feature-unknown", f"the ext file system uses features that cannot be read: {names}")
    assert (problem.field, problem.hex) == ("s_feature_incompat", incompat.to_bytes(4, "little").hex())


def test_names_that_are_not_utf_8_do_not_hide_the_others(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    for name in (b"caf\xe9", b"fstab", b"\xff\xfe", b"zzz"):
        (root / "etc" / os.fsdecode(name)).write_bytes(name)
    (root / "etc/bad-target").symlink_to(os.fsdecode(b"caf\xe9"))
    filesystem = opened(make(tmp_path / "fs", root, "-t", "ext4"))
    assert filesystem.listdir("/etc") == ["bad-target", "fstab", "zzz"]
    assert (filesystem.read("/etc/fstab", 9), filesystem.read("/etc/zzz", 9)) == (b"fstab", b"zzz")
    assert filesystem.stat("/etc/missing") is None
    assert filesystem.stat("/etc/caf\udce9") is None
    assert filesystem.readlink("/etc/bad-target") == "caf\ufffd"


def test_what_is_there_and_what_is_not(tmp_path: Path, tree: Path) -> None:
    filesystem = opened(make(tmp_path / "fs", tree, "-t", "ext4"))
    assert filesystem.stat("/") == Stat("directory", 0, 0o40755)
    assert filesystem.stat("/boot/file-60") == Stat("file", 60, 0o100644)
    assert filesystem.stat("/etc/os-release") == Stat("link", 21, 0o120777)
    for path in ("/nope", "/nope/x", "/etc/os-release/x", "/boot/file-60/x", "/etc/Upper"):
        assert filesystem.stat(path) is None
        for call in (filesystem.listdir, filesystem.readlink, lambda place: filesystem.read(place, 1)):
            with pytest.raises(FileNotFoundError):
                call(path)
    for call, path in ((filesystem.listdir, "/boot/file-60"), (filesystem.readlink, "/boot"),
                       (filesystem.readlink, "/boot/file-1")):
        with pytest.raises(FileNotFoundError):
            call(path)


def test_a_read_has_a_limit_and_an_offset(tmp_path: Path, tree: Path) -> None:
    filesystem = opened(make(tmp_path / "fs", tree, "-t", "ext4"))
    whole = (tree / "boot/file-300001").read_bytes()
    for offset, limit in ((0, 1), (0, 10**9), (299_999, 10), (300_001, 10), (10**12, 10), (4095, 4098), (7, 0)):
        assert filesystem.read("/boot/file-300001", limit, offset) == whole[offset : offset + limit]


def test_devices_and_fifos_are_neither_files_nor_read(tmp_path: Path, tree: Path) -> None:
    path = make(tmp_path / "fs", tree, "-t", "ext4")
    run("debugfs", "-w", "-R", "mknod disk b 8 0", path)
    run("debugfs", "-w", "-R", "mknod pipe p", path)
    filesystem = opened(path)
    for name in ("/disk", "/pipe"):
        assert filesystem.stat(name).kind == "other"
        with pytest.raises(FileNotFoundError):
            filesystem.read(name, 10)


def test_debugfs_reads_the_same(tmp_path: Path, tree: Path) -> None:
    path = make(tmp_path / "fs", tree, "-t", "ext4")
    said = subprocess.run(["debugfs", "-R", "cat /boot/sparse", path], capture_output=True, check=True).stdout
    assert opened(path).read("/boot/sparse", 1 << 24) == said


@pytest.mark.parametrize("options", ["-t ext4 -b 1024 -g 8192", "-t ext2 -b 1024"])
def test_a_cut_file_system_is_read_as_far_as_it_goes(tmp_path: Path, tree: Path, options: str) -> None:
    path = make(tmp_path / "fs", tree, *options.split())
    os.truncate(path, 10 * MIB)
    filesystem = opened(path)
    assert filesystem.read("/usr/lib/os-release", 99) == b"ID=debian\n"
    os.truncate(path, 300_000)
    with pytest.raises(BrokenImage) as raised:
        differences(opened(path), tree)
    assert raised.value.problem.code == "truncated"


def test_a_damaged_root_is_named(tmp_path: Path, tree: Path) -> None:
    data = bytearray(make(tmp_path / "fs", tree, "-t", "ext4", "-b", "4096").read_bytes())
    said = run("debugfs", "-R", "imap <2>", tmp_path / "fs")
    block, offset = said.split("located at block ")[1].split(", offset ")
    place = int(block) * 4096 + int(offset, 16)
    data[place : place + 128] = b"\xff" * 128
    with pytest.raises(BrokenImage) as raised:
        open_ext(Memory(bytes(data))).listdir("/")
    assert raised.value.problem.code == "filesystem-damaged"
    assert raised.value.problem.message == "the root of the ext4 file system is no directory"


@pytest.mark.parametrize(("fields", "code"), [
    ({"group": (32, "<I", 0)}, "filesystem-damaged"),
    ({"size": (24, "<I", 7)}, "filesystem-damaged"), ({"size": (24, "<I", 0xFFFFFFFF)}, "filesystem-damaged"),
    ({"blocks": (4, "<I", 0)}, "filesystem-damaged"), ({"inodes": (40, "<I", 0)}, "filesystem-damaged"),
    ({"magic": (56, "<H", 0)}, "filesystem-damaged"),
])
def test_superblocks_that_make_no_sense(tmp_path: Path, tree: Path, fields: dict[str, tuple[int, str, int]],
                                        code: str) -> None:
    reader = superblock(make(tmp_path / "fs", tree, "-t", "ext4", mib=16), **fields)
    with pytest.raises(BrokenImage) as raised:
        open_ext(reader).listdir("/")
    assert raised.value.problem.code == code


def test_no_bytes_are_no_file_system() -> None:
    with pytest.raises(BrokenImage) as raised:
        open_ext(Disk(100))
    assert raised.value.problem.code == "truncated"


def test_a_large_file_system_opens_in_few_reads(tmp_path: Path) -> None:
    path = tmp_path / "fs"
    with path.open("wb") as file:
        file.truncate(100 << 30)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-N", "8192", path)
    with open_source(str(path)) as source:
        assert open_ext(source).listdir("/") == ["lost+found"]
        assert source.reads < 20


def test_mutants(tmp_path: Path, tree: Path) -> None:
    visit_mutants(make(tmp_path / "4", tree, "-t", "ext4", mib=16).read_bytes(), "ext4", 100)
    visit_mutants(make(tmp_path / "2", tree, "-t", "ext2", "-b", "1024", mib=16).read_bytes(), "ext2", 100)
