"""Two commands in turn: a pair in, the median of the ratios of neighbouring runs out, as a row of a table.

What counts is the ratio A/B of runs side by side, A B A B, so that the speed of the machine and of the day drop out.
Both are run once before, so that files are in the page cache. A program that fails gets a row that says so.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

IMGBUILD = str(Path(sys.executable).with_name("imgbuild"))
CLICK = (sys.executable, "-c", "import click")
LONGEST = 600
"""Seconds after which a command is ended."""
RATIOS = (("measured", "against", "budget", "ratio", "seconds", "peak, MiB"), "llrrrr")
"""Columns of the table and how each is aligned."""
_SAID = 120
# Where Python may not keep what it has compiled, all of a checkout is compiled at each start, but nothing of click.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

Words = tuple[str, ...]
Variables = tuple[tuple[str, str], ...]


class Failed(Exception):  # noqa: N818 - it is what became of a command
    """A command could not be started, was ended, or ended with another status than 0 or 1."""


@dataclass(frozen=True)
class Run:
    """What one run of a command took: seconds of the clock and of processors, and the peak of its memory in MiB.

    The peak is that of the largest of its processes.
    """

    seconds: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Pair:
    """Two commands: what is measured, with what it is compared, and what ratio and peak (MiB) are allowed.

    With ``more`` it is not the ratio that is allowed and shown, but so many seconds more. ``variables`` go into the
    environment of both; with ``rounds`` it is compared so often at most.
    """

    title: str
    ours: Words
    against: str
    other: Words
    budget: float | None = None
    peak: int | None = None
    more: bool = False
    variables: Variables = ()
    rounds: int = 1000


def measure(words: Words, variables: Variables = ()) -> Run:
    """Run a command and return what it took.

    Raises:
        Failed: it could not be started, took too long, or ended with another status than 0 or 1.
    """
    started = time.perf_counter()
    null = subprocess.DEVNULL
    try:
        process = subprocess.Popen(words, stdin=null, stdout=null, stderr=subprocess.PIPE,
                                   env=_ENVIRONMENT | dict(variables))
    except OSError as error:
        raise Failed(f"{words[0]}: {error.strerror}") from error
    with process, _killed_after(LONGEST, process):
        said = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:
        raise Failed(_reason(words[0], process.returncode, said))
    if process.returncode == 1 and words[0] != IMGBUILD:  # ours ends so when it finds something
        raise Failed(_reason(words[0], 1, said))
    return Run(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@contextmanager
def _killed_after(seconds: float, process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill a process that still runs after some seconds."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _reason(program: str, status: int, said: bytes) -> str:
    """Return why a command failed: the last line it said, or the first one of ours and of libguestfs."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    line = next((line for line in lines if "error:" in line), lines[-1] if lines else "it said nothing")
    return f"{Path(program).name} ended with {status}: {line[:_SAID]}"


def compare(pair: Pair, rounds: int) -> tuple[str, ...]:
    """Run both commands in turn and return the cells of a row with the result."""
    budget = "" if pair.budget is None else f"+{pair.budget:g} s" if pair.more else f"{pair.budget:g}"
    try:
        runs = list(_in_turn(pair, min(rounds, pair.rounds)))
    except Failed as failed:
        return pair.title, pair.against, budget, f"not measured: {failed}", "", ""
    figures = [ours.seconds - other.seconds if pair.more else ours.seconds / other.seconds for ours, other in runs]
    figure, seconds = statistics.median(figures), statistics.median(ours.seconds for ours, _ in runs)
    peak = max(ours.peak for ours, _ in runs)
    shown = f"{figure:+.2f} s" if pair.more else f"{figure:.2g}" if figure < 0.1 else f"{figure:.2f}"
    return (pair.title, pair.against, budget, marked(shown, figure, pair.budget), f"{seconds:.3f}",
            marked(f"{peak:.0f}", peak, pair.peak))


def _in_turn(pair: Pair, rounds: int) -> list[tuple[Run, Run]]:
    os.sync()  # what was made for the measurement is written by now, not beside it
    measure(pair.ours, pair.variables)
    if pair.rounds > 1:
        measure(pair.other, pair.variables)
    return [(measure(pair.ours, pair.variables), measure(pair.other, pair.variables)) for _ in range(rounds)]


def marked(shown: str, value: float, limit: float | None) -> str:
    """Return a figure, marked where it is over its limit."""
    return f"**{shown}** over" if limit is not None and value > limit else shown


def machine() -> str:
    """Return on what all of it runs, in a few words."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (f"{count} processors {platform.machine()} ({_model()}), {memory:.0f} GiB of memory, {platform.system()},"
            f" Python {platform.python_version()}")


def _model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "of unknown make"
