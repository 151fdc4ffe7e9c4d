"""A file system in memory, for tables of cases: ``PhonyFileSystem({"/etc/os-release": "ID=debian"})``.

Text and bytes are files, ``Link("…")`` is a symbolic link, ``DIRECTORY`` an empty directory; parents come by
themselves. ``damaged`` paths raise BrokenImage as a reader of a damaged file system does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgbuild.filesystems.base import Stat
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
