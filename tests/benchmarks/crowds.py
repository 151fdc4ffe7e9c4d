"""A file system with many files in one folder: its kind, the folder and a number in, the file with it out.

mke2fs takes a time that grows with the square of the files in a folder. So the folder's blocks are written as a file,
of which debugfs then makes a folder. Its fields: ``imgbuild/filesystems/ext4/filesystem.py``.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from images import filesystems as fs
from images.run import run
from images.tree import plant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from images.tree import Tree

MIB_EACH = 512
PROGRAMS = {"ext4": ("mke2fs", "debugfs"), "xfs": ("mkfs.xfs",), "btrfs": ("mkfs.btrfs",)}
"""What each kind is made with."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of random name is made there
_BLOCK = 4096
_ENTRY = struct.Struct("<IHBB")


def crowd(kind: str, path: Path, place: str, count: int, tree: Tree) -> Path:
    """Make a file system of this kind with the tree, and so many empty files more in its folder ``place``."""
    names = [f"crowd{number:06}" for number in range(count)]
    {"ext4": _ext, "xfs": _xfs, "btrfs": _btrfs}[kind](path, place, names, tree)
    return path


def _ext(path: Path, place: str, names: list[str], tree: Tree) -> None:
    fs.ext(path, MIB_EACH, tree, "-b", str(_BLOCK))
    entries = [(int(words[1]), words[5]) for line in run("debugfs", "-R", f"ls -p /{place}", path).splitlines()
               if len(words := line.split("/")) > 5]
    file = next(number for number, name in entries if (f"{place}/{name}") in tree)
    content = path.with_suffix(".folder")
    content.write_bytes(b"".join(_blocks([*entries, *((file, name) for name in names)])))
    run("debugfs", "-w", "-f", "-", path, stdin=f"write {content} /crowd\nsif /crowd mode 040755\nunlink /{place}\n"
                                                f"ln /crowd /{place}\n")


def _blocks(entries: Iterable[tuple[int, str]]) -> Iterator[bytes]:
    """Yield the blocks of a folder; the last entry of each reaches to its end."""
    held: list[bytes] = []
    for number, name in entries:
        entry = _ENTRY.pack(number, 0, len(name), 0) + name.encode()
        if sum(map(_padded, held)) + _padded(entry) > _BLOCK:
            yield _block(held)
            held = []
        held.append(entry)
    yield _block(held)


def _block(entries: list[bytes]) -> bytes:
    lengths = [_padded(entry) for entry in entries]
    lengths[-1] = _BLOCK - sum(lengths[:-1])
    return b"".join((entry[:4] + length.to_bytes(2, "little") + entry[6:]).ljust(length, b"\0")
                    for entry, length in zip(entries, lengths, strict=True))


def _padded(entry: bytes) -> int:
    return (len(entry) + 3) & ~3


def _xfs(path: Path, place: str, names: list[str], tree: Tree) -> None:
    """Make it from a prototype in which one empty file stands for all."""
    lines = fs.prototype_of(plant(tree, path.with_suffix(".tree")))
    empty = path.with_suffix(".empty")
    empty.touch()
    inside = 0
    for name in place.split("/"):
        inside = next(number for number in range(inside, len(lines)) if lines[number] == f"{name} d--755 0 0\n") + 1
    lines[inside:inside] = [f"{name} ---644 0 0 {empty}\n" for name in names]
    description = path.with_suffix(".proto")
    description.write_text("/dev/null\n0 0\nd--755 0 0\n" + "".join(lines) + "$\n")
    run("mkfs.xfs", "-q", "-f", "-p", description, fs.sparse(path, MIB_EACH * fs.MIB))


def _btrfs(path: Path, place: str, names: list[str], tree: Tree) -> None:
    """Make it from a folder, which lies in memory where it can: a disk makes files slowly."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else path.parent) as folder:
        source = plant(tree, Path(folder) / "tree")
        for name in names:
            (source / place / name).touch()
        run("mkfs.btrfs", "-q", "--rootdir", source, fs.sparse(path, MIB_EACH * fs.MIB))
