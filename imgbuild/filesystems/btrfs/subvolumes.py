"""The subvolumes of btrfs: the root tree in, their roots, paths and the default one out.

The top level is the tree 5; further subvolumes have numbers from 256 on. The default one, that a mount without options
takes, is the entry "default" in the directory of the root tree. Each subvolume has a reference to the directory that
holds it; snapshots name the subvolume that they were made of.

https://btrfs.readthedocs.io/en/latest/Subvolumes.html
https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.crc32c import update
from imgbuild.filesystems.base import Subvolume
from imgbuild.filesystems.btrfs import items
from imgbuild.filesystems.btrfs.btree import LAST
from imgbuild.readers import broken

if TYPE_CHECKING:
    from imgbuild.filesystems.btrfs.btree import Trees
    from imgbuild.filesystems.btrfs.items import Entry, Root
    from imgbuild.filesystems.btrfs.nodes import Pointer

TOP_LEVEL = 5
FIRST, _END = 256, (1 << 64) - 256
"""The numbers that subvolumes have, and after them those of trees of other uses."""
MAX_SUBVOLUMES = 4096
"""snapper keeps a few hundred snapshots at most."""
MAX_ITEMS = 64 * MAX_SUBVOLUMES
"""Items of the root tree: five or so for each subvolume, and those of the space cache of old."""
_MAX_DEPTH = 64
_HASH_START = 0xFFFFFFFE


class Subvolumes:
    """The subvolumes of one file system."""

    def __init__(self, trees: Trees, root_directory: int) -> None:
        self._trees = trees
        self._directory = root_directory
        self._roots: dict[int, Root | None] = {}

    def root(self, number: int) -> Root | None:
        """Return the root of a subvolume, or ``None`` where there is none of that number, or it is being deleted."""
        if number not in self._roots:
            self._roots[number] = self._read_root(number)
        return self._roots[number]

    def default(self) -> int:
        """Return the number of the default subvolume."""
        entry = find_entry(self._trees, self._trees.root, self._directory, b"default")
        return entry.location[0] if entry is not None else TOP_LEVEL

    def is_held(self, parent: int, directory: int, name: bytes, number: int) -> bool:
        """Say whether the entry of a directory leads to the subvolume: in a snapshot of that directory none does."""
        raw = self._trees.get(self._trees.root, (parent, items.ROOT_REF, number))
        return raw is not None and items.reference(raw) == (directory, name)

    def listed(self) -> list[Subvolume]:
        """Return all but the top level, in the order of their numbers; those that have no path are left out."""
        found: list[Subvolume] = []
        listing = self._trees.items(self._trees.root, (FIRST, items.ROOT_ITEM, 0), (_END, 0, 0))
        for count, ((number, kind, _), _) in enumerate(listing):
            if len(found) > MAX_SUBVOLUMES or count > MAX_ITEMS:
                raise broken("filesystem-beyond-limits", f"the btrfs file system has more than {MAX_SUBVOLUMES}"
                                                         " subvolumes")
            if kind != items.ROOT_ITEM or (found and found[-1].number == number):
                continue
            root, path = self.root(number), self._path(number)
            if root is not None and path is not None:
                found.append(Subvolume(number, path, is_snapshot=root.is_snapshot))
        return found

    def _read_root(self, number: int) -> Root | None:
        if number != TOP_LEVEL and not FIRST <= number <= _END:
            return None
        found = self._trees.last(self._trees.root, (number, items.ROOT_ITEM, LAST))
        if found is None or found[0][:2] != (number, items.ROOT_ITEM):
            return None
        root = items.root(found[1])
        return root if root.refs else None

    def _path(self, number: int) -> str | None:
        """Return the path below the top level."""
        names: list[bytes] = []
        for _ in range(_MAX_DEPTH):
            if number == TOP_LEVEL:
                return b"/".join(reversed(names)).decode("utf-8", errors="surrogateescape")
            found = self._trees.last(self._trees.root, (number, items.ROOT_BACKREF, LAST))
            if found is None or found[0][:2] != (number, items.ROOT_BACKREF):
                return None
            directory, name = items.reference(found[1])
            number = found[0][2]
            folders = self._folders(number, directory)
            if folders is None:
                return None
            names += [name, *folders]
        return None

    def _folders(self, number: int, directory: int) -> list[bytes] | None:
        """Return the names of a directory and of those that hold it up to the root of its subvolume, inmost first."""
        root, names = self.root(number), list[bytes]()
        for _ in range(_MAX_DEPTH):
            if root is None or directory == root.directory:
                return names if root is not None else None
            found = self._trees.last(root.tree, (directory, items.INODE_REF, LAST))
            if found is None or found[0][:2] != (directory, items.INODE_REF):
                return None
            directory = found[0][2]
            names.append(items.inode_reference(found[1]))
        return None


def find_entry(trees: Trees, tree: Pointer, directory: int, name: bytes) -> Entry | None:
    """Return the entry of a directory by its name, or ``None``: its key holds the CRC-32C of the name."""
    raw = trees.get(tree, (directory, items.DIR_ITEM, update(_HASH_START, name)))
    return next((entry for entry in items.entries(raw or b"") if entry.name == name), None)
