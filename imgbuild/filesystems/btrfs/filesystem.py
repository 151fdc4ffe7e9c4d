"""btrfs as a :class:`FileSystem`: the default subvolume by the interface of all, the others by number or path."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.filesystems.base import Kind, Stat, Subvolume
from imgbuild.filesystems.btrfs import items
from imgbuild.filesystems.btrfs.btree import LAST, Trees
from imgbuild.filesystems.btrfs.files import FileReader
from imgbuild.filesystems.btrfs.subvolumes import TOP_LEVEL, Subvolumes, find_entry
from imgbuild.filesystems.btrfs.superblock import read_superblock
from imgbuild.readers import broken, quoted

if TYPE_CHECKING:
    from imgbuild.filesystems.btrfs.items import Inode
    from imgbuild.filesystems.btrfs.nodes import Pointer
    from imgbuild.readers import Reader

MAX_ENTRIES = 100_000
"""Names in one directory."""
MAX_LINK = 4096
"""Bytes in the target of a link: PATH_MAX of Linux."""

_MAX_DEPTH = 256
"""Names in a path, as in ``tree.py``: entries can lead in a circle."""
_CACHED = 1024
_KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


class _Place(NamedTuple):
    """Where a path leads: the number of a subvolume, its tree, and an inode; no tree for an empty directory."""

    subvolume: int
    tree: Pointer | None
    number: int
    inode: Inode

    @property
    def kind(self) -> Kind:
        return _KINDS.get(stat.S_IFMT(self.inode.mode), "other")


def open_btrfs(reader: Reader) -> BtrfsFileSystem:
    """Open a btrfs file system at its default subvolume.

    Raises:
        BrokenImage: ``filesystem-damaged``, ``filesystem-feature-unknown``, ``filesystem-device-missing`` where it has
            further devices, ``filesystem-beyond-limits``, or the reason why its bytes could not be had.
    """
    superblock = read_superblock(reader)
    trees = Trees(reader, superblock)
    subvolumes = Subvolumes(trees, superblock.root_dir_objectid)
    files = FileReader(reader, trees, superblock.sectorsize)
    return BtrfsFileSystem(trees, subvolumes, files, subvolumes.default())


class BtrfsFileSystem:
    """The files of one subvolume, and of those that lie below it."""

    kind = "btrfs"

    def __init__(self, trees: Trees, subvolumes: Subvolumes, files: FileReader, number: int) -> None:
        self.number = number
        self._trees = trees
        self._subvolumes = subvolumes
        self._files = files
        self._places: dict[tuple[bytes, ...], _Place | None] = {(): self._top(number)}

    def _top(self, number: int) -> _Place:
        root = self._subvolumes.root(number)
        if root is None:
            raise broken("filesystem-damaged", f"the btrfs subvolume {number} is not there")
        place = self._place(number, root.tree, root.directory)
        if place.kind != "directory":
            raise broken("filesystem-damaged", f"the root of the btrfs subvolume {number} is no directory")
        return place

    def subvolumes(self) -> list[Subvolume]:
        """Return all subvolumes of the file system but the top level, wherever they lie, by their numbers."""
        return self._subvolumes.listed()

    def at_number(self, number: int) -> BtrfsFileSystem | None:
        """Return the files of the subvolume of that number, or ``None`` where there is none."""
        if number == self.number:
            return self
        if self._subvolumes.root(number) is None:
            return None
        return BtrfsFileSystem(self._trees, self._subvolumes, self._files, number)

    def at_path(self, path: str) -> BtrfsFileSystem | None:
        """Return the files of the subvolume at a path below the top level, or ``None`` where there is none."""
        top = self.at_number(TOP_LEVEL)
        place = top._find(_split(path)) if top is not None else None  # noqa: SLF001 - one of us
        root = self._subvolumes.root(place.subvolume) if place is not None else None
        if place is None or root is None or place.number != root.directory:
            return None
        return self.at_number(place.subvolume)

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``, or ``None``."""
        place = self._find(_split(path))
        if place is None:
            return None
        return Stat(place.kind, 0 if place.kind == "directory" else place.inode.size, place.inode.mode)

    def readlink(self, path: str) -> str:
        """Return the target of the link at ``path``; one that is not UTF-8 leads nowhere."""
        place = self._existing(path, "link")
        if place.inode.size > MAX_LINK:
            raise broken("filesystem-damaged", f"the link {quoted(path)} has a target of {place.inode.size} bytes, more"
                                               f" than {MAX_LINK}")
        return self._bytes(place, 0, place.inode.size).decode("utf-8", errors="replace")

    def listdir(self, path: str) -> list[str]:
        """Return the names in the directory at ``path`` that are UTF-8, sorted."""
        place = self._existing(path, "directory")
        if place.tree is None:
            return []
        names: set[bytes] = set()
        for _, raw in self._trees.items(place.tree, (place.number, items.DIR_INDEX, 0),
                                        (place.number, items.DIR_INDEX, LAST)):
            names.update(entry.name for entry in items.entries(raw))
            if len(names) > MAX_ENTRIES:
                raise broken("directory-too-large", f"the directory {quoted(path)} has more than {MAX_ENTRIES} entries")
        return sorted(text for name in names if (text := _text(name)) is not None)

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path`` from ``offset``."""
        place = self._existing(path, "file")
        return self._bytes(place, offset, min(place.inode.size, offset + limit))

    def _bytes(self, place: _Place, start: int, end: int) -> bytes:
        if place.tree is None or start >= end:
            return b""
        return self._files.read(place.tree, place.number, start, end)

    def _existing(self, path: str, kind: Kind) -> _Place:
        place = self._find(_split(path))
        if place is None or place.kind != kind:
            raise FileNotFoundError(f"no {kind} at {path!r}")
        return place

    def _find(self, names: tuple[bytes, ...]) -> _Place | None:
        place = self._places[()]
        for count in range(1, len(names) + 1):
            if place is None or count > _MAX_DEPTH:
                return None
            if names[:count] not in self._places:
                if len(self._places) >= _CACHED:
                    self._places = {(): self._places[()]}
                self._places[names[:count]] = self._child(place, names[count - 1])
            place = self._places[names[:count]]
        return place

    def _child(self, parent: _Place, name: bytes) -> _Place | None:
        if parent.tree is None or parent.kind != "directory":
            return None
        entry = find_entry(self._trees, parent.tree, parent.number, name)
        if entry is None:
            return None
        objectid, kind, _ = entry.location
        if kind == items.INODE_ITEM:
            return self._place(parent.subvolume, parent.tree, objectid)
        if kind != items.ROOT_ITEM:
            raise broken("filesystem-damaged", f"an entry of a btrfs directory leads to {entry.location}")
        return self._subvolume_place(parent, name, objectid)

    def _subvolume_place(self, parent: _Place, name: bytes, number: int) -> _Place:
        """Return the root of a subvolume; in a snapshot there is an empty directory in its place."""
        root = self._subvolumes.root(number)
        if root is None or not self._subvolumes.is_held(parent.subvolume, parent.number, name, number):
            return _Place(number, None, 0, items.Inode(0, stat.S_IFDIR | 0o755))
        return self._place(number, root.tree, root.directory)

    def _place(self, subvolume: int, tree: Pointer, number: int) -> _Place:
        raw = self._trees.get(tree, (number, items.INODE_ITEM, 0))
        if raw is None:
            raise broken("filesystem-damaged", f"the inode {number} of the btrfs subvolume {subvolume} is missing")
        return _Place(subvolume, tree, number, items.inode(raw))


def _split(path: str) -> tuple[bytes, ...]:
    """Return the names in a path; a listed subvolume's may have bytes that are not UTF-8."""
    try:
        raw = path.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError:  # other surrogates: no text that came from here
        raw = path.encode("utf-8", errors="surrogatepass")
    return tuple(name for name in raw.split(b"/") if name)


def _text(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None
