"""Inspect damaged files by the thousand: seeds of a format and a number of cases in, failures and a summary out.

    python tests/fuzz/run.py --cases 1000 --seed 1 --format qcow2

Each mutant is opened, looked at and judged in this process's forked workers, without the sandbox: what the sandbox
would stop must not be tried. A case fails when anything is raised, when it takes over 2 s (twice, as the machine may be
busy) or over 512 MiB, when a file is opened that is neither the image nor Python's own, when a program is started, when
no report comes, or when the worker dies.
"""

from __future__ import annotations

import argparse
import gc
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import msgspec

if __name__ == "__main__":
    TESTS = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(TESTS), *sorted({str(test.parent) for test in TESTS.glob("*/test_*.py")})]

from mutate import Mutant, Mutator, applied, copy_data
from seeds import SAMPLES, Seed, all_seeds, save
from tools import find_tool

import imgbuild
from imgbuild import linting, pipeline
from imgbuild.documents.inspection import Look
from imgbuild.folder import open_folder
from imgbuild.inspection import look
from imgbuild.pipeline.books import load_book
from imgbuild.pipeline.contexts import context_for
from imgbuild.settings import Settings
from imgbuild.source import Source, open_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from imgbuild.folder import ImageFolder

MOST_SECONDS = 2.0
MOST_BYTES = 512 << 20
_PLAIN = 48 << 20  # what a worker takes that begins with nothing
MOST_KEPT = 64 << 20
PATIENCE = 30.0
_SETTINGS = Settings()
_LIBRARIES = tuple(os.path.join(os.path.realpath(folder), "") for folder in (
    sys.prefix, sys.base_prefix, os.path.dirname(os.path.dirname(imgbuild.__file__)), "/usr/lib", "/lib"))
_FORBIDDEN = ("subprocess.", "os.exec", "os.posix_spawn", "os.system", "os.fork", "socket.", "os.remove", "os.rename",
              "os.mkdir", "os.symlink", "os.truncate", "shutil.")


class Result(msgspec.Struct):
    """What a case came to: seconds, peak bytes, problem codes, and what failed (empty: nothing)."""

    number: int
    what: str
    seconds: float
    peak: int
    codes: tuple[str, ...] = ()
    failure: str = ""


@dataclass
class Tally:
    """What the cases of a seed came to, all together."""

    seed: str
    cases: int = 0
    with_problems: int = 0
    slowest: float = 0.0
    largest: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    failures: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count a case."""
        self.cases += 1
        self.with_problems += bool(result.codes)
        self.slowest = max(self.slowest, result.seconds)
        self.largest = max(self.largest, result.peak)
        self.codes.update(result.codes)
        if result.failure:
            self.failures.append(result)

    def __str__(self) -> str:
        return (f"{self.seed:40} {self.cases:7} cases {self.with_problems:7} with problems {len(self.codes):3} codes"
                f"  slowest {self.slowest:.2f} s  largest {self.largest >> 20} MiB  {len(self.failures)} failures")


def fuzz(seed: Seed, path: Path, numbers: Iterable[int], chosen: object = 1, *, until: float | None = None) -> Tally:
    """Inspect the mutants of those numbers of the file at ``path``; stop at the time ``until`` (of time.time)."""
    load_book(_SETTINGS)
    tally = Tally(str(seed))
    left = list(numbers)
    with tempfile.TemporaryDirectory(prefix="imgbuild-fuzz-") as folder:
        copy = Path(folder) / path.name
        for name, content in seed.beside:
            save(content, copy.with_name(name))
        while left and (until is None or time.time() < until):
            _copy(path, copy)
            for result in _batch(path, copy, seed, chosen, left):
                tally.add(result)
                left.remove(result.number)
                if until is not None and time.time() > until:
                    break
    return tally


def _copy(path: Path, copy: Path) -> None:
    with path.open("rb") as source, copy.open("wb") as target:
        target.truncate(path.stat().st_size)
        copy_data(source.fileno(), target.fileno())


def _batch(path: Path, copy: Path, seed: Seed, chosen: object, numbers: Sequence[int]) -> Iterator[Result]:
    """Give the result of each case; when the worker dies, that of the case it died of, and no more."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _be_worker(_Start(path, copy, seed, f"{seed} {chosen}"), numbers, writing)
    os.close(writing)
    current = numbers[0]
    try:
        with open(reading, "rb", buffering=0) as pipe:
            for result in _lines(pipe):
                if isinstance(result, Result):
                    yield result
                else:
                    current = result
        status = _end(process)
        process = 0
        if status:
            yield Result(current, "", 0, 0, failure=f"the worker ended with {status} ({PATIENCE} s are its patience)")
    finally:
        if process:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def _lines(pipe: Any) -> Iterator[Result | int]:
    """Give what the worker writes; stop when it ends or says nothing for long."""
    held = b""
    decoder = msgspec.json.Decoder(Result | int)
    while select.select([pipe], [], [], PATIENCE)[0]:
        data = pipe.read(1 << 16)
        if not data:
            return
        *lines, held = (held + data).split(b"\n")
        yield from map(decoder.decode, lines)


