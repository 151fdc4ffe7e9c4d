"""How much of a disk is read to inspect it: disks in, rows out. These numbers are the same on every machine."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from comparisons import CONTAINERS, QUICK
from subjects import in_container

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READS = (("disk of 2 GiB", "reads", "KiB read", "reads with the initramfs", "KiB read with the initramfs"), "lrrrr")
"""Columns of the table and how each is aligned."""


def rows(raws: dict[str, Path], folder: Path) -> Iterator[tuple[str, ...]]:
    """Give a row for each file system, and for ext4 in each container."""
    for name, raw in raws.items():
        for container in (*CONTAINERS, "zvhd") if name == "ext4" else ("raw",):
            path = str(in_container(container, raw, folder))
            cells = [figure for words in (("--no-initramfs",), ()) for figure in _read(*words, path)]
            yield (f"{name} in {container}", *cells)


def _read(*words: str) -> tuple[str, str]:
    """Return the number of reads and the KiB that an inspection takes."""
    done = subprocess.run([*QUICK, "--run-facts", "--format", "json", *words], capture_output=True, check=False)
    try:
        run = json.loads(done.stdout)["run"]
    except (ValueError, KeyError):
        return "not measured", f"ended with {done.returncode}"
    return f"{run['reads']:,}", f"{run['bytes_read'] / 1024:,.0f}"
