"""Files that commands write and requests that they read; every failure is an ImgbuildError with one sentence."""

from __future__ import annotations

import os
import re
import stat
import sys

from imgbuild.commands.ending import obey
from imgbuild.errors import ImgbuildError, SourceError
from imgbuild.smallfiles import read_small

# One byte more than the reader of requests takes: it then says itself that the request is too large.
REQUEST_BYTES = (1 << 20) + 1
STANDARD_INPUT = STANDARD_OUTPUT = "-"
# What names a stream of this process: bash writes >(COMMAND) as /dev/fd/63. A link to a pipe leads to no file.
_STREAM = re.compile(r"/dev/std(out|err)|/(?:dev|proc/self)/fd/([0-9]{1,7})")
_STANDARD = {"out": 1, "err": 2}


def read_request(path: str, limit: int = REQUEST_BYTES) -> bytes:
    """Return the bytes of a request, or of another document, up to ``limit``; ``-`` is standard input.

    Raises:
        SourceError: There is no such file, or it cannot be read; what nobody writes to is not waited for.
    """
    try:
        if path == STANDARD_INPUT:
            return _standard_input(limit)
        return read_small(path, limit)
    except FileNotFoundError as error:
        raise SourceError(f"no such file: {path!r}", cure="check the path") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {path!r}: {_reason(error)}") from error


def _standard_input(limit: int) -> bytes:
    if sys.stdin is None:
        raise SourceError("cannot read standard input: it is closed")
    return sys.stdin.buffer.read(limit)


def check_target(path: str) -> None:
    """Raise ImgbuildError where ``path`` cannot become a file, before any work is done for it."""
    if path == STANDARD_OUTPUT:
        raise ImgbuildError("cannot write '-': it names no file",
                            cure="/dev/stdout is standard output, ./- a file of that name")
    if _descriptor(path) is not None:
        return
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise ImgbuildError(f"cannot write {path!r}: there is no folder {folder!r}", cure="make it first")
    if os.path.isdir(path):
        raise ImgbuildError(f"cannot write {path!r}: it is a directory", cure="name a file")


def write_whole(path: str, data: bytes) -> None:
    """Write a file whole or not at all: beside it, down to the disk, then in its place.

    A link is followed; what is no regular file (a pipe, ``/dev/null``) is written to as it is, and so is a stream of
    this process (``/dev/stdout``), even where it is a file: others write to it, too.

    Raises:
        ImgbuildError: It cannot be written; nothing is left behind.
    """
    obey()
    target = os.path.realpath(path)
    try:
        descriptor = _descriptor(path)
        if descriptor is not None:
            with open(os.dup(descriptor), "wb") as stream:
                stream.write(data)
            return
        mode = _mode(target)
        if mode is not None and not stat.S_ISREG(mode):
            with open(target, "wb") as file:
                file.write(data)
            return
        _replace(target, data, mode)
    except (OSError, ValueError) as error:
        raise ImgbuildError(f"cannot write {path!r}: {_reason(error)}") from error


def _replace(target: str, data: bytes, mode: int | None) -> None:
    beside = os.path.join(os.path.dirname(target), f".imgbuild-{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with open(beside, "xb") as file:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        if os.path.exists(beside):
            os.unlink(beside)
        raise


def _descriptor(path: str) -> int | None:
    """Return which descriptor of this process a path names, ``None`` for any other path."""
    named = _STREAM.fullmatch(path)
    return None if named is None else _STANDARD[named[1]] if named[1] else int(named[2])


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _reason(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
