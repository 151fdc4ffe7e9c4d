"""A file system in memory, for tables of cases: ``PhonyFileSystem({"/etc/os-release": "ID=debian"})``.

Text and bytes are files, ``Link("…")`` is a symbolic link, ``DIRECTORY`` an empty directory; parents come by
themselves. ``damaged`` paths raise BrokenImage as a reader of a damaged file system does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgbuild.filesystems.base import Stat, Subvolume
from imgbuild.readers import broken

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


DIRECTORY = object()


class PhonyFileSystem:
    """What filesystems/base.py asks of a file system."""

    def __init__(self, tree: Mapping[str, object], *, kind: str = "ext4", damaged: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.damaged = damaged
        self.reads: list[tuple[str, int]] = []
        self._nodes: dict[str, object] = {"/": DIRECTORY}
        for path, node in tree.items():
            self._put(path, node.encode() if isinstance(node, str) else node)

    def _put(self, path: str, node: object) -> None:
        parent = path.rpartition("/")[0] or "/"
        if path != "/" and parent not in self._nodes:
            self._put(parent, DIRECTORY)
        self._nodes[path] = node

    def _node(self, path: str) -> object:
        if path in self.damaged:
            raise broken("filesystem-damaged", f"the inode of {path!r} is damaged")
        return self._nodes.get(path.rstrip("/") or "/")

    def stat(self, path: str) -> Stat | None:
        node = self._node(path)
        if node is None:
            return None
        if isinstance(node, Link):
            return Stat("link", len(node.target), 0o120777)
        return Stat("file", len(node), 0o100755) if isinstance(node, bytes) else Stat("directory", 0, 0o40755)

    def readlink(self, path: str) -> str:
        node = self._node(path)
        if not isinstance(node, Link):
            raise FileNotFoundError(path)
        return node.target

    def listdir(self, path: str) -> list[str]:
        if self._node(path) is not DIRECTORY:
            raise FileNotFoundError(path)
        prefix = path.rstrip("/") + "/"
        return sorted({name[len(prefix):] for name in self._nodes
                       if name.startswith(prefix) and "/" not in name[len(prefix):] and name != prefix})

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        node = self._node(path)
        if not isinstance(node, bytes):
            raise FileNotFoundError(path)
        self.reads.append((path, limit))
        return node[offset : offset + limit]


class PhonySubvolumes(PhonyFileSystem):
    """One with subvolumes: ``trees`` by path, the top level at ""; numbers are 5 and from 256 on in their order."""

    def __init__(self, trees: Mapping[str, Mapping[str, object]], *, default: str = "", snapshots: tuple[str, ...] = (),
                 damaged: tuple[str, ...] = ()) -> None:
        super().__init__(trees.get(default, {}), kind="btrfs", damaged=damaged)
        self._trees = trees
        self._snapshots = snapshots
        self._numbers = {path: number for number, path in enumerate((path for path in trees if path), start=256)}
        self._numbers[""] = 5
        self.number = self._numbers[default]

    def subvolumes(self) -> list[Subvolume]:
        return [Subvolume(number, path, is_snapshot=path in self._snapshots)
                for path, number in self._numbers.items() if path]

    def at_number(self, number: int) -> PhonySubvolumes | None:
        path = next((path for path, known in self._numbers.items() if known == number), None)
        return None if path is None else self.at_path(path)

    def at_path(self, path: str) -> PhonySubvolumes | None:
        path = path.strip("/")
        if path not in self._numbers:
            return None
        return PhonySubvolumes(self._trees, default=path, snapshots=self._snapshots)
