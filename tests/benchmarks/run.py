"""Compare imgbuild with everyday programs: ``python tests/benchmarks/run.py [--rounds N] [--folder DIR]``.

Two commands run in turn, A B A B; what counts is the median of the ratios A/B of neighbouring runs, so that the speed
of the machine and of the day drop out. The budgets are the ones the project has set itself; nothing here is a test. The
first form of a command is run once before, so that files are in the page cache. Run it where nothing else is running,
with the interpreter of an environment in which imgbuild is installed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from images import containers, disks
from images import filesystems as fs
from images.lvm import Linear
from images.tree import DEBIAN_12, linux

MIB = 1 << 20
DISK_MIB = 2048
BALLAST = 640 * MIB  # bytes that do not compress: the file to hash has at least 600 MB
IMGBUILD = str(Path(sys.executable).with_name("imgbuild"))
CLICK = (sys.executable, "-c", "import click")
# Where Python may not keep what it has compiled, all of a checkout is compiled at each start, but nothing of click.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Pair:
    """Two commands: what is measured, what it is compared with, and the ratio and peak (MiB) that are allowed."""

    title: str
    ours: tuple[str, ...]
    other: tuple[str, ...]
    budget: float | None = None
    peak: int | None = None


def measure(words: tuple[str, ...]) -> tuple[float, float]:
    """Return the seconds that a command takes, and the peak of its memory in MiB."""
    started = time.perf_counter()
    null = subprocess.DEVNULL
    with subprocess.Popen(words, stdin=null, stdout=null, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        said = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode not in {0, 1}:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}: {said.decode(errors='replace')}")
    return seconds, usage.ru_maxrss / 1024


def compare(pair: Pair, rounds: int) -> str:
    """Run both commands in turn and return a line with the result."""
    measure(pair.ours)
    measure(pair.other)
    runs = [(measure(pair.ours), measure(pair.other)) for _ in range(rounds)]
    ratio = statistics.median(ours[0] / other[0] for ours, other in runs)
    seconds = statistics.median(ours[0] for ours, _ in runs)
    peak = max(ours[1] for ours, _ in runs)
    budget = "" if pair.budget is None else f" of {pair.budget:g}"
    over = "  OVER" if _is_over(ratio, pair.budget) or _is_over(peak, pair.peak) else ""
    return f"{pair.title:<62}{seconds * 1000:8.0f} ms{peak:8.0f} MiB{ratio:8.2f}{budget:<9}{over}"


def _is_over(value: float, limit: float | None) -> bool:
    return limit is not None and value > limit


def make_disks(folder: Path) -> dict[str, Path]:
    """Make the 2 GiB disks to inspect: ext4, XFS, and ext4 on LVM."""
    made = {name: folder / f"{name}.raw" for name in ("ext4", "xfs", "lvm")}
    tree = linux(DEBIAN_12, disks.ROOT_LINE + "\n")
    for name, disk in made.items():
        work = folder / f"{name}.parts"
        work.mkdir()
        size = DISK_MIB - 2
        if name == "xfs":
            root = fs.xfs(work / "root", size, tree)
        elif name == "lvm":
            root = fs.lvm(work / "pv", size, "vg0", [Linear("root", size - 6, fs.ext(work / "root", size - 6, tree))])
        else:
            root = fs.ext(work / "root", size, tree)
        kind = "8e" if name == "lvm" else "83"
        disks.partitioned(disk, "dos", DISK_MIB, [disks.Part(1, 1, size, kind, root, bootable=True)])
    return made


def make_large(folder: Path) -> Path:
    """Make the file to hash: a qcow2 of more than 600 MB."""
    work = folder / "large.parts"
    work.mkdir()
    disks.debian_cloud(folder / "large.raw", work, mib=DISK_MIB, ballast=BALLAST)
    return containers.wrap("qcow2", folder / "large.raw", folder)


def pairs(folder: Path) -> list[Pair]:
    """Return what is compared, with the files for it in ``folder``."""
    version = Pair("imgbuild --version : import click", (IMGBUILD, "--version"), CLICK, 2)
    found = [version]
    for name, raw in make_disks(folder).items():
        for container in ("raw", "qcow2", "qcow2-zlib", "vhd-dynamic", "zvhd2-zstd"):
            path = str(raw) if container == "raw" else str(containers.wrap(container, raw, folder))
            ours = (IMGBUILD, "inspect", "--no-checksum", path)
            found.append(Pair(f"inspect --no-checksum, {name} in {container} : import click", ours, CLICK, 3, 60))
    plain = str(folder / "ext4.qcow2.qcow2")
    inspect = (IMGBUILD, "inspect", "--no-checksum", plain)
    as_json = (*inspect, "--format", "json")
    found.append(Pair("inspect --no-checksum, ext4 in qcow2, as json : import click", as_json, CLICK, 3, 60))
    found.append(Pair("inspect --no-checksum, ext4 in qcow2 : qemu-img info", inspect, ("qemu-img", "info", plain)))
    with ProcessPoolExecutor(1) as pool:  # in a process of its own: what we start inherits the peak of our memory
        large = str(pool.submit(make_large, folder).result())
    check = (IMGBUILD, "check", large)
    title = f"check, {Path(large).stat().st_size // 10**6} MB qcow2 : "
    found.append(Pair(title + "md5sum", check, ("md5sum", large), 1.05, 80))
    out = str(folder / "converted.raw")
    found.append(Pair(title + "qemu-img convert", check, ("qemu-img", "convert", "-O", "raw", large, out)))
    return found


def main() -> None:
    """Make the disks, run all pairs, print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=11, help="how often each pair runs (11)")
    parser.add_argument("--folder", type=Path, help="where the disks are made (a temporary folder); needs 3 GB")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=words.folder) as folder:
        sys.stdout.write(f"{'ours : other':<62}{'ours':>11}{'peak':>12}{'ratio':>8}\n")
        for pair in pairs(Path(folder)):
            sys.stdout.write(compare(pair, words.rounds) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
