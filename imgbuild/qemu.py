"""The witness: what qemu-img says of an image. The only code that starts qemu-img.

An inspection and the open descriptor come in, a :class:`Witness` leaves; that qemu-img is missing, refuses the image or
dies over it is a fact and never an exception.

It is asked about ``/dev/fd/N``, our own descriptor that the child inherits: the name of the image is in no argument (so
no ``-o``, ``json:``, ``nbd:`` or comma in it can mean anything), and what is looked at is the file that was inspected.
It is always told the format, because probing is what CVE-2010-3851 and CVE-2024-32498 were made of, and it is not asked
where our own reader objects to the container. ``qemu-img info`` opens no backing file. See
https://www.qemu.org/docs/master/tools/qemu-img.html, and CVE-2015-5162 on why the child has limits.
"""

from __future__ import annotations

import os
import sys
import time
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from imgbuild.model import Inspection, Problem, Witness
from imgbuild.sizes import MIB, ceil_div

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

# Our names, qemu's names. An ISO is a raw disk to qemu; it knows neither ZVHD nor ZVHD2.
FORMATS = {"raw": "raw", "iso": "raw", "qcow2": "qcow2", "vhd": "vpc", "vmdk": "vmdk", "vhdx": "vhdx", "vdi": "vdi",
           "qcow": "qcow", "qed": "qed", "parallels": "parallels"}

# Objections of our readers that are no danger to others: on the name, on sizes that differ, on what is inside the disk.
# With any other one qemu-img does not get to see the image; one that is missing here costs an opinion and no more.
HARMLESS = frozenset({
    "extended-l2", "extension-mismatch", "filesystem-feature-unknown", "filesystem-truncated", "filesystem-unreadable",
    "gpt-backup-not-at-end", "gpt-copies-differ", "gpt-duplicate-partition-id", "gpt-hybrid-mbr", "gpt-leftover",
    "gpt-past-end", "gpt-protective-mbr-missing", "lvm-past-end", "lvm-pv-missing", "lvm-unsupported-segment",
    "mbr-several-active", "nothing-inside", "partition-overlap", "partition-past-end", "size-over-whole-gib",
    "snapshots", "unaligned-size", "vhd-size-differs-from-chs", "vhd-spare-table-entries", "zstd-compression",
})

CPU_SECONDS = 10
MEMORY_BYTES = 1024 * MIB
OUTPUT_BYTES = 4 * MIB
OPEN_FILES = 64
_SECTOR = 512


class Descriptor(Protocol):
    """A file that is open for reading."""

    @property
    def descriptor(self) -> int:
        """Its number in this process."""
        ...


Failure = Literal["not-asked", "not-run", "refused", "died"]


class _NoAnswerError(Exception):
    """The child gave no answer; carries how, and a sentence."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.sandbox: tuple[str, ...] = ()


@cache
def find() -> str | None:
    """Return the absolute path of qemu-img, or ``None`` where it is not installed."""
    places = (os.path.abspath(os.path.join(folder, "qemu-img")) for folder in os.get_exec_path())
    return next((path for path in places if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def prepare() -> None:
    """Import what starts qemu-img, which takes 5 ms, in time that nobody waits for."""
    for module in ("subprocess", "imgbuild.sandbox.program") if find() else ():
        import_module(module)


@cache
def version() -> str | None:
    """Return the version that qemu-img gives (``7.2.22``), or ``None`` where it is not installed or not working."""
    if find() is None:
        return None
    try:
        words = _run(["--version"], None, timeout=CPU_SECONDS)[0].split()
    except _NoAnswerError:
        return None
    return words[2].decode("ascii", "replace") if words[1:2] == [b"version"] and words[2:] else None


def witness(image: Inspection, source: Descriptor, *, timeout: float = 30.0, probe: bool = False,
            named: bool = True) -> Witness:
    """Return what qemu-img says of the image under our format; ``timeout`` in seconds of the clock.

    With ``probe`` it is also asked what it takes the file for when it is not told. Without ``named`` it is asked for
    its version, which takes a run of its own, only where it gives no answer.
    """
    found = version() if named else None
    if find() is None or (named and found is None):
        return Witness()
    reason = _reason_not_to_ask(image)
    if reason is not None:
        return Witness(found=found, error=reason, failure="not-asked")
    try:
        told, held = _info(source, ["-f", FORMATS[image.format or ""]], timeout)
        probed = _info(source, [], timeout)[0]["format"] if probe else None
    except _NoAnswerError as failed:
        found = version()
        if found is None:  # it does not work at all
            return Witness()
        return Witness(found=found, error=str(failed), failure=failed.failure, sandbox=failed.sandbox)
    return Witness(found=found, format=told["format"], virtual_size=told["virtual-size"], probed=probed, sandbox=held)


def compare(image: Inspection, said: Witness) -> tuple[Problem, ...]:
    """Return the problems that follow where qemu-img says something else than our own reader."""
    if said.failure == "died":
        code, words = "qemu-died", f"did not survive this image: {said.error}"
    elif said.failure == "refused" and not image.problems:
        code, words = "qemu-disagrees", f"does not open this as {image.format}: {said.error}"
    elif None in (said.virtual_size, image.virtual_size) or said.virtual_size in _acceptable_sizes(image):
        return ()
    else:
        code, words = "qemu-disagrees", (f"sees a disk of {said.virtual_size} bytes in this {image.format}, our reader"
                                         f" one of {image.virtual_size}")
    return (Problem(code=code, message=f"qemu-img {said.found or version()} {words}"),)


def _reason_not_to_ask(image: Inspection) -> str | None:
    if image.format not in FORMATS:
        return f"not asked: qemu-img does not know {image.format or 'what is not recognised'}"
    objections = [problem.code for problem in image.problems if problem.code not in HARMLESS]
    return f"not asked: our own reader objects first ({objections[0]})" if objections else None


def _acceptable_sizes(image: Inspection) -> set[int]:
    """Return the sizes that are no disagreement: whole sectors, and of a VHD also that of its geometry.

    Where its creator counted by the geometry, qemu does so, too (block/vpc.c, vpc_open).
    """
    sizes = (image.virtual_size, image.container.get("chs_size"))
    return {ceil_div(size, _SECTOR) * _SECTOR for size in sizes if isinstance(size, int)}


def _info(source: Descriptor, options: Sequence[str], timeout: float) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what qemu-img says of the file, and what held it."""
    path = f"/dev/fd/{source.descriptor}"
    output, held = _run(["info", "--output=json", "--force-share", *options, path], source.descriptor, timeout)
    try:
        answer = msgspec.json.decode(output)
        if isinstance(answer["format"], str) and isinstance(answer["virtual-size"], int):
            return dict(answer), held
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        pass
    raise _NoAnswerError("not-run", f"its answer is not understood: {output[:80]!r}")