def _end(process: int) -> int:
    """Return the exit status of the worker, negative for a signal; one that hangs is ended."""
    for _ in range(50):
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


class _Start(NamedTuple):
    """What a worker begins with: the sound file, a copy to be damaged, what they are, and what the dice begin with."""

    path: Path
    copy: Path
    seed: Seed
    dice: str


def _be_worker(start: _Start, numbers: Sequence[int], channel: int) -> NoReturn:
    status = 70
    try:
        worker = _Worker(start)
        most = _memory("VmRSS") + MOST_KEPT
        for number in numbers:
            if _memory("VmRSS") > most:
                break  # as each inspection has a process of its own, the next cases get a new one
            os.write(channel, b"%d\n" % number)
            os.write(channel, msgspec.json.encode(worker.case(number)) + b"\n")
        status = 0
    except BaseException:  # noqa: BLE001 - a forked child must not return into its parent's code
        traceback.print_exc()
    finally:
        os._exit(status)


class _Worker:
    """A forked process that has the pristine file and a copy to be damaged open."""

    def __init__(self, start: _Start) -> None:
        self._inherited = _memory("VmRSS")  # of whatever started it: tests that ran before, it may be
        self._path = str(start.copy)
        self._judge = _lint if start.seed.format == "request" else _judge_over_parents if start.seed.beside else _judge
        self._places = _LIBRARIES
        if start.seed.beside:
            # Names of parents are opened in the image's folder; here that is also what they are relative to.
            os.chdir(start.copy.parent)
            self._places += (os.path.join(os.path.realpath(start.copy.parent), ""),)
        self._pristine = os.open(start.path, os.O_RDONLY)
        self._copy = os.open(start.copy, os.O_RDWR)
        self._peak = open("/proc/self/clear_refs", "w", buffering=1)  # noqa: SIM115 - open for the worker's life
        self._strange: list[str] = []
        self._watching = False
        sys.addaudithook(self._audit)
        self._mutator = Mutator(self._pristine, self._trace(), start.dice)
        gc.collect()
        gc.freeze()  # so that looking for circles is quick from here on

    def _trace(self) -> list[tuple[int, int]]:
        """Return what is read of the sound file, which also imports what will be used."""
        with open_source(self._path) as source:
            traced = _Traced(source.path, os.dup(source.descriptor))
        with traced:
            self._judge(traced)
        return traced.seen

    def case(self, number: int) -> Result:
        mutant = self._mutator.mutant(number)
        with applied(mutant, self._copy, self._pristine):
            result = self._look(number, mutant)
            if not result.failure and result.seconds > MOST_SECONDS:
                result = self._look(number, mutant)
        if not result.failure and result.seconds > MOST_SECONDS:
            result.failure = f"took {result.seconds:.1f} s, twice"
        if not result.failure and result.peak > MOST_BYTES:
            result.failure = f"took {result.peak >> 20} MiB"
        return result

    def _look(self, number: int, mutant: Mutant) -> Result:
        gc.collect()  # what the case before left in circles is not this one's
        self._inherited = min(self._inherited, _memory("VmRSS"))  # some of it may have been let go of by now
        self._peak.write("5\n")  # the peak of memory is counted anew
        self._strange.clear()
        result = Result(number, mutant.what, 0, 0)
        self._watching = True
        started = time.process_time()
        try:
            with open_source(self._path) as source:
                result.codes = self._judge(source)
        except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
            result.failure = traceback.format_exc()
        result.seconds = time.process_time() - started
        self._watching = False
        result.peak = max(0, _memory("VmHWM") - self._inherited) + _PLAIN
        if self._strange and not result.failure:
            result.failure = f"opened or did: {self._strange}"
        return result

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if event == "open":
            name = args[0]
            if isinstance(name, int) or name in {self._path, os.path.dirname(self._path)}:
                return
            if not os.path.realpath(os.fsdecode(name)).startswith(self._places):
                self._strange.append(f"open {name!r}")
        elif event.startswith(_FORBIDDEN):
            self._strange.append(f"{event} {args!r}")


