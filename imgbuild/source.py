"""Open the image file: path in, :class:`Source` out.

A source is one open descriptor. Everything (inspection, digests, the child) reads through it with ``pread``, so what
was inspected is what was hashed; the identity before and after tells whether the file was changed meanwhile.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from imgbuild.errors import SourceError
from imgbuild.readers import broken, check_range

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True)
class Identity:
    """What makes a file the same file: device, inode, size in bytes, and times in nanoseconds."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class Source:
    """A regular file, open for reading. Counts the reads and the bytes that were read for facts."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.identity = _identity(os.fstat(descriptor))
        self.reads = 0
        self.bytes_read = 0

    @property
    def size(self) -> int:
        """The size of the file in bytes when it was opened."""
        return self.identity.size

    @property
    def allocated(self) -> int | None:
        """The bytes that the file takes on its disk, or ``None`` where the system does not tell."""
        blocks: int | None = getattr(os.fstat(self.descriptor), "st_blocks", None)
        return None if blocks is None else blocks * 512

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage ``truncated``."""
        check_range(self.size, offset, length, "the file")
        data = _pread(self.descriptor, offset, length)
        self.reads += 1
        self.bytes_read += len(data)
        if len(data) != length:
            left = offset + len(data)
            raise broken("changed", f"the file shrank while it was read: {left} of {self.size} bytes are left")
        return data

    def changed(self) -> bool:
        """Say whether the file has been written to, or replaced under its path, since it was opened."""
        return _identity(os.fstat(self.descriptor)) != self.identity or not self._still_there()

    def _still_there(self) -> bool:
        try:
            return _identity(os.stat(self.path)) == self.identity
        except OSError:
            return False

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def open_source(path: str) -> Source:
    """Open the regular file at ``path``.

    Raises:
        SourceError: The file is missing, may not be read, or is no regular file. A FIFO or a device is
            never waited for: the file is opened without blocking and looked at before it is read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
                             | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise SourceError(f"{path!r} is {_kind_of(mode)}, not a regular file", cure="name an image file")
    return Source(path, descriptor)


def _refusal(path: str, error: OSError | ValueError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceError(f"no such file: {path!r}", cure="check the path")
    if isinstance(error, PermissionError):
        return SourceError(f"no permission to read {path!r}", cure="run as a user who may read it")
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return SourceError(f"cannot open {path!r}: {reason}")


def _kind_of(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISBLK, "a block device"),
             (stat.S_ISCHR, "a character device"), (stat.S_ISSOCK, "a socket"))
    return next((words for test, words in kinds if test(mode)), "something else")


def _identity(status: os.stat_result) -> Identity:
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _pread(descriptor: int, offset: int, length: int) -> bytes:
    data = os.pread(descriptor, length, offset)
    while len(data) < length:
        more = os.pread(descriptor, length - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data
