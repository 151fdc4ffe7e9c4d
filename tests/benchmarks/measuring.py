"""Two commands in turn: a pair in, the median of the ratios of neighbouring runs out, as a row of a table.

What counts is the ratio A/B of runs side by side, A B A B, so that the speed of the machine and of the day drop out.
Both are run once before, so that files are in the page cache.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

IMGBUILD = str(Path(sys.executable).with_name("imgbuild"))
CLICK = (sys.executable, "-c", "import click")
HEADING = ("| measured | against | budget | ratio | seconds | peak, MiB |", "| --- | --- | --- | --- | --- | --- |")
# Where Python may not keep what it has compiled, all of a checkout is compiled at each start, but nothing of click.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Run:
    """What one run of a command took: seconds of the clock and of processors, and the peak of its memory in MiB."""

    seconds: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Pair:
    """Two commands: what is measured, with what it is compared, and what ratio and peak (MiB) are allowed.

    With ``more`` it is not the ratio that is allowed and shown, but so many seconds more.
    """

    title: str
    ours: tuple[str, ...]
    against: str
    other: tuple[str, ...]
    budget: float | None = None
    peak: int | None = None
    more: bool = False


def measure(words: tuple[str, ...]) -> Run:
    """Run a command and return what it took; one that ends with another status than 0 or 1 ends all."""
    started = time.perf_counter()
    null = subprocess.DEVNULL
    with subprocess.Popen(words, stdin=null, stdout=null, stderr=subprocess.PIPE, env=_ENVIRONMENT) as process:
        said = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode not in {0, 1}:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}: {said.decode(errors='replace')}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def compare(pair: Pair, rounds: int) -> str:
    """Run both commands in turn and return a row with the result."""
    measure(pair.ours)
    measure(pair.other)
    runs = [(measure(pair.ours), measure(pair.other)) for _ in range(rounds)]
    figures = [ours.seconds - other.seconds if pair.more else ours.seconds / other.seconds for ours, other in runs]
    figure, seconds = statistics.median(figures), statistics.median(ours.seconds for ours, _ in runs)
    peak = max(ours.peak for ours, _ in runs)
    shown = f"{figure:+.2f} s" if pair.more else f"{figure:.2f}"
    budget = "" if pair.budget is None else f"+{pair.budget:g} s" if pair.more else f"{pair.budget:g}"
    return (f"| {pair.title} | {pair.against} | {budget} | {_marked(shown, figure, pair.budget)} | {seconds:.3f} | "
            f"{_marked(f'{peak:.0f}', peak, pair.peak)} |")


def _marked(shown: str, value: float, limit: float | None) -> str:
    return f"**{shown}** over" if limit is not None and value > limit else shown


def machine() -> str:
    """Return on what all of it runs, in a few words."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{processors} processors {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
