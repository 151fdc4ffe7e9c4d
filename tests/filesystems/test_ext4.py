"""ext by our own reader: the same files as by the library, and those that it reads wrongly."""

from __future__ import annotations

import os
import struct
import subprocess

import pytest
from images.run import run
from mutating import visit_mutants
from tools import needs
from walking import differences, plant_sample

from imgbuild.filesystems.base import Stat
from imgbuild.filesystems.ext import open_ext
from imgbuild.filesystems.ext4 import Ext4FileSystem, open_ext4
from imgbuild.readers import BrokenImage, Memory
from imgbuild.source import open_source

pytestmark = needs("mke2fs", "debugfs")
MIB = 1 << 20
INLINE = ("-t", "ext4", "-O", "inline_data", "-I", "256")
OPTIONS = (
    "-t ext2", "-t ext2 -b 1024", "-t ext2 -r 0", "-t ext3", "-t ext4", "-t ext4 -b 1024", "-t ext4 -b 2048",
    "-t ext4 -b 65536", "-t ext4 -I 128", "-t ext4 -O orphan_file", "-t ext4 -O bigalloc",
    "-t ext4 -O bigalloc -b 1024", "-t ext4 -O casefold", "-t ext4 -O large_dir,ea_inode",
    "-t ext4 -O meta_bg,^resize_inode", "-t ext4 -O meta_bg,^resize_inode -b 1024 -g 1024",
    "-t ext4 -O meta_bg,^resize_inode,sparse_super2 -b 1024 -g 1024",
    "-t ext4 -O meta_bg,^resize_inode,^sparse_super -b 1024 -g 1024", "-t ext4 -O ^64bit,^metadata_csum",
    "-t ext4 -O ^has_journal,^extent,^64bit", "-t ext4 -O inline_data", "-t ext4 -O inline_data -I 512",
    "-t ext4 -O inline_data -I 1024 -b 1024", "-t ext4 -O inline_data,^extent,^64bit",
    "-t ext4 -O inline_data,bigalloc", "-t ext4 -O ^filetype",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = plant_sample(tmp_path_factory.mktemp("tree") / "root")
    with (root / "boot/sparse").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")  # with inline_data mke2fs forgets a hole at the end
    return root


def make(path, tree, *options, mib=24):
    with path.open("wb") as file:
        file.truncate(mib * MIB)
    run("mke2fs", "-q", "-F", *options, "-d", tree, path)
    return path


@pytest.mark.parametrize("options", OPTIONS)
def test_all_that_was_put_in_comes_out(tmp_path, tree, options):
    path = make(tmp_path / "fs", tree, *options.split(), mib=48 if "65536" in options else 24)
    assert differences(open_ext4(Memory(path.read_bytes()), "ext4"), tree) == []


def test_files_in_inodes_are_read_by_our_own_reader(tmp_path, tree):
    path = make(tmp_path / "fs", tree, *INLINE)
    filesystem = open_ext(Memory(path.read_bytes()))
    assert isinstance(filesystem, Ext4FileSystem)
    assert differences(filesystem, tree) == []
    assert filesystem.read("/boot/file-100", 10, 55) == (tree / "boot/file-100").read_bytes()[55:65]
    for name in ("boot/file-100", "boot/file-4097"):
        said = run("debugfs", "-R", f"stat /{name}", path)
        assert ("Flags: 0x10000000" in said) == (name == "boot/file-100")


def test_an_inline_directory_grows_into_its_attributes(tmp_path):
    for count in range(1, 16):
        folder = tmp_path / f"tree-{count}"
        (folder / "d").mkdir(parents=True)
        for number in range(count):
            (folder / f"d/n{number}").write_text("x")
        filesystem = open_ext(Memory(make(tmp_path / f"fs-{count}", folder, *INLINE, mib=4).read_bytes()))
        assert filesystem.listdir("/d") == sorted(f"n{number}" for number in range(count))


def test_a_very_large_file_system_opens_in_few_reads(tmp_path):
    path = tmp_path / "fs"
    with path.open("wb") as file:
        file.truncate(4 << 40)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-N", "40960", path)
    with open_source(str(path)) as source:
        filesystem = open_ext(source)
        assert isinstance(filesystem, Ext4FileSystem)
        assert filesystem.listdir("/") == ["lost+found"]
        assert source.reads < 10


def test_blocks_that_are_not_there_do_not_hide_the_files(tmp_path, tree):
    data = bytearray(make(tmp_path / "fs", tree, "-t", "ext4", mib=16).read_bytes())
    struct.pack_into("<I", data, 1024 + 4, 0xFFFFFFFF)
    assert open_ext(Memory(bytes(data))).read("/usr/lib/os-release", 99) == b"ID=debian\n"


def test_a_deep_and_holey_file(tmp_path, tree):
    """Extents of more than one level, a block map of all levels, and blocks that are set aside."""
    for options in ("-t ext4 -b 1024", "-t ext2 -b 1024"):
        path = make(tmp_path / "fs", tree, *options.split(), mib=64)
        with (tmp_path / "holes").open("wb") as file:
            for place in range(0, 3_000_000, 7000):
                file.seek(place)
                file.write(place.to_bytes(4, "big"))
            file.seek(70_000_000)
            file.write(b"far")
        run("debugfs", "-w", "-R", f"write {tmp_path / 'holes'} holes", path)
        expected = (tmp_path / "holes").read_bytes()
        filesystem = open_ext4(Memory(path.read_bytes()), "ext4")
        assert filesystem.read("/holes", 1 << 30) == expected
        for offset in (0, 6999, 1_400_000, 2_999_999, 69_999_990):
            assert filesystem.read("/holes", 20_000, offset) == expected[offset : offset + 20_000]
        if "ext4" in options:
            run("debugfs", "-w", "-R", "fallocate /usr/lib/os-release 3 9", path)
            run("debugfs", "-w", "-R", "sif /usr/lib/os-release size 9000", path)
            filesystem = open_ext4(Memory(path.read_bytes()), "ext4")
            assert filesystem.read("/usr/lib/os-release", 1 << 20) == b"ID=debian\n".ljust(9000, b"\0")


def test_what_is_there_and_what_is_not(tmp_path, tree):
    filesystem = open_ext(Memory(make(tmp_path / "fs", tree, *INLINE).read_bytes()))
    assert filesystem.stat("/") == Stat("directory", 0, 0o40755)
    assert filesystem.stat("/boot/file-60") == Stat("file", 60, 0o100644)
    assert filesystem.stat("/etc/os-release") == Stat("link", 21, 0o120777)
    for path in ("/nope", "/nope/x", "/etc/os-release/x", "/boot/file-60/x", "/etc/Upper", "/\ud800", "/x" * 40_000):
        assert filesystem.stat(path) is None
        for call in (filesystem.listdir, filesystem.readlink, lambda place: filesystem.read(place, 1)):
            with pytest.raises(FileNotFoundError):
                call(path)


def test_names_that_are_not_utf_8_do_not_hide_the_others(tmp_path):
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    for name in (b"caf\xe9", b"fstab"):
        (root / "etc" / os.fsdecode(name)).write_bytes(name)
    (root / "etc/bad-target").symlink_to(os.fsdecode(b"caf\xe9"))
    filesystem = open_ext(Memory(make(tmp_path / "fs", root, *INLINE).read_bytes()))
    assert filesystem.listdir("/etc") == ["bad-target", "fstab"]
    assert filesystem.readlink("/etc/bad-target") == "caf\ufffd"


def test_devices_and_fifos_are_neither_files_nor_read(tmp_path, tree):
    path = make(tmp_path / "fs", tree, *INLINE)
    run("debugfs", "-w", "-R", "mknod disk b 8 0", path)
    assert open_ext(Memory(path.read_bytes())).stat("/disk").kind == "other"


def test_directories_of_too_many_names(tmp_path, monkeypatch):
    monkeypatch.setattr("imgbuild.filesystems.unix.MAX_ENTRIES", 100)
    (tmp_path / "tree/d").mkdir(parents=True)
    for number in range(101):
        (tmp_path / f"tree/d/{number}").touch()
    path = make(tmp_path / "fs", tmp_path / "tree", *INLINE)
    found = problem_of(lambda: open_ext(Memory(path.read_bytes())).listdir("/d"))
    assert (found.code, found.message) == ("directory-too-large", "the directory '/d' has more than 100 entries")
    run("debugfs", "-w", "-R", "sif /d size 0xFFFF0000", path)
    found = problem_of(lambda: open_ext(Memory(path.read_bytes())).stat("/d/7"))
    assert (found.code, found.message) == (
        "directory-too-large", "the directory '/d' has 4294901760 bytes, more than 67108864")


def problem_of(work):
    with pytest.raises(BrokenImage) as raised:
        work()
    return raised.value.problem


# What debugfs writes (sif: a field of an inode), what is asked, and what is said.
LIES = {
    "size of a file in its inode": ("sif /boot/file-100 size 500", lambda fs: fs.read("/boot/file-100", 999),
                                    "should hold 500 bytes of data, but there are"),
    "size of a link": ("sif /etc/os-release size 5000", lambda fs: fs.readlink("/etc/os-release"),
                       "the link '/etc/os-release' has a target of 5000 bytes, more than 4096"),
    "no extents": ("sif /boot/file-12288 block[0] 7", lambda fs: fs.read("/boot/file-12288", 99),
                   "a node of its extents has 0 entries at depth 0"),
    "too many extents": ("sif /boot/file-12288 block[0] 0x0005F30A", lambda fs: fs.read("/boot/file-12288", 99),
                         "a node of its extents has 5 entries at depth 0"),
    "too deep": ("sif /boot/file-12288 block[1] 0x00060004", lambda fs: fs.read("/boot/file-12288", 99),
                 "at depth 6"),
    "extents elsewhere": ("sif /boot/file-12288 block[1] 0x00010004", lambda fs: fs.read("/boot/file-12288", 99),
                          "of 6144 should say where they are"),
    "encrypted": ("sif /boot/file-12288 flags 0x80800", lambda fs: fs.read("/boot/file-12288", 99),
                  "is encrypted: what is in it was not looked at"),
    "block map": ("sif /boot/file-12288 flags 0", lambda fs: fs.read("/boot/file-12288", 99), "the partition ends at"),
    "root": ("sif <2> mode 0100644", lambda fs: fs.listdir("/"), "the root of the ext4 file system is no directory"),
}


@pytest.mark.parametrize("name", LIES)
def test_lies(tmp_path, tree, name):
    command, work, message = LIES[name]
    path = make(tmp_path / "fs", tree, *INLINE, "-b", "4096")
    run("debugfs", "-w", "-R", command, path)
    found = problem_of(lambda: work(open_ext(Memory(path.read_bytes()))))
    assert message in found.message


@pytest.mark.parametrize(("fields", "message"), [
    ({32: 0}, "in a group of 0 blocks"), ({40: 0}, "the ext superblock has 0 inodes"), ({4: 0}, "the ext superblock"),
    ({40: 1 << 30}, "the ext superblock has 1073741824 inodes"), ({24: 7}, "7 as the logarithm"),
    ({24: 0xFFFFFFFF}, "4294967295 as the logarithm"), ({88: 100}, "inodes of 100 bytes"),
    ({254: 16}, "descriptors of 16 bytes"), ({0: 1}, "an entry leads to the inode 2 of 1"),
    ({56: 1}, "the ext superblock"),
])
def test_superblocks_that_make_no_sense(tmp_path, tree, fields, message):
    data = bytearray(make(tmp_path / "fs", tree, *INLINE, mib=16).read_bytes())
    for place, value in fields.items():
        struct.pack_into("<H" if place in {88, 254, 56} else "<I", data, 1024 + place, value)
    found = problem_of(lambda: open_ext4(Memory(bytes(data)), "ext4").listdir("/"))
    assert found.code == "filesystem-damaged"
    assert message in found.message


def test_inodes_that_are_elsewhere(tmp_path, tree):
    data = bytearray(make(tmp_path / "fs", tree, *INLINE, "-b", "4096", mib=16).read_bytes())
    struct.pack_into("<I", data, 4096 + 8, 5000)
    found = problem_of(lambda: open_ext(Memory(bytes(data))).listdir("/"))
    assert found.message == "the inodes of the block group 0 should begin at block 5000 of 4096"


def test_debugfs_reads_the_same(tmp_path, tree):
    path = make(tmp_path / "fs", tree, *INLINE)
    filesystem = open_ext(Memory(path.read_bytes()))
    for name in ("/boot/sparse", "/boot/file-100", "/boot/file-61"):
        said = subprocess.run(["debugfs", "-R", f"cat {name}", path], capture_output=True, check=True).stdout
        assert filesystem.read(name, 1 << 24) == said


def test_mutants(tmp_path, tree):
    for options in (INLINE, ("-t", "ext4"), ("-t", "ext2", "-b", "1024")):
        visit_mutants(make(tmp_path / "fs", tree, *options, mib=16).read_bytes(), "ext4", 100)
