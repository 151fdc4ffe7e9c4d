"""How full file systems are, with the tools of each as second witnesses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import filesystems as made
from images.run import run
from tools import needs

from imgbuild.filesystems import identify
from imgbuild.filesystems.usage import used_bytes
from imgbuild.readers import BrokenImage, broken
from imgbuild.source import open_source

MIB = 1 << 20
FILES = {"a": b"a" * 300_000, "b/c": b"c" * 70_000}


def usage(path):
    with open_source(path) as reader:
        return used_bytes(reader, identify(reader).kind)


def number(pattern, text):
    return int(re.search(pattern, text)[1])


@needs("mke2fs", "debugfs")
@pytest.mark.parametrize("options", [("-t", "ext2"), ("-t", "ext4"), ("-t", "ext4", "-b", "1024"),
                                     ("-t", "ext4", "-O", "bigalloc")])
def test_ext_as_debugfs_has_it(options, tmp_path):
    path = made.sparse(tmp_path / "fs", 48 * MIB)
    run("mke2fs", "-q", "-F", *options, path)
    said = run("debugfs", "-R", "stats -h", path)
    blocks, free, size = (number(rf"{name}:\s+(\d+)", said) for name in ("Block count", "Free blocks", "Block size"))
    assert usage(path) == (blocks - free) * size > 0


@needs("mkfs.xfs", "xfs_db")
def test_xfs_as_xfs_db_has_it(tmp_path):
    path = made.xfs(tmp_path / "fs", 300, FILES)
    said = run("xfs_db", "-r", "-c", "sb 0", "-c", "p dblocks fdblocks blocksize", path)
    blocks, free, size = (number(rf"\b{name} = (\d+)", said) for name in ("dblocks", "fdblocks", "blocksize"))
    assert usage(path) == (blocks - free) * size > 0


@needs("mkfs.btrfs", "btrfs")
def test_btrfs_as_btrfs_progs_have_it(tmp_path):
    path = made.btrfs(tmp_path / "fs", 120, FILES)
    assert usage(path) == number(r"\nbytes_used\s+(\d+)", run("btrfs", "inspect-internal", "dump-super", path)) > 0


@needs("mkfs.vfat", "mdir", "mcopy")
@pytest.mark.parametrize(("bits", "mib"), [(12, 2), (16, 20), (32, 80)])
def test_fat_as_mtools_have_it(bits, mib, tmp_path):
    path = made.sparse(tmp_path / "fs", mib * MIB)
    run("mkfs.vfat", "-F", str(bits), path)
    (tmp_path / "x").write_bytes(b"x" * 300_000)
    run("mcopy", "-i", path, tmp_path / "x", "::/x")
    free = int(re.search(r"([\d ]+) bytes free", run("mdir", "-i", path))[1].replace(" ", ""))
    with open_source(path) as reader:
        assert usage(path) == identify(reader).size - free


@needs("mkntfs", "ntfscluster")
def test_ntfs_as_ntfsprogs_have_it(tmp_path):
    path = made.sparse(tmp_path / "fs", 20 * MIB)
    run("mkntfs", "-q", "-F", "-Q", path)
    said = run("ntfscluster", "-i", path)
    assert usage(path) == number(r"bytes of metadata\s*:\s*(\d+)", said) > 0  # all that is on a new volume


def test_of_other_kinds_nothing_is_known(tmp_path):
    path = made.sparse(tmp_path / "fs", MIB)
    with open_source(path) as reader:
        assert used_bytes(reader, "zfs") is None


class _Bytes:
    """Bytes as a reader."""

    def __init__(self, data):
        self.data = data
        self.size = len(data)

    def read_at(self, offset, length):
        if offset + length > self.size:
            raise broken("truncated", "it ends before")
        return self.data[offset : offset + length]


@given(st.binary(min_size=64, max_size=600), st.sampled_from(["ext4", "xfs", "btrfs", "ntfs"]))
def test_what_makes_no_sense_is_a_number_or_nothing(data, kind):
    try:
        found = used_bytes(_Bytes(data), kind)
    except BrokenImage:
        return
    assert found is None or isinstance(found, int)