def _run(arguments: Sequence[str], descriptor: int | None, timeout: float) -> tuple[bytes, tuple[str, ...]]:
    """Run qemu-img shut in, and return what it wrote to standard output, and what held it; ``timeout`` in seconds."""
    child, held = _start([find() or "qemu-img", *arguments], descriptor)
    try:
        with child:
            held = (*_limit(child.pid), *held)
            try:
                output, complaints = _collect(child, time.monotonic() + timeout)
            finally:
                child.kill()
        if child.returncode != 0:
            raise _failure(child.returncode, complaints, arguments[-1])
    except _NoAnswerError as failed:
        failed.sandbox = held
        raise
    return output, held


def _start(words: Sequence[str], descriptor: int | None) -> tuple[subprocess.Popen[bytes], tuple[str, ...]]:
    import subprocess  # noqa: PLC0415 - as above

    from imgbuild.sandbox.program import Reach, start_confined  # noqa: PLC0415 - as above

    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "MALLOC_ARENA_MAX": "1"}
    inherited = () if descriptor is None else (descriptor,)

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - no shell, and no word of the arguments is from outside
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=inherited,
            env=environment, cwd="/")

    try:
        return start_confined(start, Reach(words[0], descriptor))
    except OSError as error:
        raise _NoAnswerError("not-run", f"it cannot be started: {error.strerror}") from error


def _limit(pid: int) -> tuple[str, ...]:
    """Put limits on the child from outside: a function run between fork and exec could deadlock beside our threads."""
    if sys.platform != "linux":
        return ()
    import resource  # noqa: PLC0415 - there is none on Windows

    limits = {resource.RLIMIT_AS: MEMORY_BYTES, resource.RLIMIT_CPU: CPU_SECONDS, resource.RLIMIT_FSIZE: 0,
              resource.RLIMIT_NOFILE: OPEN_FILES, resource.RLIMIT_CORE: 0}
    for which, value in limits.items():
        try:
            hard = resource.prlimit(pid, which)[1]
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.prlimit(pid, which, (bound, bound))
        except ProcessLookupError:  # it has ended already
            break
    return ("rlimits",)


def _collect(child: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    """Read both streams to their ends, at most OUTPUT_BYTES of them."""
    import selectors  # noqa: PLC0415 - as above

    assert child.stdout is not None  # noqa: S101 - both are pipes
    assert child.stderr is not None  # noqa: S101 - as above
    parts: dict[int, list[bytes]] = {child.stdout.fileno(): [], child.stderr.fileno(): []}
    left = OUTPUT_BYTES
    with selectors.DefaultSelector() as selector:
        for stream in parts:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise _NoAnswerError("died", "it took too long and was stopped")
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                parts[key.fd].append(data)
                left -= len(data)
                if not data:
                    selector.unregister(key.fd)
            if left < 0:
                raise _NoAnswerError("died", f"it wrote over {OUTPUT_BYTES // MIB} MiB and was stopped")
    child.wait()
    output, complaints = (b"".join(part) for part in parts.values())
    return output, complaints


def _failure(status: int, complaints: bytes, path: str) -> _NoAnswerError:
    if status < 0:
        return _NoAnswerError("died", f"signal {_signal_name(-status)}")
    lines = complaints.decode("utf-8", "replace").strip().splitlines() or [f"exit status {status}"]
    reason = lines[0].removeprefix("qemu-img: ").removeprefix(f"Could not open '{path}': ")
    ours = reason.startswith(f"Could not open '{path}': ")  # named twice: the file cannot be opened, whatever it holds
    return _NoAnswerError("not-run" if ours else "refused", repr(reason[:200])[1:-1])


def _signal_name(number: int) -> str:
    import signal  # noqa: PLC0415 - as above

    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
