"""Run imgbuild on a hostile file in a process of its own, and see what it opened, what it said and what it took.

The process is forked from this one, where everything is imported already. Three things watch it: an audit hook of
Python writes down what it and its sandboxed child open, start and connect to (into memory that all share, for the child
can open nothing); inotify tells which files in the image's folder were opened by anybody, qemu-img included; and the
kernel counts its memory.
"""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import os
import pkgutil
import signal
import struct
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import imgbuild
from imgbuild import qemu, rulebook
from imgbuild.pipeline.books import load_book
from imgbuild.settings import Settings

if TYPE_CHECKING:
    import resource
    from collections.abc import Callable, Iterator

    from hostile.case import Case

MEMORY_BYTES = 512 << 20
_PLAIN = 48 << 20  # what imgbuild takes with all that it may import, before it looks at anything
TIME_LIMIT = 10  # for --time-limit: five times the budget, as the machine may be busy
PATIENCE = 60.0
_LOG_BYTES = 1 << 20
_WATCHED = {"os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pty.spawn", "socket.connect", "socket.bind",
            "socket.getaddrinfo", "socket.sendto", "shutil.copyfile", "os.remove", "os.rename", "os.symlink"}
_IN_OPEN = 0x20
_O_PATH = getattr(os, "O_PATH", 0)
_IN_NONBLOCK = 0o4000
_EVENT = struct.Struct("iIII")


@dataclass(frozen=True)
class Seen:
    """What a run left: exit status, both streams, the JSON report, what was opened and done, seconds, peak in bytes."""

    status: int
    out: str
    err: str
    report: str
    opened: tuple[str, ...]
    done: tuple[str, ...]
    touched: frozenset[str]
    seconds: float
    peak: int

    @property
    def document(self) -> Any:
        return json.loads(self.report)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules of group safety, integrity, file and request that fired, errors first."""
        order = ("error", "warning", "note")
        found = sorted(self.document["findings"], key=lambda finding: order.index(finding["severity"]))
        return tuple(dict.fromkeys(finding["rule"] for finding in found))


def check(case: Case, folder: Path) -> Seen:
    """Run ``check`` on the file (``lint``, where it is a request) as a person would in its folder."""
    _warm_up()
    words = ["lint"] if case.request else ["check", "--time-limit", str(TIME_LIMIT)]
    words += [] if case.request or "--checksum" in case.words else ["--no-checksum"]
    with tempfile.TemporaryDirectory(prefix="hostile-report-") as reports:
        report = Path(reports) / "report.json"
        words += ["--format", "text", "--format", f"json={report}", *case.words, "--", case.name]
        with _Folder(folder) as watch:
            seen = _run(words, folder, report, _at_fork(case, folder))
            return _with_touched(seen, watch.opened() - {case.name})


@cache
def _warm_up() -> None:
    """Let all modules, the rule book and the version of qemu-img be known to the processes that are forked."""
    for module in pkgutil.walk_packages(imgbuild.__path__, "imgbuild."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    load_book(Settings())
    rulebook.load_profile("huaweicloud")
    qemu.version()
    gc.freeze()  # what is there now is not looked through, and so not copied, in each of the processes


def _at_fork(case: Case, folder: Path) -> Callable[[], object]:
    meanwhile = case.meanwhile
    return (lambda: None) if meanwhile is None else lambda: meanwhile(folder / case.name)


def _with_touched(seen: Seen, touched: set[str]) -> Seen:
    return Seen(**{**vars(seen), "touched": frozenset(touched)})


def _run(words: list[str], folder: Path, report: Path, at_fork: Callable[[], object]) -> Seen:
    log = mmap.mmap(-1, 2 * _LOG_BYTES)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        inherited = _resident()
        started = time.monotonic()
        process = os.fork()
        if process == 0:
            _be_imgbuild(words, folder, (out.fileno(), err.fileno()), _Hook(log, at_fork))
        status, usage = _wait(process, started)
        seconds = time.monotonic() - started
        opened, done = _read(log)
        streams = [_content(stream.fileno()) for stream in (out, err)]
    text = report.read_text() if report.exists() else ""
    return Seen(status, *streams, text, opened, done, frozenset(), seconds,
                _PLAIN + max(0, (usage.ru_maxrss << 10) - inherited))


def _resident() -> int:
    """Return the bytes of memory of this process: a child begins with them, be it tests that ran before."""
    with open("/proc/self/statm", encoding="ascii") as numbers:
        return int(numbers.read().split()[1]) * mmap.PAGESIZE


def _content(descriptor: int) -> str:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("utf-8", "surrogateescape")


def _wait(process: int, started: float) -> tuple[int, resource.struct_rusage]:
    """Wait for the process; its exit status, or the negative number of the signal that ended it."""
    while True:
        ended, status, usage = os.wait4(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), usage
        if time.monotonic() - started > PATIENCE:
            os.killpg(process, signal.SIGKILL)
        time.sleep(0.002)


def _be_imgbuild(words: list[str], folder: Path, streams: tuple[int, int], hook: _Hook) -> NoReturn:
    status = 99
    try:
        os.setsid()
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, descriptor in enumerate(streams, start=1):
            os.dup2(descriptor, number)
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
                                  for number in (1, 2))
        sys.argv = ["imgbuild", *words]
        os.environ.update(NO_COLOR="1", COLUMNS="100")
        sys.addaudithook(hook)
        status = _main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _main() -> int:
    from imgbuild.__main__ import main  # noqa: PLC0415 - it is the program that is started here

    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 99
    return 98


class _Hook:
    """The audit hook: writes down what is opened (``o``) and what else is done (``d``)."""

    def __init__(self, log: mmap.mmap, at_fork: Callable[[], object]) -> None:
        self._log = log
        self._at_fork = at_fork
        self._first = 0
        self._places: dict[int, int] = {}
        self._ours = False

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self._ours:
            return
        if event == "open":
            self._opened(*args)
        elif event in _WATCHED:
            self._write("d", f"{event} {args[:2]}")
        elif event == "os.fork":
            self._ours = True
            self._at_fork()
            self._ours = False

    def _opened(self, path: object, _mode: object, flags: int) -> None:
        # What Landlock is told (O_PATH) cannot be read through; a number is open already.
        if not isinstance(path, int) and not flags & _O_PATH:
            self._write("o", path)

    def _write(self, kind: str, what: object) -> None:
        process = os.getpid()
        self._first = self._first or process
        half = 0 if process == self._first else _LOG_BYTES
        place = self._places.get(half, half)
        raw = kind.encode() + json.dumps(os.fsdecode(what) if isinstance(what, bytes) else str(what)).encode() + b"\n"
        self._log[place : place + len(raw)] = raw
        self._places[half] = place + len(raw)


def _read(log: mmap.mmap) -> tuple[tuple[str, ...], tuple[str, ...]]:
    lines = [line for half in (0, _LOG_BYTES)
             for line in log[half : half + _LOG_BYTES].rstrip(b"\0").decode().split("\n") if line]
    opened, done = ([json.loads(line[1:]) for line in lines if line[0] == kind] for kind in "od")
    return tuple(opened), tuple(done)


class _Folder:
    """inotify on a folder: which files in it were opened since."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(_IN_NONBLOCK)
        if self._descriptor < 0 or libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._descriptor)

    def opened(self) -> set[str]:
        return {name for name in self._events() if name}

    def _events(self) -> Iterator[str]:
        while True:
            try:
                data = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return
            place = 0
            while place < len(data):
                length = _EVENT.unpack_from(data, place)[3]
                place += _EVENT.size
                yield os.fsdecode(data[place : place + length].rstrip(b"\0"))
                place += length


