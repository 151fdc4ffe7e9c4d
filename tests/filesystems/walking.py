"""A sample tree, and the comparison of a file system with the folder it was made from."""

from __future__ import annotations

import os
import random
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from imgbuild.filesystems.base import FileSystem

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


def plant_sample(folder: Path) -> Path:
    """Write a tree with files and links of many sizes, deep and wide folders, and names of all sorts."""
    rng = random.Random(1)  # noqa: S311 - content, no secret
    for name in ("etc", "usr/lib", "boot", "many", "deep/a/b/c/d/e/f/g", "empty"):
        (folder / name).mkdir(parents=True)
    (folder / "usr/lib/os-release").write_text("ID=debian\n")
    (folder / "etc/os-release").symlink_to("../usr/lib/os-release")
    (folder / "etc/absolute").symlink_to("/usr/lib/os-release")
    (folder / "deep/a/b/c/d/e/f/g/file").write_text("deep")
    for size in (0, 1, 59, 60, 61, 100, 155, 156, 511, 512, 1023, 1024, 4095, 4096, 4097, 12 * 1024, 70_000, 300_001):
        (folder / f"boot/file-{size}").write_bytes(rng.randbytes(size))
    for length in (1, 59, 60, 61, 155, 156, 157, 255):
        (folder / f"etc/link-{length}").symlink_to("t" * length)
    for number in range(300):
        (folder / f"many/{'n' * (number % 90)}{number}").write_text(str(number))
    for name in ("UPPER", "upper", "with space", "caf\u00e9", "\U0001f600", "new\nline", "back\\slash", "se;mi",
                 "x" * 250):
        (folder / "etc" / name).write_text(name)
    _sparse(folder / "boot/sparse", rng)
    return folder


def _sparse(path: Path, rng: random.Random) -> None:
    with path.open("wb") as file:
        for place in (0, 100_000, 900_000, 1_500_000):
            file.seek(place)
            file.write(rng.randbytes(5000))
        file.truncate(2_000_000)


def differences(filesystem: FileSystem, folder: Path, path: str = "") -> list[str]:
    """Return what differs below ``path``: names, kinds, sizes, targets, bytes."""
    names = sorted(os.listdir(folder / path.lstrip("/")))
    listed = [name for name in filesystem.listdir(path or "/") if (path, name) != ("", "lost+found")]
    found = [] if listed == names else [f"{path}/: {sorted(set(listed) ^ set(names))}"]
    return found + [words for name in names if name in listed for words in _entry(filesystem, folder, f"{path}/{name}")]


def _entry(filesystem: FileSystem, folder: Path, path: str) -> list[str]:
    real = folder / path.lstrip("/")
    status = real.lstat()
    kind = KINDS.get(stat.S_IFMT(status.st_mode), "other")
    shown = filesystem.stat(path)
    if shown is None or shown.kind != kind or (kind == "file" and shown.size != status.st_size):
        return [f"{path}: {shown}"]
    if kind == "directory":
        return differences(filesystem, folder, path)
    if kind == "link" and filesystem.readlink(path) != os.readlink(real):
        return [f"{path}: leads to {filesystem.readlink(path)}"]
    if kind == "file" and filesystem.read(path, 1 << 24) != real.read_bytes():
        return [f"{path}: other bytes"]
    return []
