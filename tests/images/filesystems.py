"""File systems in plain files, made by the tools of each, filled while they are made: no root, no loop device."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from images.lvm import write_physical_volume
from images.run import EPOCH, run
from images.tree import ESP_ID, ROOT_UUID, Tree, plant

if TYPE_CHECKING:
    from pathlib import Path

    from images.lvm import Linear

MIB = 1 << 20


def sparse(path: Path, size: int) -> Path:
    """Make ``path`` a file of ``size`` bytes of nothing."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def ext(
    path: Path, mib: int, tree: Tree, *options: str, kind: str = "ext4", uuid: str = ROOT_UUID, label: str = "root"
) -> Path:
    """Make an ext2, ext3 or ext4 file system whose files belong to root and have one time."""
    source = plant(tree, path.with_suffix(".tree"))
    sparse(path, mib * MIB)
    run(
        "mke2fs",
        "-q",
        "-F",
        "-t",
        kind,
        "-L",
        label,
        "-U",
        uuid,
        "-E",
        f"hash_seed={uuid},root_owner=0:0",
        *options,
        "-d",
        source,
        path,
    )
    run("debugfs", "-w", "-f", "-", path, stdin="".join(_owned_by_root(tree)))
    return path


def _owned_by_root(tree: Tree) -> list[str]:
    """Return the words for debugfs; mke2fs copies owner and change time from the folder it was given."""
    folders = {parent for path in tree for parent in _parents(path)}
    times = [words for name in ("atime", "ctime", "mtime") for words in (f"{name} @{EPOCH}", f"{name}_extra 0")]
    fields = ("uid 0", "gid 0", *times)
    places = ["/", "/lost+found", *sorted("/" + path for path in folders | set(tree))]
    return [f'sif "{place}" {words}\n' for place in places for words in fields]


def _parents(path: str) -> list[str]:
    words = path.split("/")
    return ["/".join(words[:count]) for count in range(1, len(words))]


def xfs(path: Path, mib: int, tree: Tree, *options: str, uuid: str = ROOT_UUID, label: str = "root") -> Path:
    """Make an XFS file system from a prototype file."""
    source = plant(tree, path.with_suffix(".tree"))
    prototype = path.with_suffix(".proto")
    prototype.write_text("/dev/null\n0 0\nd--755 0 0\n" + "".join(prototype_of(source)) + "$\n")
    sparse(path, mib * MIB)
    run("mkfs.xfs", "-q", "-f", "-L", label, "-m", f"uuid={uuid}", *options, "-p", prototype, path)
    return path


def prototype_of(folder: Path) -> list[str]:
    """Return the lines of a prototype file for what is in a folder."""
    lines = []
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink():
            lines.append(f"{entry.name} l--777 0 0 {os.readlink(entry)}\n")
        elif entry.is_dir():
            lines += [f"{entry.name} d--755 0 0\n", *prototype_of(entry), "$\n"]
        else:
            lines.append(f"{entry.name} ---{entry.stat().st_mode & 0o777:o} 0 0 {entry}\n")
    return lines


def btrfs(
    path: Path,
    mib: int,
    tree: Tree,
    *,
    label: str = "root",
    root: str = "root",
    others: dict[str, Tree] | None = None,
    default: str = "",
) -> Path:
    """Make a btrfs file system with the tree in the subvolume ``root`` and others; snapshots are of the root."""
    from images.btrfs_items import ZSTD  # noqa: PLC0415 - needs imgbuild's CRC-32C, which make_samples.py does without
    from images.btrfs_writer import Packed, Subvolume, Writer  # noqa: PLC0415 - as above

    subvolumes = [Subvolume("", {})]
    for name, content in sorted({root: tree, **(others or {})}.items()):
        packed = {place: Packed(data, ZSTD) if _is_worth_it(data) else data for place, data in content.items()}
        snapshot = "/.snapshots/" in name and name != root
        subvolumes.append(Subvolume(name, packed, snapshot_of=root if snapshot else ""))
    return Writer(mib, label=label, uuid=ROOT_UUID).save(path, subvolumes, default)


def _is_worth_it(content: object) -> bool:
    return isinstance(content, bytes) and len(content) > 2048


def fat(
    path: Path, mib: float, files: dict[str, bytes], *, bits: int = 32, label: str = "ESP", identifier: str = ESP_ID
) -> Path:
    """Make a FAT file system of 12, 16 or 32 bits with these files."""
    sparse(path, int(mib * MIB))
    run("mkfs.vfat", "--invariant", "-F", bits, "-n", label, "-i", identifier.replace("-", ""), path)
    folders = sorted({parent for name in files for parent in _parents(name)})
    if folders:
        run("mmd", "-i", path, *(f"::{folder}" for folder in folders))
    for name, data in files.items():
        local = path.with_suffix(".file")
        local.write_bytes(data)
        os.utime(local, (EPOCH, EPOCH))
        run("mcopy", "-m", "-i", path, local, f"::{name}")
    return path


def lvm(path: Path, mib: int, group: str, volumes: list[Linear]) -> Path:
    """Make an LVM2 physical volume with linear volumes."""
    for start, content in write_physical_volume(path, mib, group, volumes):
        copy_into(path, start, content)
    return path


def copy_into(target: Path, start: int, source: Path) -> None:
    """Write the data of a sparse file into ``target`` from ``start`` (bytes) on, holes left out."""
    with target.open("r+b") as out, source.open("rb") as data:
        for offset, length in _extents(data.fileno()):
            data.seek(offset)
            out.seek(start + offset)
            for place in range(0, length, MIB):
                out.write(data.read(min(MIB, length - place)))


def _extents(descriptor: int) -> list[tuple[int, int]]:
    end, found, place = os.fstat(descriptor).st_size, [], 0
    while place < end:
        try:
            begin = os.lseek(descriptor, place, os.SEEK_DATA)
        except OSError:  # no data from here on
            break
        place = os.lseek(descriptor, begin, os.SEEK_HOLE)
        found.append((begin, place - begin))
    return found
