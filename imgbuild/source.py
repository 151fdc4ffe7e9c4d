"""Open the image file: path in, :class:`Source` out.

A source is one open descriptor. Everything (inspection, digests, the child) reads through it with ``pread``, so what
was inspected is what was hashed; the identity before and after tells whether the file was changed meanwhile.

A FIFO, a socket, a terminal or standard input is refused: an image is read at both ends and in between, and more than
once. A block device is opened only where a person allows it, and for reading alone.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import TYPE_CHECKING, NamedTuple, Self

from imgbuild.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgbuild.readers import BrokenImage


STANDARD_INPUT = "-"
"""What stands for standard input on a command line; a file of that name is ``./-``."""


class Identity(NamedTuple):
    """What makes a file the same file: device, inode, size in bytes, and times in nanoseconds."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class Source:
    """A regular file or a block device, open for reading. Counts the reads and the bytes that were read for facts.

    ``path`` is where it was opened, ``name`` the same for people and documents, ``size`` its bytes when it was opened,
    ``opened_ns`` that moment by the clock of its times.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.name = shown(path)
        self.descriptor = descriptor
        self.opened_ns = time.time_ns()
        status = os.fstat(descriptor)
        self.identity = _identity(status)
        self.is_device = stat.S_ISBLK(status.st_mode)
        self.size = _device_size(path, descriptor) if self.is_device else status.st_size
        self.reads = 0
        self.bytes_read = 0

    @property
    def allocated(self) -> int | None:
        """The bytes that the file takes on its disk, or ``None`` where the system does not tell."""
        if self.is_device:
            return None
        blocks: int | None = getattr(os.fstat(self.descriptor), "st_blocks", None)
        return None if blocks is None else blocks * 512

    @property
    def data_size(self) -> int:
        """The bytes of the file that are no holes, as far as the system tells."""
        allocated = self.allocated
        return self.size if allocated is None else min(self.size, allocated)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage ``truncated``."""
        if offset < 0 or not 0 <= length <= self.size - offset:
            raise self._outside(offset, length)
        data = _pread(self.descriptor, offset, length)
        self.reads += 1
        self.bytes_read += len(data)
        if len(data) != length:
            raise self._shrunk()
        return data

    def _outside(self, offset: int, length: int) -> BrokenImage:
        from imgbuild.readers import outside  # noqa: PLC0415 - a file is opened, and hashed, before it is imported

        return outside(self.size, offset, length, "the file")

    def left(self) -> str:
        """Say how much is left of a file that ended too early."""
        return f"{os.fstat(self.descriptor).st_size} of {self.size} bytes are left"

    def _shrunk(self) -> BrokenImage:
        from imgbuild.readers import broken  # noqa: PLC0415 - as above

        return broken("changed", f"the file shrank while it was read: {self.left()}")

    def extents(self) -> Iterator[tuple[int, int, bool]]:
        """Give the parts of the file in their order: start, end, and whether it is a hole.

        Holes are asked for only where fewer bytes are allocated than the file has. The data that the answers are about
        is the same that the reads see; a file that is changed meanwhile is found out afterwards.
        """
        if self.data_size == self.size or not hasattr(os, "SEEK_DATA"):
            yield 0, self.size, False
            return
        offset = 0
        while offset < self.size:
            data = self._seek(offset, os.SEEK_DATA, otherwise=offset)
            end = self._seek(data, os.SEEK_HOLE, otherwise=self.size)
            if end == offset:  # neither data nor a hole: what cannot be is read
                end = self.size
            yield offset, data, True
            yield data, end, False
            offset = end

    def _seek(self, offset: int, whence: int, *, otherwise: int) -> int:
        """Return where data or a hole begins, from ``offset`` to the file's end; ``otherwise`` where nobody knows."""
        try:
            return max(offset, min(self.size, os.lseek(self.descriptor, offset, whence)))
        except OSError as error:
            return self.size if error.errno == errno.ENXIO else otherwise

    def changed(self) -> bool:
        """Say whether the file has been written to, or replaced under its path, since it was opened."""
        return _identity(os.fstat(self.descriptor)) != self.identity or not self._still_there()

    def _still_there(self) -> bool:
        try:
            return _identity(os.stat(self.path)) == self.identity
        except OSError:
            return False

    def close(self) -> None:
        """Close the file; once is enough."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def shown(path: str) -> str:
    r"""Return a path as text that JSON can hold: bytes that are no UTF-8 become escapes like ``\xff``."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def open_source(where: str | os.PathLike[str], *, allow_device: bool = False) -> Source:
    """Open the regular file at ``where``, or the block device where that is allowed.

    Raises:
        SourceError: The file is missing, may not be read, or is no regular file. A FIFO or a device is
            never waited for: the file is opened without blocking and looked at before it is read.
    """
    path = os.fspath(where)
    if path == STANDARD_INPUT:
        raise SourceError("an image is not read from standard input: it is read at both ends and in between, and more"
                          " than once", cure="write the stream to a file and name that")
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
                             | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise refusal(path, error) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode) and not (allow_device and stat.S_ISBLK(mode)):
        os.close(descriptor)
        raise _no_file(path, mode)
    try:
        return Source(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def try_all(paths: Iterable[str], *, allow_device: bool = False) -> None:
    """Open each file and close it again, so that a wrong path is told before any work; raises SourceError."""
    for path in paths:
        open_source(path, allow_device=allow_device).close()


def _no_file(path: str, mode: int) -> SourceError:
    cure = "name an image file"
    if stat.S_ISBLK(mode):
        cure = "--allow-device reads it, and writes nothing"
    elif stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        cure = "write the stream to a file and name that"
    return SourceError(f"{path!r} is {kind_of(mode)}, not a regular file", cure=cure)


def _device_size(path: str, descriptor: int) -> int:
    """Return the bytes of a block device, of which stat says 0: its end is where a seek to the end leads."""
    try:
        return os.lseek(descriptor, 0, os.SEEK_END)
    except OSError as error:
        raise SourceError(f"the size of {path!r} cannot be told: {error.strerror}") from error


def refusal(path: str, error: OSError | ValueError) -> SourceError:
    """Return what is said of a path that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return SourceError(f"no such file: {path!r}", cure="check the path")
    if isinstance(error, PermissionError):
        return SourceError(f"no permission to read {path!r}", cure="run as a user who may read it")
    if isinstance(error, OSError) and error.errno in {errno.ENXIO, errno.EOPNOTSUPP} and _is_socket(path):
        return _no_file(path, stat.S_IFSOCK)
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return SourceError(f"cannot open {path!r}: {reason}")


def _is_socket(path: str) -> bool:
    """Say whether a path that cannot be opened is a socket, which no system opens as a file."""
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def kind_of(mode: int) -> str:
    """Return what a file is, by its mode, in words."""
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
