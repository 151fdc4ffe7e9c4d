"""How the time grows with what there is to read: ``python tests/benchmarks/scaling.py``, in about two minutes.

For each thing that can be large there is a row of sizes and of the processor seconds that imgbuild takes, the least of
three runs. The last column is the time for one more of it, over the upper and over the lower half of the sizes: where
the line is straight the two are alike. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from images import disks
from images import filesystems as fs
from images.tree import DEBIAN_12, linux
from measuring import IMGBUILD, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

GIB, MIB = 1 << 30, 1 << 20
ROUNDS = 3
HEADING = ("| time against | so many | processor seconds | for one more, below : above |", "| --- | --- | --- | --- |")
Words = tuple[str, ...]


class Row(NamedTuple):
    """What grows, in which steps, and what makes the command of a step in a folder."""

    title: str
    unit: str
    sizes: Sequence[int]
    make: Callable[[Path, int], Words]


def sparse(folder: Path, gib: int) -> Words:
    """Return the inspection of an empty file."""
    return (IMGBUILD, "inspect", "--no-checksum", str(_file(folder, gib)))


def hashed(folder: Path, gib: int) -> Words:
    """Return the inspection of an empty file with its checksums."""
    return (IMGBUILD, "inspect", "--checksum", "sha256", str(_file(folder, gib)))


def full(folder: Path, mib: int) -> Words:
    """Return the inspection of a file of random bytes with its checksums."""
    path = _file(folder, 0)
    piece = os.urandom(MIB)
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(piece)
    return (IMGBUILD, "inspect", str(path))


def partitions(folder: Path, count: int) -> Words:
    """Return the inspection of a GPT with so many partitions."""
    path = folder / "disk.raw"
    disks.partitioned(path, "gpt", count + 4, [disks.Part(number, number, 1, disks.LINUX_TYPE)
                                               for number in range(1, count + 1)])
    return (IMGBUILD, "inspect", "--no-checksum", str(path))


def files(folder: Path, count: int) -> Words:
    """Return the inspection of a Debian with so many files in a folder that is looked through."""
    more = {f"etc/netplan/{number:06}.yaml": b"network: {version: 2}\n" for number in range(count)}
    path = folder / "disk.raw"
    fs.ext(path, 512, {**linux(DEBIAN_12, disks.ROOT_LINE + "\n"), **more})
    return (IMGBUILD, "inspect", "--no-checksum", str(path))


def tables(folder: Path, gib: int) -> Words:
    """Return the inspection of a qcow2 whose L2 tables are all there."""
    path = folder / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, f"{gib}G"],
                   check=True)
    return (IMGBUILD, "inspect", "--no-checksum", str(path))


def rules(folder: Path, count: int) -> Words:
    """Return a lint with so many rules of one's own."""
    text = "".join(f'[[rule]]\nid = "own-{number}"\nseverity = "note"\ntitle = "One more"\n'
                   f'at = "/name"\n'
                   f'check = {{ kind = "matches", pattern = "^[a-z]{{1,{number + 3}}}$", accepts = "a word" }}\n'
                   for number in range(count))
    (folder / "own.toml").write_text(text)
    return (IMGBUILD, "lint", "--rules", str(folder), str(_request(folder, 0)))


def findings(folder: Path, count: int) -> Words:
    """Return a lint with so many findings."""
    return (IMGBUILD, "lint", "--format", "json", str(_request(folder, count)))


ROWS = (
    Row("size, sparse, without checksums", "GiB", (1, 4, 16, 64), sparse),
    Row("size, sparse, with sha256", "GiB", (1, 4, 16), hashed),
    Row("size, full, with md5 and sha256", "MiB", (256, 1024, 4096), full),
    Row("partitions", "", (1, 30, 60, 120), partitions),
    Row("files in a folder", "", (10, 1000, 2000, 4000), files),
    Row("L2 tables of a qcow2", "GiB of disk", (1, 64, 128, 256), tables),
    Row("rules", "", (30, 300, 3000), rules),
    Row("findings", "", (10, 100, 1000), findings),
)


def _file(folder: Path, gib: int) -> Path:
    path = folder / "file.raw"
    with path.open("wb") as file:
        file.truncate(gib * GIB)
    return path


def _request(folder: Path, unknown: int) -> Path:
    path = folder / "request.json"
    path.write_text(json.dumps({"name": "one", "__os_version": "Debian GNU/Linux 12.0.0 64bit", "min_disk": 40,
                                **{f"field_{number}": 1 for number in range(unknown)}}))
    return path


def take(row: Row, where: Path | None) -> str:
    """Measure the steps of a row and return it."""
    seconds = []
    for size in row.sizes:
        with tempfile.TemporaryDirectory(dir=where) as folder:
            words = row.make(Path(folder), size)
            seconds.append(min(measure(words).cpu for _ in range(ROUNDS)))
    steps = list(_slopes(row.sizes, seconds))
    shown = " : ".join(f"{1e6 * slope:.3g} µs" for slope in (steps[0], steps[-1]))
    sizes = ", ".join(map(str, row.sizes))
    return f"| {row.title} | {sizes} {row.unit} | {', '.join(f'{value:.2f}' for value in seconds)} | {shown} |"


def _slopes(sizes: Sequence[int], seconds: Sequence[float]) -> Iterator[float]:
    for number in range(1, len(sizes)):
        yield (seconds[number] - seconds[number - 1]) / (sizes[number] - sizes[number - 1])


def run(where: Path | None) -> None:
    """Print all rows."""
    sys.stdout.write("\n".join(HEADING) + "\n")
    for row in ROWS:
        sys.stdout.write(take(row, where) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, help="where files are made (a temporary folder); needs 5 GB")
    run(parser.parse_args().folder)
