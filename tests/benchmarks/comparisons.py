"""What is compared with what: raw disks and a large file in, pairs of commands out.

The budgets are the ones the project has set itself. Programs that are not there are left out.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import CLICK, IMGBUILD, Failed, Pair, measure
from subjects import in_container

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measuring import Variables

CONTAINERS = ("raw", "qcow2", "qcow2-zlib", "vhd-dynamic", "vhdx-dynamic", "vmdk-sparse", "vdi", "zvhd2-zlib")
OSLO = "import sys; from oslo_utils.imageutils.format_inspector import detect_file_format as d; d(sys.argv[1])"
INFLATE = """
import sys, zlib
file, state = open(sys.argv[1], "rb"), zlib.decompressobj()
file.seek(4096)
while (head := file.read(48)).startswith(b"hwstream bg"):
    size = int.from_bytes(head[12:16], "little")
    state.decompress(file.read(size))
    file.seek(-(48 + size + 4) % 4096 + 4, 1)
"""
"""Inflates the records of a ZVHD, one after the other."""
PACKED = ("qcow2-zlib", "qcow2-zstd", "zvhd2-zlib", "zvhd2-zstd", "vmdk-stream")
QUICK = (IMGBUILD, "inspect", "--no-checksum")
OF_A_LOOK = 3
"""Times `import click` that a look into a disk may take."""
OF_BTRFS = 5
OF_ZVHD2 = 4
"""A byte of it lies behind up to 2 MiB of a zlib stream: to inflate what is asked for takes an `import click` alone."""
SELDOM = 5
"""Pairs of what takes a second or more, at most."""
_DIRECT = ("LIBGUESTFS_BACKEND", "direct")
_EMULATED = ("LIBGUESTFS_BACKEND_SETTINGS", "force_tcg")


def start_pairs(raws: dict[str, Path], folder: Path) -> Iterator[Pair]:
    """Give what is compared with the start of a Python program, with the files for it in ``folder``."""
    for word in ("--version", "--help"):
        yield Pair(f"`imgbuild {word}`", (IMGBUILD, word), "`import click`", CLICK, 2)
    for name, raw in raws.items():
        for container in CONTAINERS if name == "ext4" else ("raw", "qcow2"):
            yield from _inspections(name, container, str(in_container(container, raw, folder)))
    for name, raw in raws.items():
        yield Pair(f"`inspect --no-checksum`, {name} in raw, with the initramfs", (*QUICK, str(raw)), "without it",
                   (*QUICK, "--no-initramfs", str(raw)), 0.4, more=True, rounds=SELDOM)


def _inspections(name: str, container: str, path: str) -> Iterator[Pair]:
    words = (*QUICK, "--no-initramfs", path)
    budget = OF_BTRFS if name == "btrfs" else OF_ZVHD2 if container.startswith("zvhd2") else OF_A_LOOK
    yield Pair(f"`inspect --no-checksum --no-initramfs`, {name} in {container}", words, "`import click`", CLICK,
               budget, 60)
    if name == "ext4" and container in {"raw", "qcow2"}:
        yield Pair(f"the same with `--format json`, {name} in {container}", (*words, "--format", "json"),
                   "`import click`", CLICK, budget, 60)


def stream_pairs(raw: Path, folder: Path) -> Iterator[Pair]:
    """Give what is compared with one forward pass over a disk that is one zlib stream."""
    path = str(in_container("zvhd", raw, folder))
    yield Pair("`inspect --no-checksum --no-initramfs`, ext4 in zvhd", (*QUICK, "--no-initramfs", path),
               "its stream inflated by Python's zlib", (sys.executable, "-c", INFLATE, path), peak=60, rounds=SELDOM)


def info_pairs(path: str) -> Iterator[Pair]:
    """Give what is compared with programs that look into an image."""
    words, title = (*QUICK, path), "`inspect --no-checksum`, ext4 in qcow2"
    if shutil.which("qemu-img"):
        yield Pair(title, words, "`qemu-img info`", ("qemu-img", "info", path))
    if find_spec("oslo_utils"):
        yield Pair(title, words, f"inspector of oslo.utils {version('oslo.utils')}", (sys.executable, "-c", OSLO, path))
    if shutil.which("virt-inspector"):
        yield _virt_inspector(title, words, path)


def _virt_inspector(title: str, words: tuple[str, ...], path: str) -> Pair:
    """Return what is compared with a virtual machine: with one that is emulated where no other starts."""
    other = ("virt-inspector", "-a", path)
    variables: Variables = (_DIRECT,)
    against = f"virt-inspector {_version_of('virt-inspector')}"
    with suppress(Failed):
        measure(other, variables)
        return Pair(title, words, against, other, variables=variables, rounds=1)
    return Pair(title, words, f"{against}, processor emulated", other, variables=(_DIRECT, _EMULATED), rounds=1)


def _version_of(program: str) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d[\d.]*", said)
    return found[0] if found else "of unknown version"


def hash_pairs(large: str, folder: Path) -> Iterator[Pair]:
    """Give what is compared with programs that read all of an image."""
    title = f"`check`, qcow2 of {Path(large).stat().st_size // 10**6} MB"
    check = (IMGBUILD, "check", large)
    yield Pair(title, check, "`md5sum`", ("md5sum", large), 1.05, 80)
    yield Pair(title, check, "`sha256sum`", ("sha256sum", large))
    if shutil.which("qemu-img"):
        out = str(folder / "converted.raw")
        yield Pair(title, check, "`qemu-img convert -O raw`", ("qemu-img", "convert", "-O", "raw", large, out))
    yield Pair("the same with `--cache`, its checksums known", (*check, "--cache"), "`md5sum`", ("md5sum", large), 1.05,
               80, variables=(("XDG_CACHE_HOME", str(folder)),))


def content_pairs(raw: Path, folder: Path) -> Iterator[Pair]:
    """Give what is compared with programs that read and unpack all of a disk: ours by one processor, and qemu-img."""
    out = str(folder / "converted.raw")
    for name in PACKED:
        path = in_container(name, raw, folder)
        words, title = (*QUICK, "--content", str(path)), f"`--content`, {name} of {path.stat().st_size // 10**6} MB"
        if shutil.which("taskset"):
            yield Pair(title, words, "the same on one processor", ("taskset", "-c", "0", *words), peak=80)
        if shutil.which("qemu-img"):  # which has no reader of ZVHD2
            there = in_container("qcow2-zlib", raw, folder) if name.startswith("zvhd2") else path
            against = f"`qemu-img convert -O raw`{'' if there == path else ' of qcow2-zlib'}"
            yield Pair(title, words, against, ("qemu-img", "convert", "-O", "raw", str(there), out), peak=80)
