"""The disks and the file that are measured: a folder in, paths out. They are made here or found there."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from apart import apart
from images import containers, disks
from images import filesystems as fs
from images.lvm import Linear
from images.tree import DEBIAN_12, linux

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
DISK_MIB = 2048
NAMES = ("ext4", "xfs", "lvm", "btrfs")
LARGE = 600 * 10**6
"""Bytes that the file to hash has at least."""
BALLAST = 640 * MIB
"""Bytes that do not compress, in the file that is made."""


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
        name = next((name for name in ("lvm", *NAMES) if name in path.stem), None)  # lvm-ext4 stands for lvm
        if name is not None:
            found.setdefault(name, path)
    return {name: found[name] for name in NAMES if name in found}


def large_file(raw: Path, folder: Path) -> Path:
    """Return the file to hash, a qcow2 of more than 600 MB: with that disk in it if it is large enough."""
    file = in_container("qcow2", raw, folder)
    return file if file.stat().st_size >= LARGE else apart(_make_large, folder)


def in_container(name: str, raw: Path, folder: Path) -> Path:
    """Return a raw disk in a container, which is made in ``folder`` at the first call."""
    if name == "raw":
        return raw
    made = folder / f"{raw.stem}.{name}.{containers.VARIANTS[name].ending}"
    return made if made.exists() else apart(containers.wrap, name, raw, folder)


def _make_large(folder: Path) -> Path:
    work = folder / "large.parts"
    work.mkdir()
    disks.debian_cloud(folder / "large.raw", work, mib=DISK_MIB, ballast=BALLAST)
    return containers.wrap("qcow2", folder / "large.raw", folder)
