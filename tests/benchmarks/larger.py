"""Things of any size to be read: a folder and a number in, the command that reads it out."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from crowds import crowd
from images import disks
from images import filesystems as fs
from images.lvm import Linear
from images.tree import DEBIAN_12, linux
from measuring import IMGBUILD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from measuring import Words

GIB, MIB = 1 << 30, 1 << 20
FICLONERANGE = 0x4020940D  # <linux/fs.h>
QUICK = (IMGBUILD, "inspect", "--no-checksum")


def sparse(folder: Path, gib: int) -> Words:
    """Return the inspection of an empty file."""
    return (*QUICK, str(_file(folder, gib * GIB)))


def hashed(folder: Path, gib: int) -> Words:
    """Return the inspection of an empty file with a checksum."""
    return (IMGBUILD, "inspect", "--checksum", "sha256", str(_file(folder, gib * GIB)))


def full(folder: Path, gib: int) -> Words:
    """Return the check of a file of random bytes, with md5 and sha256; one GiB is written if blocks can be shared."""
    path = _file(folder, 0)
    piece = os.urandom(MIB)
    with path.open("w+b") as file:  # what is shared must be readable
        for number in range(gib):
            if not number or not _share(file.fileno(), number * GIB, GIB):
                for _ in range(GIB // MIB):
                    file.write(piece)
                file.flush()
    return (IMGBUILD, "check", str(path))


def shares(folder: Path | None) -> bool:
    """Say whether the file system of a folder can put the same blocks at several places of a file."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(MIB))
        file.flush()
        return _share(file.fileno(), MIB, MIB)


def _share(descriptor: int, offset: int, length: int) -> bool:
    """Put the first bytes of a file at an offset once more, or say that they cannot be. ioctl_ficlonerange(2)"""
    with suppress(OSError):
        fcntl.ioctl(descriptor, FICLONERANGE, struct.pack("=qQQQ", descriptor, 0, length, offset))
        os.lseek(descriptor, 0, os.SEEK_END)
        return True
    return False


def _file(folder: Path, size: int) -> Path:
    return fs.sparse(folder / "file.raw", size)


def partitions(folder: Path, count: int) -> Words:
    """Return the inspection of a GPT with so many partitions."""
    path = folder / "disk.raw"
    disks.partitioned(path, "gpt", count + 4, [disks.Part(number, number, 1, disks.LINUX_TYPE)
                                               for number in range(1, count + 1)])
    return (*QUICK, str(path))


def volumes(folder: Path, count: int) -> Words:
    """Return the inspection of a volume group with so many logical volumes."""
    path = fs.lvm(folder / "disk.raw", 8 + 4 * count, "vg0", [Linear(f"v{number}", 4) for number in range(count)])
    return (*QUICK, str(path))


def files(kind: str, place: str) -> Callable[[Path, int], Words]:
    """Return what makes a Debian on a file system of this kind with so many more files in a folder of its."""
    def make(folder: Path, count: int) -> Words:
        return (*QUICK, str(crowd(kind, folder / "disk.raw", place, count, linux(DEBIAN_12, disks.ROOT_LINE + "\n"))))

    return make


def empty(unit: str, *words: str) -> Callable[[Path, int], Words]:
    """Return what makes an empty disk of so many ``unit`` (G, T) by these words of qemu-img: its tables count."""
    def make(folder: Path, size: int) -> Words:
        path = folder / "disk"
        subprocess.run(["qemu-img", "create", "-q", *words, path, f"{size}{unit}"], check=True)
        return (*QUICK, str(path))

    return make


def rules(folder: Path, count: int) -> Words:
    """Return a lint with so many rules of one's own that find nothing."""
    return _lint(folder, count, "^[a-z]{1,%d}$")


def findings(folder: Path, count: int) -> Words:
    """Return a lint with so many findings, each by a rule of its own: of one rule no more than 200 are listed."""
    return (*_lint(folder, count, "^[0-9]{1,%d}$"), "--format", "json")


def _lint(folder: Path, count: int, pattern: str) -> Words:
    text = "".join(f'[[rule]]\nid = "own-{number}"\nseverity = "note"\ntitle = "One more"\nat = "/name"\n'
                   f'check = {{ kind = "matches", pattern = "{pattern % (number + 3)}", accepts = "a word" }}\n'
                   for number in range(count))
    (folder / "own.toml").write_text(text)
    request = folder / "request.json"
    request.write_text(json.dumps({"name": "one", "__os_version": "Debian GNU/Linux 12.0.0 64bit", "min_disk": 40}))
    return (IMGBUILD, "lint", "--rules", str(folder), str(request))
