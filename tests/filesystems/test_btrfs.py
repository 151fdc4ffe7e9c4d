"""btrfs that mkfs.btrfs makes, against the folder it was made from."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from tools import needs
from walking import differences, plant_sample

from imgbuild.filesystems import identify, open_filesystem
from imgbuild.readers import Memory

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
MADE = {
    "default": (), "single": ("-m", "single"), "dup": ("-m", "dup", "-d", "dup"), "mixed": ("--mixed",),
    "small nodes": ("-n", "4096"), "large nodes": ("-n", "65536"), "holes": ("-O", "^no-holes"),
    "no skinny metadata": ("-O", "^skinny-metadata"), "sha256": ("--csum", "sha256"), "blake2": ("--csum", "blake2"),
    "xxhash": ("--csum", "xxhash"), "space cache 1": ("-R", "^free-space-tree"),
}


def made(folder: Path, *options: str, mib: int = 160) -> bytes:
    tree = folder / "tree"
    if not tree.exists():
        plant_sample(tree)
    path = folder / "fs"
    with path.open("wb") as file:
        file.truncate(mib * MIB)
    subprocess.run(["mkfs.btrfs", "-q", "-f", *options, "--rootdir", tree, path], check=True, capture_output=True)
    return path.read_bytes()


@needs("mkfs.btrfs")
@pytest.mark.parametrize("name", MADE)
def test_all_files_are_as_they_were(tmp_path, name):
    reader = Memory(made(tmp_path, *MADE[name]))
    found = identify(reader)
    assert (found.kind, found.readable, found.clean) == ("btrfs", True, True)
    filesystem = open_filesystem(reader, "btrfs")
    assert differences(filesystem, tmp_path / "tree") == []
    assert (filesystem.kind, filesystem.number, filesystem.subvolumes()) == ("btrfs", 5, [])
    assert filesystem.stat("/etc").mode & 0o777 == (tmp_path / "tree/etc").stat().st_mode & 0o777
