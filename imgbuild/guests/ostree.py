"""An ostree deployment as a file system of its own: the root of the disk in, the root that the guest boots out.

An ostree system keeps its roots under ``/ostree/deploy/NAME/deploy/CHECKSUM.N``; the boot entry says which one is
booted (``ostree=/ostree/boot.1/NAME/…``, a link to it). Without an entry a sole deployment is taken; of several, none.

OSTree manual, "Anatomy of an OSTree deployment", https://ostreedev.github.io/ostree/deployment/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.filesystems.tree import GuestTree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgbuild.filesystems.base import FileSystem, Stat

_ARGUMENT = r"(?:^|\s)ostree=(/ostree/[^\s]+)"
_DEPLOYMENTS = "/ostree/deploy/*/deploy/*"
_DEPLOYMENT = r"/ostree/deploy/[^/]+/deploy/[^/]+\.\d+"
_ENTRIES = ("/loader/entries/*.conf", "/boot/loader/entries/*.conf")
_ENTRY_LIMIT = 16 * 1024


class Subtree:
    """A directory of a file system as a file system."""

    def __init__(self, filesystem: FileSystem, base: str) -> None:
        self.kind = filesystem.kind
        self._filesystem = filesystem
        self._base = base

    def _path(self, path: str) -> str:
        return self._base if path == "/" else self._base + path

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path`` under the directory."""
        return self._filesystem.stat(self._path(path))

    def readlink(self, path: str) -> str:
        """Return the target of the link at ``path`` under the directory."""
        return self._filesystem.readlink(self._path(path))

    def listdir(self, path: str) -> list[str]:
        """Return the names in ``path`` under the directory."""
        return self._filesystem.listdir(self._path(path))

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path`` under the directory."""
        return self._filesystem.read(self._path(path), limit, offset)


def booted_root(root: FileSystem, others: Iterable[FileSystem]) -> Subtree | None:
    """Return the deployment that boots, or ``None`` where ``root`` is no ostree system or does not say.

    ``others`` are the file systems that may hold the boot entries.
    """
    tree = GuestTree(root)
    if not tree.is_dir("/ostree/deploy"):
        return None
    named = (tree.resolve(path) for path in _named_in_entries([tree, *map(GuestTree, others)]))
    booted = next((path for path in named if path and re.fullmatch(_DEPLOYMENT, path) and tree.is_dir(path)), None)
    if booted is None:
        found = [path for path in tree.glob(_DEPLOYMENTS) if re.fullmatch(_DEPLOYMENT, path) and tree.is_dir(path)]
        booted = found[0] if len(found) == 1 else None
    return Subtree(root, booted) if booted else None


def _named_in_entries(trees: Iterable[GuestTree]) -> Iterable[str]:
    for tree in trees:
        for pattern in _ENTRIES:
            for path in tree.glob(pattern):
                match = re.search(_ARGUMENT, tree.read_text(path, _ENTRY_LIMIT) or "")
                if match:
                    yield match[1]
