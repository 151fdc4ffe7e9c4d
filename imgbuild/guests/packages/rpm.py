"""RPM's database in whichever form a guest has it: its tree in, names with versions out.

"RPM database backends", https://rpm.org/docs/latest/man/rpm-config.5
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.packages import rpmheader
from imgbuild.guests.packages.base import Inventory, Unseen, Versions, add, read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.filesystems.tree import GuestTree

_FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm")
_KEYS = frozenset({"gpg-pubkey"})


def read(tree: GuestTree) -> Inventory | None:
    """Return what RPM has installed; ``None`` where it has no database."""
    for folder in _FOLDERS:
        for name, reader in (("rpmdb.sqlite", _sqlite), ("Packages.db", _ndb), ("Packages", _bdb)):
            path = f"{folder}/{name}"
            if tree.is_file(path):
                _refuse_log(tree, path)
                return Inventory("rpm", path, _versions(reader()(read_all(tree, path))))
    return None


def _refuse_log(tree: GuestTree, path: str) -> None:
    log = tree.stat(f"{path}-wal")
    if log is not None and log.size:
        raise Unseen(f"the log {path}-wal holds changes that were not yet written to it")


def _versions(headers: Iterator[bytes]) -> Versions:
    versions: Versions = {}
    for header in headers:
        name, version = rpmheader.parse(header)
        if name not in _KEYS:
            add(versions, name, version)
    return versions


def _sqlite() -> Callable[[bytes], Iterator[bytes]]:
    from imgbuild.guests.packages import sqlitedb  # noqa: PLC0415 - the one that is there

    return sqlitedb.headers


def _ndb() -> Callable[[bytes], Iterator[bytes]]:
    from imgbuild.guests.packages import ndb  # noqa: PLC0415 - the one that is there

    return ndb.headers


def _bdb() -> Callable[[bytes], Iterator[bytes]]:
    from imgbuild.guests.packages import bdb  # noqa: PLC0415 - the one that is there

    return bdb.headers
