"""Files by inodes, as Unix file systems have them: inodes and entries of directories in, a :class:`FileSystem` out.

A reader of such a file system says what an inode is, which entries a directory has, and which bytes a file.
"""

from __future__ import annotations

import stat
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from imgbuild.filesystems.base import MAX_ENTRIES, Kind, Stat, split
from imgbuild.readers import broken, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgbuild.readers import Reader

MAX_DIRECTORY = 64 << 20
"""Bytes of one directory: 100000 names of 255 letters take 26 MiB."""
MAX_LINK = 4096
"""Bytes in the target of a link: PATH_MAX of Linux."""

_MAX_DEPTH = 256
_CACHED = 1024
_CACHED_NAMES = 100_000
_KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


class AnyInode(Protocol):
    """What every inode has: its number, POSIX mode, and size in bytes."""

    @property
    def number(self) -> int: ...  # noqa: D102 - said above

    @property
    def mode(self) -> int: ...  # noqa: D102 - as above

    @property
    def size(self) -> int: ...  # noqa: D102 - as above


Inode = TypeVar("Inode", bound=AnyInode)


class UnixFileSystem(ABC, Generic[Inode]):
    """The files of a file system of inodes; ``root`` is the number of that of the root directory."""

    def __init__(self, kind: str, root: int) -> None:
        self.kind = kind
        self._root_number = root
        self._found: dict[tuple[bytes, ...], Inode | None] = {}
        self._listed: dict[int, dict[bytes, int]] = {}

    @abstractmethod
    def _inode(self, number: int) -> Inode:
        """Return an inode, or raise BrokenImage."""

    @abstractmethod
    def _entries(self, inode: Inode) -> Iterator[tuple[int, bytes]]:
        """Yield the entries of a directory of at most MAX_DIRECTORY bytes: inodes and names, without those of dots."""

    @abstractmethod
    def _bytes(self, inode: Inode, start: int, end: int) -> bytes:
        """Return the bytes of a file from ``start`` to ``end``, which is not after its end."""

    @abstractmethod
    def _target(self, inode: Inode) -> bytes:
        """Return the target of a link of at most MAX_LINK bytes."""

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``, or ``None``."""
        inode = self._find(_split(path))
        if inode is None:
            return None
        kind = _kind(inode)
        return Stat(kind, 0 if kind == "directory" else inode.size, inode.mode)

    def readlink(self, path: str) -> str:
        """Return the target of the link at ``path``; one that is not UTF-8 leads nowhere."""
        inode = self._existing(path, "link")
        if inode.size > MAX_LINK:
            raise broken("filesystem-damaged", f"the link {quoted(path)} has a target of {inode.size} bytes, more than"
                                               f" {MAX_LINK}")
        return self._target(inode).decode("utf-8", errors="replace")

    def listdir(self, path: str) -> list[str]:
        """Return the names in the directory at ``path`` that are UTF-8, sorted."""
        names = (_text(name) for name in self._names(self._existing(path, "directory"), path))
        return sorted(name for name in names if name is not None)

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path`` from ``offset``."""
        inode = self._existing(path, "file")
        end = min(inode.size, offset + limit)
        return self._bytes(inode, offset, end) if offset < end else b""

    def _existing(self, path: str, kind: Kind) -> Inode:
        inode = self._find(_split(path))
        if inode is None or _kind(inode) != kind:
            raise FileNotFoundError(f"no {kind} at {path!r}")
        return inode

    def _find(self, names: tuple[bytes, ...]) -> Inode | None:
        """Return the inode at a path, or ``None``."""
        if names not in self._found:
            if len(self._found) >= _CACHED:
                self._found.clear()
            self._found[names] = self._look_up(names)
        return self._found[names]

    def _look_up(self, names: tuple[bytes, ...]) -> Inode | None:
        if not names:
            return self._root()
        parent = self._find(names[:-1]) if len(names) <= _MAX_DEPTH else None
        if parent is None or _kind(parent) != "directory":
            return None
        number = self._names(parent, "/" + b"/".join(names[:-1]).decode(errors="replace")).get(names[-1])
        return None if number is None else self._inode(number)

    def _root(self) -> Inode:
        root = self._inode(self._root_number)
        if _kind(root) != "directory":
            raise broken("filesystem-damaged", f"the root of the {self.kind} file system is no directory")
        return root

    def _names(self, inode: Inode, path: str) -> dict[bytes, int]:
        """Return the inodes in a directory by their names."""
        if inode.number not in self._listed:
            if inode.size > MAX_DIRECTORY:
                raise broken("directory-too-large", f"the directory {quoted(path)} has {inode.size} bytes, more than"
                                                    f" {MAX_DIRECTORY}")
            found: dict[bytes, int] = {}
            for count, (number, name) in enumerate(self._entries(inode), start=1):
                found.setdefault(name, number)
                if count > MAX_ENTRIES:
                    raise broken("directory-too-large", f"the directory {quoted(path)} has more than {MAX_ENTRIES}"
                                                        " entries")
            if sum(map(len, self._listed.values())) + len(found) > _CACHED_NAMES or len(self._listed) >= _CACHED:
                self._listed.clear()
            self._listed[inode.number] = found
        return self._listed[inode.number]


def _kind(inode: AnyInode) -> Kind:
    return _KINDS.get(stat.S_IFMT(inode.mode), "other")


def _split(path: str) -> tuple[bytes, ...]:
    return tuple(name.encode("utf-8", errors="surrogatepass") for name in split(path))


def _text(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


def read_parts(reader: Reader, parts: Iterable[tuple[int, int, int | None]], start: int, end: int) -> bytes:
    """Return the bytes of a file from ``start`` to ``end`` out of its parts, which come in their order.

    A part is its first byte in the file, how many there are, and the first one on the disk; where that is ``None``, and
    between parts, there are zeros.
    """
    pieces, place = list[bytes](), start
    for first, length, at in parts:
        begin, stop = max(place, first), min(end, first + length)
        if begin >= stop:
            continue
        pieces.append(bytes(begin - place))
        pieces.append(bytes(stop - begin) if at is None else reader.read_at(at + begin - first, stop - begin))
        place = stop
    return b"".join((*pieces, bytes(end - place)))
