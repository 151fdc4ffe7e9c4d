"""The disks and the file that are measured: a folder in, paths out. They are made here or found there."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from images import containers, disks
from images import filesystems as fs
from images.lvm import Linear
from images.tree import DEBIAN_12, linux

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
DISK_MIB = 2048
BALLAST = 640 * MIB
"""Bytes that do not compress: the file to hash has at least 600 MB."""


def make_disks(folder: Path) -> dict[str, Path]:
    """Make the 2 GiB disks to inspect: ext4, XFS, ext4 on LVM, btrfs."""
    tree = linux(DEBIAN_12, disks.ROOT_LINE + "\n")
    size = DISK_MIB - 2
    made = {}
    for name, program in (("ext4", "mke2fs"), ("xfs", "mkfs.xfs"), ("lvm", "mke2fs"), ("btrfs", None)):
        if program and shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
            continue
        work, made[name] = folder / f"{name}.parts", folder / f"{name}.raw"
        work.mkdir()
        if name == "lvm":
            root = fs.lvm(work / "pv", size, "vg0", [Linear("root", size - 6, fs.ext(work / "root", size - 6, tree))])
        else:
            root = {"ext4": fs.ext, "xfs": fs.xfs, "btrfs": fs.btrfs}[name](work / "root", size, tree)
        part = disks.Part(1, 1, size, "8e" if name == "lvm" else "83", root, bootable=True)
        disks.partitioned(made[name], "dos", DISK_MIB, [part])
    return made


def find_disks(folder: Path) -> dict[str, Path]:
    """Return the raw disks of a folder by what their names say is on them, the first of each."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.raw")):
        name = next((name for name in ("lvm", "xfs", "btrfs", "ext4") if name in path.stem), None)
        if name is not None:
            found.setdefault(name, path)
    return found


def make_large(folder: Path) -> Path:
    """Make the file to hash: a qcow2 of more than 600 MB."""
    work = folder / "large.parts"
    work.mkdir()
    disks.debian_cloud(folder / "large.raw", work, mib=DISK_MIB, ballast=BALLAST)
    return containers.wrap("qcow2", folder / "large.raw", folder)
