"""Which packages a guest has: its tree in, an inventory of each package database out.

Databases are opened only for who asks (a user's own rule), never for what every guest is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.packages import rpm, textual
from imgbuild.guests.packages.base import Inventory, Unseen

if TYPE_CHECKING:
    from imgbuild.filesystems.tree import GuestTree

__all__ = ["Inventory", "Unseen", "read"]


def read(tree: GuestTree) -> tuple[Inventory, ...]:
    """Return what each package manager has installed.

    Raises:
        Unseen: A database cannot be read, so what is missing may be in it.
    """
    readers = (textual.read_dpkg, rpm.read, textual.read_apk, textual.read_pacman)
    return tuple(found for read_one in readers if (found := read_one(tree)) is not None)