class _Traced(Source):
    """A source that remembers what was read of it."""

    def __init__(self, path: str, descriptor: int) -> None:
        super().__init__(path, descriptor)
        self.seen: list[tuple[int, int]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        self.seen.append((offset, length))
        return super().read_at(offset, length)


def _memory(name: str) -> int:
    """Return a number of the kernel on this process in bytes: ``VmRSS`` is its memory, ``VmHWM`` the peak."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith(name))


def _judge_over_parents(source: Source) -> tuple[str, ...]:
    """Judge as ``--allow-external`` does."""
    with open_folder(source.path) as folder:
        return _judge(source, folder)


def _judge(source: Source, folder: ImageFolder | None = None) -> tuple[str, ...]:
    """Take the way of ``check`` through look, manifest and rules; return the problems' codes and the rules' names."""
    reports: list[Look] = []
    look(source, None, reports.append, folder)
    facts = msgspec.msgpack.decode(msgspec.msgpack.encode(reports[-1]), type=Look).facts
    assert all(problem.message and problem.message.isprintable() for problem in facts.problems), facts.problems
    book = load_book(_SETTINGS)
    manifest = pipeline._manifest(facts, pipeline.NO_CHOICES, book, _SETTINGS, ())
    findings, _ = linting.lint(book, context_for(facts, manifest, None, book, _SETTINGS))
    msgspec.json.encode((facts, manifest, findings))
    return tuple(dict.fromkeys(problem.code for problem in facts.problems))


def _lint(source: Source) -> tuple[str, ...]:
    """Take the way of ``lint``; return the names of the rules that found something."""
    findings = pipeline.lint(source.read_at(0, source.size), _SETTINGS, name=source.name)
    msgspec.json.encode(findings)
    assert all(finding.message.isprintable() for finding in findings.findings), findings
    return tuple(dict.fromkeys(finding.rule for finding in findings.findings))


def prepared(seeds: Sequence[Seed], folder: Path) -> Iterator[tuple[Seed, Path]]:
    """Make the files of the seeds that are not in ``folder`` yet; what else a tool left beside them is removed."""
    for seed in seeds:
        kept = folder / f"{seed.format}-{seed.name}.image"
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=folder) as own:
                path = seed.make(Path(own))
                shutil.copyfile(path, kept) if path.is_relative_to(SAMPLES) else path.rename(kept)
        yield seed, kept


def main() -> int:
    """Run as the words of the command line say."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--cases", type=int, default=1000, help="mutants of each seed")
    words.add_argument("--seed", default="1")
    words.add_argument("--format", action="append", help="only seeds of this format, or FORMAT:NAME; repeatable")
    words.add_argument("--only", type=int, help="this one case")
    words.add_argument("--minutes", type=float, help="stop after so long")
    words.add_argument("--images", type=Path, help="folder that keeps the sound files for the next run")
    words.add_argument("--codes", action="store_true", help="also list how often each problem came")
    options = words.parse_args()
    until = None if options.minutes is None else time.time() + 60 * options.minutes
    numbers = range(options.cases) if options.only is None else [options.only]
    failed = 0
    chosen = [seed for seed in all_seeds() if not options.format or {seed.format, str(seed)} & set(options.format)]
    with tempfile.TemporaryDirectory(prefix="imgbuild-fuzz-") as folder, suppress(KeyboardInterrupt):
        usable = [seed for seed in chosen if all(map(find_tool, seed.tools))]
        for seed, path in prepared(usable, options.images or Path(folder)):
            tally = fuzz(seed, path, numbers, options.seed, until=until)
            failed += len(tally.failures)
            _print(tally, codes=options.codes)
    return 1 if failed else 0


def _print(tally: Tally, *, codes: bool) -> None:
    lines = [str(tally)]
    if codes:
        lines.append("    " + ", ".join(f"{code} {count}" for code, count in tally.codes.most_common()))
    lines += [f"    case {failure.number} ({failure.what}): {failure.failure}" for failure in tally.failures]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
