"""What the readers of package databases share: a guest file as bytes in, names with versions out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from imgbuild.filesystems.tree import GuestTree

LIMIT = 128 << 20
"""Bytes of the largest database that is read: it is held in memory twice for a moment, of the 512 MiB there are."""
MOST_PACKAGES = 200_000

Versions = dict[str, list[str]]
"""The installed versions of each package by its name."""


class Unseen(Exception):  # noqa: N818 - what could not be seen is no error of ours
    """A database that is there but cannot be read, and why."""


class Inventory(msgspec.Struct, frozen=True):
    """One package database of a guest: ``kind`` decides how versions compare (deb, rpm, apk, pacman)."""

    kind: str
    path: str
    versions: Versions


def read_all(tree: GuestTree, path: str) -> bytes:
    """Return a file of at most 128 MiB; raises Unseen for a larger one."""
    found = tree.stat(path)
    if found is not None and found.size > LIMIT:
        raise Unseen(f"{path} has {found.size} bytes, more than {LIMIT}")
    return tree.read(path, LIMIT) or b""


def add(versions: Versions, name: str, version: str) -> None:
    """Add a package; raises Unseen where there are more than a system can have."""
    if len(versions) >= MOST_PACKAGES:
        raise Unseen(f"it holds over {MOST_PACKAGES} packages")
    versions.setdefault(name, []).append(version)
