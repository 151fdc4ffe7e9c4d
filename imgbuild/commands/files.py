"""Files that commands write and requests that they read; every failure is an ImgbuildError with one sentence."""

from __future__ import annotations

import os
import re
import stat
import sys
from typing import TYPE_CHECKING

from imgbuild.commands.ending import obey
from imgbuild.errors import ImgbuildError, SourceError
from imgbuild.smallfiles import read_small

if TYPE_CHECKING:
    from typing import BinaryIO

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


def links_of(path: str) -> int:
    """Return how many names (hard links) a file has; a symbolic link to it is none."""
    return os.stat(path).st_nlink


def rewrite(path: str, old: bytes, data: bytes) -> None:
    """Write ``data`` for the text ``old`` of a file, under each of its names.

    A file with one name is written as :func:`write_whole` does. A new file would leave the other names with the old
    text, so one with several is written in place; until that is done, the old text lies in a file beside it.

    Raises:
        ImgbuildError: It cannot be written; where anything may be lost, the message names the old text's file.
    """
    if links_of(path) == 1:
        write_whole(path, data)
        return
    target = os.path.realpath(path)
    kept = _beside(target)
    try:
        _replace(kept, old, _mode(target))
    except OSError as error:
        raise ImgbuildError(f"cannot write {kept!r}: {_reason(error)}",
                            cure=f"{path!r} has several names (hard links), so that its text is kept there") from error
    try:
        with open(target, "r+b") as file:
            file.truncate(len(data))
            _write_down(file, data)
    except OSError as error:
        raise ImgbuildError(f"cannot write {path!r}: {_reason(error)}", cure=f"its old text is in {kept!r}") from error
    os.unlink(kept)


def _write_down(file: BinaryIO, data: bytes) -> None:
    """Write bytes down to the disk."""
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def _beside(target: str) -> str:
    return os.path.join(os.path.dirname(target), f".imgbuild-{os.getpid()}-{os.urandom(4).hex()}.tmp")


def _replace(target: str, data: bytes, mode: int | None) -> None:
    beside = _beside(target)
    try:
        with open(beside, "xb") as file:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
            _write_down(file, data)
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
