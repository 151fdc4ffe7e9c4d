"""Compare imgbuild with everyday programs: ``python tests/benchmarks/run.py``, in about five minutes.

The budgets are the ones the project has set itself; nothing here is a test. It makes its own disks, or takes the raw
ones of a folder (``--disks``), and prints a table as it goes, then how the time grows with what there is to read
(``scaling.py``). Run it where nothing else is running, with the interpreter of an environment in which imgbuild is
installed as a wheel; programs that are not there are left out.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

sys.path.insert(0, str(Path(__file__).parent.parent))

import scaling
from images import containers, disks
from images import filesystems as fs
from images.lvm import Linear
from images.tree import DEBIAN_12, linux
from measuring import CLICK, HEADING, IMGBUILD, Pair, compare, machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
MIB = 1 << 20
DISK_MIB = 2048
BALLAST = 640 * MIB  # bytes that do not compress: the file to hash has at least 600 MB
CONTAINERS = ("raw", "qcow2", "qcow2-zlib", "vhd-dynamic", "vhdx-dynamic", "vmdk-sparse", "vdi", "zvhd2-zlib")
OFTEN, SELDOM = 11, 7
OSLO = "import sys; from oslo_utils.imageutils.format_inspector import detect_file_format as d; d(sys.argv[1])"
QUICK = (IMGBUILD, "inspect", "--no-checksum")


def make_disks(folder: Path) -> dict[str, Path]:
    """Make the 2 GiB disks to inspect: ext4, XFS, ext4 on LVM, btrfs."""
    tree = linux(DEBIAN_12, disks.ROOT_LINE + "\n")
    size = DISK_MIB - 2
    made = {}
    for name, program in (("ext4", "mke2fs"), ("xfs", "mkfs.xfs"), ("lvm", "mke2fs"), ("btrfs", "mkfs.btrfs")):
        if shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
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


def start_pairs(raws: dict[str, Path], folder: Path) -> Iterator[Pair]:
    """Give what is compared with the start of a Python program, with the files for it in ``folder``."""
    yield Pair("`--version`", (IMGBUILD, "--version"), "import click", CLICK, 2)
    for name, raw in raws.items():
        for container in CONTAINERS if name == "ext4" else ("raw", "qcow2"):
            path = str(raw if container == "raw" else _apart(containers.wrap, container, raw, folder))
            words = (*QUICK, "--no-initramfs", path)
            yield Pair(f"`inspect --no-checksum`, {name} in {container}", words, "import click", CLICK,
                       5 if name == "btrfs" else 3, 60)
            if container == "qcow2":
                yield Pair(f"the same as JSON, {name} in {container}", (*words, "--format", "json"), "import click",
                           CLICK, 5 if name == "btrfs" else 3, 60)
    yield Pair("with the initramfs, ext4 in raw", (*QUICK, str(raws["ext4"])), "without it",
               (*QUICK, "--no-initramfs", str(raws["ext4"])), 0.4, more=True)


def info_pairs(path: str) -> Iterator[Pair]:
    """Give what is compared with programs that look into an image."""
    words = (*QUICK, path)
    if shutil.which("qemu-img"):
        yield Pair("`inspect --no-checksum`, ext4 in qcow2", words, "qemu-img info", ("qemu-img", "info", path))
    if find_spec("oslo_utils"):
        yield Pair("`inspect --no-checksum`, ext4 in qcow2", words, "oslo.utils' inspector",
                   (sys.executable, "-c", OSLO, path))
    if shutil.which("virt-inspector"):
        yield Pair("`inspect --no-checksum`, ext4 in qcow2", words, "virt-inspector", ("virt-inspector", "-a", path))


def hash_pairs(large: str, folder: Path) -> Iterator[Pair]:
    """Give what is compared with programs that read all of an image."""
    title = f"`check`, qcow2 of {Path(large).stat().st_size // 10**6} MB"
    check = (IMGBUILD, "check", large)
    yield Pair(title, check, "md5sum", ("md5sum", large), 1.05, 80)
    yield Pair(title, check, "sha256sum", ("sha256sum", large))
    out = str(folder / "converted.raw")
    yield Pair(title, check, "qemu-img convert", ("qemu-img", "convert", "-O", "raw", large, out))


def main() -> None:
    """Make the disks, run all pairs, print a row for each, then how the time grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--disks", type=Path, help="raw disks to inspect; their names say ext4, xfs, lvm or btrfs")
    parser.add_argument("--folder", type=Path, help="where the disks are made (a temporary folder); needs 12 GB")
    parser.add_argument("--no-scaling", action="store_true", help="leave out how the time grows")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=words.folder) as name:
        folder = Path(name)
        raws = find_disks(words.disks) if words.disks else _apart(make_disks, folder)
        _say(f"Measured on {machine()}.", "", *HEADING)
        for pair in start_pairs(raws, folder):
            _say(compare(pair, OFTEN))
        for pair in info_pairs(str(folder / f"{raws['ext4'].stem}.qcow2.qcow2")):
            _say(compare(pair, SELDOM))
        for pair in hash_pairs(str(_apart(make_large, folder)), folder):
            _say(compare(pair, SELDOM))
    if not words.no_scaling:
        _say("")
        scaling.run(words.folder)


def _apart(make: Callable[..., T], *words: object) -> T:
    """Make something in a process of its own: what we start inherits the peak of our memory."""
    with ProcessPoolExecutor(1) as pool:
        return pool.submit(make, *words).result()


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
