"""The registry of one guest: its files in, the hives SOFTWARE and SYSTEM out, read only where they are asked for.

CurrentControlSet exists while Windows runs only: ``Select`` of SYSTEM says which of its control sets it is.

https://learn.microsoft.com/troubleshoot/windows-server/performance/what-are-control-sets-what-is-currentcontrolset
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests.windows.hives import Hive, Key
from imgbuild.readers import check_range

if TYPE_CHECKING:
    from imgbuild.filesystems.tree import GuestTree

MAX_CONTROL_SET = 999
_ROOTS = ("/Windows", "/WINNT")


def find_registry(tree: GuestTree) -> Registry | None:
    """Return the registry of the Windows in a tree, ``None`` where there is none.

    Recovery partitions and installers have no such files outside of their archives.
    """
    for root in _ROOTS:
        found = Registry(tree, tree.resolve(root) or root)
        if any(tree.is_file(found.file(title)) for title in ("SOFTWARE", "SYSTEM")):
            return found
    return None


class Registry(msgspec.Struct, eq=False, dict=True):
    """The hives below ``root``, the directory of Windows (``/Windows``). A hive that is not there is ``None``."""

    tree: GuestTree
    root: str

    @cached_property
    def software(self) -> Hive | None:
        r"""HKEY_LOCAL_MACHINE\SOFTWARE."""
        return self._open("SOFTWARE")

    @cached_property
    def system(self) -> Hive | None:
        r"""HKEY_LOCAL_MACHINE\SYSTEM."""
        return self._open("SYSTEM")

    @cached_property
    def control_set(self) -> Key | None:
        """The control set that the next start uses."""
        if self.system is None:
            return None
        select = self.system.key("Select")
        number = select.number("Current") if select is not None else None
        if number is None or not 1 <= number <= MAX_CONTROL_SET:
            return None
        return self.system.key(f"ControlSet{number:03d}")

    def control(self, path: str) -> Key | None:
        r"""Return a key of the control set: ``Services\viostor``."""
        found = self.control_set
        for name in path.split("\\"):
            found = found.key(name) if found is not None else None
        return found

    def file(self, title: str) -> str:
        """Return where the file of a hive is."""
        return f"{self.root}/System32/config/{title}"

    def _open(self, title: str) -> Hive | None:
        path = self.tree.resolve(self.file(title))
        found = self.tree.stat(path) if path is not None else None
        if path is None or found is None or found.kind != "file":
            return None
        return Hive(_File(self.tree, path, found.size), title)


class _File:
    """A file of the guest as a reader."""

    def __init__(self, tree: GuestTree, path: str, size: int) -> None:
        self._tree = tree
        self._path = path
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        check_range(self.size, offset, length, f"the file {self._path!r}")
        data = self._tree.read(self._path, length, offset) or b""
        check_range(offset + len(data), offset, length, f"the file {self._path!r}")
        return data
