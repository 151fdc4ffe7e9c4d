"""Open the image file: path in, :class:`Source` out.

A source is one open descriptor. Everything (inspection, digests, the child) reads through it with ``pread``, so what
was inspected is what was hashed; the identity before and after tells whether the file was changed meanwhile.

An :class:`ImageFolder` holds the folder that the image lies in. Through it, and only through it, other files of a disk
are opened: plain names of regular files in that folder, and only when a person allows it.
"""

from __future__ import annotations

import errno
import os
import stat
from itertools import islice
from typing import TYPE_CHECKING, Self

import msgspec

from imgbuild.errors import SourceError
from imgbuild.readers import BrokenImage, broken, check_range, quoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


MOST_PARTS = 512
"""So many files may a disk be split into: a TiB in files of 2 GiB."""

MOST_LISTED = 1 << 16
"""So many names of a folder are looked at where a parent is known by its identity and not by its name."""


class Identity(msgspec.Struct, frozen=True):
    """What makes a file the same file: device, inode, size in bytes, and times in nanoseconds."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class Source:
    """A regular file, open for reading. Counts the reads and the bytes that were read for facts.

    ``path`` is where it was opened, ``name`` the same for people and documents.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.name = shown(path)
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


def shown(path: str) -> str:
    r"""Return a path as text that JSON can hold: bytes that are no UTF-8 become escapes like ``\xff``."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def open_source(where: str | os.PathLike[str]) -> Source:
    """Open the regular file at ``where``.

    Raises:
        SourceError: The file is missing, may not be read, or is no regular file. A FIFO or a device is
            never waited for: the file is opened without blocking and looked at before it is read.
    """
    path = os.fspath(where)
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


class ImageFolder:
    """The folder of an image, held open; :meth:`open` is the one way to the other files of a disk that is split.

    The names come out of the image (CVE-2022-47951), so nothing but a regular file that lies in this very folder is
    ever opened: no separators, no ``..``, no links, no prefixes that programs take for protocols.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self._parts: dict[str, Source] = {}

    @property
    def reads(self) -> int:
        """How many reads the files that were opened through the folder have seen."""
        return sum(part.reads for part in self._parts.values())

    @property
    def bytes_read(self) -> int:
        """How many bytes were read from the files that were opened through the folder."""
        return sum(part.bytes_read for part in self._parts.values())

    def open(self, name: str) -> Source:
        """Return the regular file ``name`` of the folder; asked again, the same one.

        Raises:
            BrokenImage: The name leads elsewhere (``external-outside``), there is no regular file that can be read
                (``external-missing``), or it is one too many (``external-too-many``).
        """
        if name not in self._parts:
            if len(self._parts) == MOST_PARTS:
                raise broken("external-too-many", f"the disk is in over {MOST_PARTS} files, one of them {quoted(name)}")
            self._parts[name] = Source(os.path.join(self.path, name), _open_beside(self.descriptor, name))
        return self._parts[name]

    def changed(self) -> list[str]:
        """Return the names of the files that were written to or replaced since they were opened."""
        return [name for name, part in self._parts.items() if part.changed()]

    def find(self, ending: str, is_it: Callable[[Source], bool]) -> tuple[str, Source]:
        """Return the first file of the folder (name and file) whose name has that ending and that ``is_it``.

        Raises:
            BrokenImage: There is none among the first 512 files with that ending (``external-missing``).
        """
        for name in self._names(ending):
            known = name in self._parts
            try:
                if is_it(self.open(name)):
                    return name, self._parts[name]
            except BrokenImage:
                pass  # no regular file, or none of the format: then it is another one
            if not known and name in self._parts:
                self._parts.pop(name).close()
        raise broken("external-missing", f"none of the {ending} files in the image's folder is the disk's parent")

    def _names(self, ending: str) -> list[str]:
        with os.scandir(self.descriptor) as entries:
            found = (entry.name for entry in islice(entries, MOST_LISTED) if entry.name.lower().endswith(ending))
            return sorted(islice(found, MOST_PARTS))

    def close(self) -> None:
        """Close the folder and what was opened through it."""
        for part in self._parts.values():
            part.close()
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def open_folder(path: str) -> ImageFolder:
    """Open the folder that the image at ``path`` lies in.

    Raises:
        SourceError: The folder may not be read, or the system cannot open files relative to a folder.
    """
    folder = os.path.dirname(path) or os.curdir
    if os.open not in os.supports_dir_fd:
        raise SourceError("files beside an image cannot be opened safely on this system", cure="convert it to one file")
    try:
        return ImageFolder(folder, os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError as error:
        raise _refusal(folder, error) from error


def _open_beside(folder: int, name: str) -> int:
    """Open the regular file ``name`` that lies in ``folder``: every file that an image names is opened here."""
    if not _is_plain(name):
        raise broken("external-outside", f"{quoted(name)} is no plain file name; parts of a disk lie beside its image")
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except (OSError, ValueError) as error:
        raise _part_refusal(name, error) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise broken("external-missing", f"{quoted(name)} is {_kind_of(mode)}; a part of a disk is a regular file")
    return descriptor


def _is_plain(name: str) -> bool:
    return name not in {"", os.curdir, os.pardir} and not any(mark in name for mark in "/\\:\0")


def _part_refusal(name: str, error: OSError | ValueError) -> BrokenImage:
    if isinstance(error, OSError) and error.errno in {errno.ELOOP, errno.EMLINK}:
        return broken("external-outside", f"{quoted(name)} is a link; links are not followed, for they lead elsewhere")
    reason = error.strerror if isinstance(error, OSError) else "the name cannot be spelt on this system"
    return broken("external-missing", f"{quoted(name)}, a part of the disk, cannot be opened in its folder: {reason}")


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
