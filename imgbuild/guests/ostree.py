"""An ostree deployment as a file system of its own: the root of the disk in, the root that the guest boots out.

An ostree system keeps its roots under ``/ostree/deploy/NAME/deploy/CHECKSUM.N``; the boot entry says which one is
booted (``ostree=/ostree/boot.1/NAME/…``, a link to it); the default entry counts, else the first one. Without an entry
the deployment that is first in ``/ostree/boot.N`` is taken, or a sole one; of several, none.

OSTree manual, "Anatomy of an OSTree deployment", https://ostreedev.github.io/ostree/deployment/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests import bootmenu
from imgbuild.guests.careful import Careful

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgbuild.filesystems.base import FileSystem, Stat

# Compiled when first used: most systems need none of these.
_ARGUMENT = r"(?:^|\s)ostree=(/ostree/[^\s]+)"
_DEPLOYMENTS = ("/ostree/boot.[01]/*/*/0", "/ostree/deploy/*/deploy/*")
_DEPLOYMENT = r"/ostree/deploy/[^/]+/deploy/[^/]+\.\d+"


class Subtree:
    """A directory of a file system as a file system."""

    def __init__(self, filesystem: FileSystem, base: str) -> None:
        self.kind = filesystem.kind
        self.filesystem = filesystem
        self._base = base

    def _path(self, path: str) -> str:
        return self._base if path == "/" else self._base + path

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path`` under the directory."""
        return self.filesystem.stat(self._path(path))

    def readlink(self, path: str) -> str:
        """Return the target of the link at ``path`` under the directory."""
        return self.filesystem.readlink(self._path(path))

    def listdir(self, path: str) -> list[str]:
        """Return the names in ``path`` under the directory."""
        return self.filesystem.listdir(self._path(path))

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path`` under the directory."""
        return self.filesystem.read(self._path(path), limit, offset)


def booted_root(root: FileSystem, others: Iterable[FileSystem]) -> Subtree | None:
    """Return the deployment that boots, or ``None`` where ``root`` is no ostree system or does not say.

    ``others`` are the file systems that may hold the boot entries.
    """
    tree = GuestTree(root)
    if not tree.is_dir("/ostree/deploy"):
        return None
    named = (tree.resolve(path) for path in _named_in_entries(root, others))
    booted = next((path for path in named if path and re.fullmatch(_DEPLOYMENT, path) and tree.is_dir(path)), None)
    return Subtree(root, booted) if booted else _sole(root)


def boot_inside(deployment: Subtree) -> Subtree | None:
    """Return ``/boot`` of the disk that a deployment is on, where it has one of its own."""
    disk = GuestTree(deployment.filesystem)
    return Subtree(deployment.filesystem, "/boot") if disk.exists("/boot/loader") else None


def _sole(root: FileSystem) -> Subtree | None:
    """Return the deployment that is first in the order of boot, or the only one; ``None`` where that is no answer."""
    tree = GuestTree(root)
    for pattern in _DEPLOYMENTS:
        places = {tree.resolve(path) for path in tree.glob(pattern)}
        found = [path for path in places if path and re.fullmatch(_DEPLOYMENT, path) and tree.is_dir(path)]
        if found:
            return Subtree(root, found[0]) if len(found) == 1 else None
    return None


def _named_in_entries(root: FileSystem, others: Iterable[FileSystem]) -> Iterator[str]:
    """Yield the deployments of the boot entries, the default one's first."""
    for filesystem in (None, *others):
        tree = GuestTree(root)
        if filesystem is not None:
            tree.mount("/boot", filesystem)
        menu = bootmenu.read(Careful(tree))
        for entry in () if menu is None else filter(None, (menu.default, *menu.entries)):
            match = re.search(_ARGUMENT, entry.options or "")
            if match:
                yield match[1]
