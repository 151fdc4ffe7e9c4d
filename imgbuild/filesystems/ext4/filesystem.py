"""Directories of ext, and ext as a :class:`FileSystem`.

 off   hex  size  field of an entry of a directory, little-endian
   0  0x00     4  inode, 0 where there is none
   4  0x04     2  rec_len, to the next entry; in blocks of 64 KiB 0 and 65535 stand for 65536
   6  0x06     1  name_len
   7  0x07     1  file_type; before the feature filetype the high byte of name_len, which is 0
   8  0x08        name

The index of a large directory lies in entries without an inode: all blocks can be read one after another.

https://www.kernel.org/doc/html/latest/filesystems/ext4/directory.html
"""

from __future__ import annotations

import stat
import struct
from typing import TYPE_CHECKING

from imgbuild.filesystems.base import Kind, Stat
from imgbuild.filesystems.cached import CachedReader
from imgbuild.filesystems.ext4 import blocks, inline
from imgbuild.filesystems.ext4.inodes import ENCRYPTED, INLINE_DATA, ROOT, Inodes
from imgbuild.filesystems.ext4.superblock import read_superblock
from imgbuild.readers import broken, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.ext4.inodes import Inode
    from imgbuild.filesystems.ext4.superblock import Superblock
    from imgbuild.readers import Reader

MAX_ENTRIES = 100_000
"""Names in one directory."""
MAX_DIRECTORY = 64 << 20
"""Bytes of one directory: 100000 names of 255 letters take 26 MiB."""
MAX_LINK = 4096
"""Bytes in the target of a link: PATH_MAX of Linux."""

_MAX_DEPTH = 256
_CACHED = 1024
_CACHED_NAMES = 100_000
_ENTRY = struct.Struct("<IHBB")
_SHORT_LINK = 60
_KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


def open_ext4(reader: Reader, kind: str) -> Ext4FileSystem:
    """Open an ext file system whose features have been looked at.

    Raises:
        BrokenImage: ``filesystem-damaged``, or the reason why its bytes could not be had.
    """
    return Ext4FileSystem(kind, CachedReader(reader))


class Ext4FileSystem:
    """The files of an ext file system."""

    def __init__(self, kind: str, reader: Reader) -> None:
        self.kind = kind
        self._reader = reader
        self._superblock: Superblock = read_superblock(reader)
        self._inodes = Inodes(reader, self._superblock)
        self._found: dict[tuple[bytes, ...], Inode | None] = {}
        self._listed: dict[int, dict[bytes, int]] = {}

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
        short = inode.size < _SHORT_LINK and not inode.flags & INLINE_DATA
        target = inode.block[: inode.size] if short else self._bytes(inode, 0, inode.size)
        return target.decode("utf-8", errors="replace")

    def listdir(self, path: str) -> list[str]:
        """Return the names in the directory at ``path`` that are UTF-8, sorted."""
        names = (_text(name) for name in self._names(self._existing(path, "directory"), path))
        return sorted(name for name in names if name is not None)

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path`` from ``offset``."""
        inode = self._existing(path, "file")
        return self._bytes(inode, offset, min(inode.size, offset + limit))

    def _bytes(self, inode: Inode, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        if inode.flags & ENCRYPTED:
            raise broken("filesystem-feature-unknown", f"the inode {inode.number} is encrypted: what is in it was not"
                                                       " looked at")
        if inode.flags & INLINE_DATA:
            return b"".join(inline.areas(inode))[start:end]
        return blocks.read(self._reader, self._superblock, inode, start, end)

    def _existing(self, path: str, kind: Kind) -> Inode:
        inode = self._find(_split(path))
        if inode is None or _kind(inode) != kind:
            raise FileNotFoundError(f"no {kind} at {path!r}")
        return inode

    def _find(self, names: tuple[bytes, ...]) -> Inode | None:
        inode: Inode | None = self._root()
        for count in range(1, len(names) + 1):
            if inode is None or count > _MAX_DEPTH or _kind(inode) != "directory":
                return None
            if names[:count] not in self._found:
                if len(self._found) >= _CACHED:
                    self._found.clear()
                number = self._names(inode, "/" + b"/".join(names[: count - 1]).decode(errors="replace")).get(
                    names[count - 1])
                self._found[names[:count]] = None if number is None else self._inodes.read(number)
            inode = self._found[names[:count]]
        return inode

    def _root(self) -> Inode:
        root = self._inodes.read(ROOT)
        if _kind(root) != "directory":
            raise broken("filesystem-damaged", f"the root of the {self.kind} file system is no directory")
        return root

    def _names(self, inode: Inode, path: str) -> dict[bytes, int]:
        """Return the inodes in a directory by their names."""
        if inode.number not in self._listed:
            found: dict[bytes, int] = {}
            for number, name in self._entries(inode, path):
                found.setdefault(name, number)
                if len(found) > MAX_ENTRIES:
                    raise broken("directory-too-large", f"the directory {quoted(path)} has more than {MAX_ENTRIES}"
                                                        " entries")
            if sum(map(len, self._listed.values())) + len(found) > _CACHED_NAMES or len(self._listed) >= _CACHED:
                self._listed.clear()
            self._listed[inode.number] = found
        return self._listed[inode.number]

    def _entries(self, inode: Inode, path: str) -> Iterator[tuple[int, bytes]]:
        if inode.flags & INLINE_DATA:
            first, rest = inline.areas(inode)
            yield from _entries(first[inline.PARENT :], inode)
            yield from _entries(rest, inode)
            return
        if inode.size > MAX_DIRECTORY:
            raise broken("directory-too-large", f"the directory {quoted(path)} has {inode.size} bytes, more than"
                                                f" {MAX_DIRECTORY}")
        size = self._superblock.block
        for start in range(0, inode.size, size):
            yield from _entries(self._bytes(inode, start, min(start + size, inode.size)), inode)


def _entries(raw: bytes, inode: Inode) -> Iterator[tuple[int, bytes]]:
    """Yield the entries in a block of a directory."""
    place = 0
    while place + _ENTRY.size <= len(raw):
        number, length, name_length, _ = _ENTRY.unpack_from(raw, place)
        length = 65536 if length in {0, 65535} and len(raw) == 65536 else length  # noqa: PLR2004 - as the table says
        if length < _ENTRY.size + (name_length if number else 0) or place + length > len(raw):
            raise broken("filesystem-damaged", f"an entry of the directory at the inode {inode.number} has {length}"
                                               f" bytes for a name of {name_length}", raw=raw[place : place + 8])
        name = raw[place + _ENTRY.size : place + _ENTRY.size + name_length]
        if number and name not in {b"", b".", b".."}:
            yield number, name
        place += length


def _kind(inode: Inode) -> Kind:
    return _KINDS.get(stat.S_IFMT(inode.mode), "other")


def _split(path: str) -> tuple[bytes, ...]:
    return tuple(name.encode("utf-8", errors="surrogatepass") for name in path.split("/") if name)


def _text(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None
