"""Random access to bytes: the one interface between files, containers, partitions and file systems.

A reader has a ``size`` in bytes and ``read_at(offset, length)``, which gives exactly ``length`` bytes or raises
:class:`BrokenImage`. All numbers that come out of an image pass through here before they reach a file.
"""

from __future__ import annotations

import io
from typing import Protocol

from imgbuild.model import Problem

EVIDENCE_BYTES = 32
SHOWN_CHARACTERS = 120


class Reader(Protocol):
    """Something with a size and bytes at offsets."""

    @property
    def size(self) -> int:
        """The number of bytes that can be read."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        ...


class Folder(Protocol):
    """The folder of an image: where the other files of a disk that is split lie."""

    def open(self, name: str) -> Reader:
        """Return the file of that name, or raise BrokenImage ``external-outside``, ``external-missing`` and the like.

        Asked twice for a name it gives the same file.
        """
        ...


class BrokenImage(Exception):  # noqa: N818 - it is a statement on the image, not an error of ours
    """The image says something that cannot be followed; carries the problem that will be reported."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def broken(code: str, message: str, *, field: str | None = None, offset: int | None = None,
           raw: bytes | None = None) -> BrokenImage:
    """Return a BrokenImage for the field at ``offset`` whose bytes are ``raw``."""
    return BrokenImage(problem(code, message, field=field, offset=offset, raw=raw))


def problem(code: str, message: str, *, field: str | None = None, offset: int | None = None,
            raw: bytes | None = None) -> Problem:
    """Return a problem for the field at ``offset`` (bytes into the file) whose bytes are ``raw``."""
    shown = None if raw is None else raw[:EVIDENCE_BYTES].hex()
    return Problem(code=code, message=message, field=field, offset=offset,
                   length=None if raw is None else len(raw), hex=shown)


def quoted(text: str) -> str:
    """Return text out of an image as it may stand in a message: quoted, escaped, at most 120 characters of it."""
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…")


def check_range(size: int, offset: int, length: int, what: str) -> None:
    """Raise BrokenImage ``truncated`` unless the range lies within ``size`` bytes."""
    if offset < 0 or length < 0 or offset + length > size:
        raise outside(size, offset, length, what)


def outside(size: int, offset: int, length: int, what: str) -> BrokenImage:
    """Return what is said of a range that does not lie within ``size`` bytes."""
    return broken("truncated", f"{what} ends at {size}, but bytes {offset} to {offset + length} are asked for")


class Slice:
    """A part of another reader: a partition of a disk, an extent of a file."""

    def __init__(self, reader: Reader, start: int, size: int) -> None:
        check_range(reader.size, start, size, "the disk")
        self._reader = reader
        self._start = start
        self._size = size

    @property
    def size(self) -> int:
        """The number of bytes of the part."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset`` of the part, or raise BrokenImage."""
        check_range(self._size, offset, length, "the partition")
        return self._reader.read_at(self._start + offset, length)


class Memory:
    """Bytes in memory as a reader."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self._data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        check_range(len(self._data), offset, length, "the data")
        return self._data[offset : offset + length]


def read_clipped(reader: Reader, offset: int, length: int) -> bytes:
    """Return up to ``length`` bytes from ``offset``, fewer where the reader ends before."""
    if offset >= reader.size:
        return b""
    return reader.read_at(offset, min(length, reader.size - offset))


class FileView(io.RawIOBase):
    """A reader as the seekable binary file that libraries ask for. Reads stop at the end, as files do."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._reader = reader
        self._position = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be sought."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to ``offset`` as files do; a position below 0 is refused with ValueError."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._reader.size}[whence]
        if base + offset < 0:
            raise ValueError("seek before the start")
        self._position = base + offset
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes from the position on, all that is left for -1."""
        wanted = self._reader.size - self._position if size < 0 else size
        data = read_clipped(self._reader, self._position, max(0, wanted))
        self._position += len(data)
        return data

    def readinto(self, buffer: bytearray, /) -> int:  # type: ignore[override]  # RawIOBase allows any buffer
        """Fill ``buffer`` from the position on and return how many bytes were put there."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
