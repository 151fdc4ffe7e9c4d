from __future__ import annotations

import subprocess
import sys

import pytest

from imgbuild.filesystems import open_filesystem
from imgbuild.readers import BrokenImage, Memory


@pytest.mark.parametrize("kind", ["exfat", "swap", "nonsense"])
def test_kinds_without_reader_are_named(kind: str) -> None:
    with pytest.raises(BrokenImage) as raised:
        open_filesystem(Memory(bytes(4096)), kind)
    assert raised.value.problem.code == "filesystem-unreadable"
    assert raised.value.problem.message == (
        f"the files of a {kind} file system cannot be read; those of btrfs, ext2, ext3, ext4, fat12, fat16, fat32,"
        " iso9660, ntfs, udf, xfs can")


@pytest.mark.parametrize("kind", ["ext2", "ext3", "ext4", "xfs", "btrfs", "fat12", "fat16", "fat32", "iso9660",
                                  "udf"])
@pytest.mark.parametrize("size", [0, 100, 1 << 20])
def test_zeros_are_no_file_system(kind: str, size: int) -> None:
    with pytest.raises(BrokenImage):
        open_filesystem(Memory(bytes(size)), kind)


def test_libraries_are_loaded_when_they_are_used() -> None:
    words = "import sys, imgbuild.filesystems; print([name for name in sys.modules if name[:4] == 'pyfs'])"
    said = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout
    assert said == "[]\n"