_OURS = tuple(os.path.join(folder, "") for folder in (
    sys.prefix, sys.base_prefix, os.path.dirname(imgbuild.__file__),
    os.path.join(os.path.dirname(os.path.dirname(imgbuild.__file__)), "rules"), "/usr/lib", "/lib", "/usr/share",
    "/proc/self"))
_DEVICES = {os.devnull, "/dev/urandom", "/etc/ld.so.cache"}
_FOLDERS = (os.path.join(tempfile.gettempdir(), "hostile-report-"), os.path.join(tempfile.gettempdir(), "imgbuild-"))
"""The folder of the report, and that of the socket over which qemu-nbd serves a disk."""
_CONFIGURATION = {"imgbuild.toml", "pyproject.toml"}
"""Looked for in the folder that one works in, and in those above."""


def outside(case: Case, seen: Seen) -> list[str]:
    """Return what was opened or done beyond the image, the report, Python's own files and qemu's programs."""
    allowed = {case.name, *case.beside, os.curdir}
    strange = [path for path in seen.opened if path not in allowed and path not in _DEVICES
               and not path.startswith((*_OURS, *_FOLDERS)) and os.path.basename(path) not in _CONFIGURATION]
    strange += [deed for deed in seen.done if not _is_usual(deed)]
    return strange + sorted(seen.touched - allowed)


def _is_usual(deed: str) -> bool:
    if deed.startswith("subprocess.Popen"):
        return "/qemu-img'" in deed or "/qemu-nbd'" in deed
    return deed.startswith("os.remove ('nbd',") or any(folder in deed for folder in _FOLDERS)
