"""How the time grows with what there is to read: rows out, with the processor seconds of each size.

They are the least of some runs. The time for one more is given over the lower and over the upper half of the sizes:
where the line is straight the two are alike. The peak of memory is that of the largest process of imgbuild.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import larger
from apart import apart
from crowds import PROGRAMS
from measuring import Failed, marked, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from measuring import Run, Words

ROUNDS = 3
LONG = 8
"""Seconds after which no further run of the same command is begun."""
SPARE = 4 << 30
"""Bytes of the disk that are left free."""
INSPECT_PEAK, CHECK_PEAK = 60, 80
GROWTH = (("time against", "so many", "processor seconds", "for one more, below", "above", "peak, MiB"), "llrrrr")
"""Columns of the table and how each is aligned."""
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/bin"


class Row(NamedTuple):
    """What grows, in which steps, what makes the command of a step in a folder, by which programs."""

    title: str
    unit: str
    sizes: Sequence[int]
    make: Callable[[Path, int], Words]
    programs: tuple[str, ...] = ()
    peak: int | None = None
    full: bool = False


ROWS = (
    Row("size, sparse, without checksums", "GiB", (1, 4, 16, 64), larger.sparse, peak=INSPECT_PEAK),
    Row("size, sparse, sha256", "GiB", (1, 4, 16, 64), larger.hashed, peak=INSPECT_PEAK),
    Row("size, full, `check` with md5 and sha256", "GiB", (1, 4, 16, 64), larger.full, peak=CHECK_PEAK, full=True),
    Row("partitions of a GPT", "", (1, 30, 60, 120), larger.partitions, ("sfdisk",)),
    Row("logical volumes", "", (1, 30, 60, 120), larger.volumes),
    *(Row(f"files in {place}, {kind}", "", (1000, 10000, 40000, 90000), larger.files(kind, place.split("`")[1][1:]),
          programs)
      for place in ("`/etc`, which is listed", "`/usr/bin`, where names are looked up")
      for kind, programs in PROGRAMS.items()),
    Row("L2 tables of a qcow2", "GiB of disk", (1, 64, 128, 256),
        larger.empty("G", "-f", "qcow2", "-o", "preallocation=metadata"), ("qemu-img",)),
    Row("L1 table of a qcow2", "TiB of disk", (1, 4, 16, 64), larger.empty("T", "-f", "qcow2"), ("qemu-img",)),
    Row("block table of a VHD", "GiB of disk", (64, 256, 1024, 2040),
        larger.empty("G", "-f", "vpc", "-o", "subformat=dynamic,force_size=on"), ("qemu-img",)),
    Row("block table of a VHDX", "TiB of disk", (1, 4, 16, 63), larger.empty("T", "-f", "vhdx", "-o", "block_size=8M"),
        ("qemu-img",)),
    Row("tables of a VMDK", "GiB of disk", (64, 256, 1024, 2040), larger.empty("G", "-f", "vmdk"), ("qemu-img",)),
    Row("rules of one's own", "", (100, 1000, 10000), larger.rules),
    Row("findings", "", (100, 1000, 10000), larger.findings),
)


def rows(where: Path | None, rounds: int, largest: int) -> Iterator[tuple[str, ...]]:
    """Give a row for each thing that grows; full files have no more than ``largest`` GiB, and fit."""
    room = (shutil.disk_usage(where or tempfile.gettempdir()).free - SPARE) >> 30
    room = largest if larger.shares(where) else room
    for row in ROWS:
        if any(shutil.which(program, path=_PATH) is None for program in row.programs):
            continue
        sizes = [size for size in row.sizes if not row.full or size <= min(largest, room)]
        yield _cells(row, sizes, where, rounds)


def _cells(row: Row, sizes: list[int], where: Path | None, rounds: int) -> tuple[str, ...]:
    so_many = f"{', '.join(map(str, sizes))} {row.unit}".strip()
    try:
        runs = [_least(row, size, where, rounds) for size in sizes]
    except Failed as failed:
        return row.title, so_many, f"not measured: {failed}", "", "", ""
    below, above = slopes(sizes, [run.cpu for run in runs])
    peaks = ", ".join(marked(f"{run.peak:.0f}", run.peak, row.peak) for run in runs)
    return row.title, so_many, ", ".join(f"{run.cpu:.2f}" for run in runs), duration(below), duration(above), peaks


def _least(row: Row, size: int, where: Path | None, rounds: int) -> Run:
    """Return the run of least processor time."""
    with tempfile.TemporaryDirectory(dir=where) as folder:
        words = apart(row.make, Path(folder), size)
        started, runs = time.monotonic(), [measure(words)]
        while len(runs) < rounds and time.monotonic() - started < LONG:
            runs.append(measure(words))
    return min(runs, key=lambda run: run.cpu)


def slopes(sizes: Sequence[int], seconds: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the seconds for one more, over the lower and the upper half of the sizes; two of them are one half."""
    middle = len(sizes) // 2
    halves = ((0, middle), (middle, len(sizes) - 1))
    below, above = ((seconds[end] - seconds[start]) / (sizes[end] - sizes[start]) if end > start else None
                    for start, end in halves)
    return below, above


def duration(seconds: float | None) -> str:
    """Return seconds with a unit that suits them; what is less than a microsecond is nothing."""
    if seconds is None:
        return ""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if abs(seconds) * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return "0"
