"""Make ``kernel.img.xz`` and ``kernel.json`` anew: ``sudo python3 samples/btrfs/make_sample.py [FOLDER]``.

Needs root, a kernel with btrfs, and btrfs-progs: what the kernel writes is what a reader has to read. Other versions
give other bytes. ``kernel.json`` says what the kernel shows of the file system, with its top level mounted: the target
of each link, the digest of each file, ``null`` for a directory.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MIB = 1 << 20
METHODS = ("zlib", "lzo", "zstd")
# Two names with the same CRC-32C, and so in one item of the directory.
SAME_HASH = ("emlltr", "jvdjqeop")


def run(*words: object) -> None:
    """Run a program and fail with it."""
    subprocess.run([str(word) for word in words], check=True)


def fill(top: Path) -> None:
    """Write the subvolumes and files."""
    for name in ("root", "home", "root/machines"):
        run("btrfs", "-q", "subvolume", "create", top / name)
    (top / "root/machines/inside").write_text("in a subvolume of a subvolume\n")
    (top / "home/user").mkdir()
    (top / "home/user/note").write_text("home\n")
    for folder in ("etc", "usr/lib", "usr/bin", "packed", "holes", "many", ".snapshots/1"):
        (top / "root" / folder).mkdir(parents=True)
    (top / "root/usr/lib/os-release").write_text('ID=fedora\nVERSION_ID=40\nPRETTY_NAME="Fedora Linux 40"\n')
    (top / "root/etc/os-release").symlink_to("../usr/lib/os-release")
    (top / "root/etc/fstab").write_text(
        "LABEL=kernel / btrfs subvol=root 0 0\nLABEL=kernel /home btrfs subvol=home 0 0\n")
    for name in (*SAME_HASH, *(f"file-{number}" for number in range(300))):
        (top / "root/many" / name).write_text(name)
    pack(top / "root/packed")
    punch(top / "root/holes")
    os.sync()
    run("btrfs", "-q", "subvolume", "snapshot", "-r", top / "root", top / "root/.snapshots/1/snapshot")
    (top / "root/after").write_text("not in the snapshot\n")
    (top / "root/packed/zlib-text").write_text("changed after the snapshot\n")
    run("btrfs", "subvolume", "set-default", top / "root")


def pack(folder: Path) -> None:
    """Write files that are compressed in each way, and then changed in the middle."""
    chance = random.Random(3)  # noqa: S311 - content, no secret
    for method in METHODS:
        for name, data in contents(chance).items():
            path = folder / f"{method}-{name}"
            path.touch()
            run("btrfs", "property", "set", path, "compression", method)
            path.write_bytes(data)
            os.sync()
        with (folder / f"{method}-words").open("r+b") as file:
            file.seek(100_000)
            file.write(b"written over the middle of an extent" * 300)
        run("cp", "--reflink=always", folder / f"{method}-words", folder / f"{method}-clone")


def contents(chance: random.Random) -> dict[str, bytes]:
    """Return data that is easy to compress, harder, not at all, and short."""
    words = [chance.randbytes(chance.randrange(4, 12)) for _ in range(100)]
    return {
        "zeros": bytes(400_000), "text": b"".join(b"line %d of some text\n" % number for number in range(6000)),
        "words": b"".join(chance.choice(words) for _ in range(30_000)),
        "noise": chance.randbytes(5000) + bytes(60_000), "short": b"short " * 40, "byte": b"x",
    }


def punch(folder: Path) -> None:
    """Write files with holes, and with space that is set aside."""
    with (folder / "sparse").open("wb") as file:
        file.seek(1_000_000)
        file.write(b"after a hole")
        file.truncate(3_000_000)
    (folder / "punched").write_bytes(bytes(range(256)) * 1024)
    run("fallocate", "-p", "-o", 65536, "-l", 16384, folder / "punched")
    run("fallocate", "-l", 300_000, folder / "set-aside")
    with (folder / "set-aside").open("r+b") as file:
        file.seek(100_000)
        file.write(b"written into what was set aside")


def shown(top: Path) -> dict[str, str | None]:
    """Return what the kernel shows below a mount point."""
    found: dict[str, str | None] = {}
    for place, folders, files in os.walk(top):
        for name in sorted(folders + files):
            path = Path(place) / name
            key = "/" + str(path.relative_to(top))
            if path.is_symlink():
                found[key] = "-> " + os.readlink(path)
            else:
                found[key] = None if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
    return dict(sorted(found.items()))


def main(folder: Path) -> None:
    """Make the sample."""
    with tempfile.TemporaryDirectory() as work:
        image, top = Path(work) / "image", Path(work) / "top"
        top.mkdir()
        with image.open("wb") as file:
            file.truncate(40 * MIB)
        run("mkfs.btrfs", "-q", "-f", "--mixed", "-L", "kernel", image)
        run("mount", "-o", "loop", image, top)
        fill(top)
        run("umount", top)
        run("mount", "-o", "loop,ro,subvolid=5", image, top)
        (folder / "kernel.json").write_text(json.dumps(shown(top), indent=0) + "\n")
        run("umount", top)
        (folder / "kernel.img.xz").write_bytes(lzma.compress(image.read_bytes(), preset=9))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
