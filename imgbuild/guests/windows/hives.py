"""Keys and values of a hive by their names, in any case: a hive's bytes in, typed values out.

What is not there is ``None``; what is of another type than asked for is ``None`` too, for it does not say what is
looked for. What is damaged raises BrokenImage ``hive-damaged``: it is not missing.

Types of values: https://learn.microsoft.com/windows/win32/sysinfo/registry-value-types
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.filesystems.cached import CachedReader
from imgbuild.guests.osrelease import clean
from imgbuild.guests.windows.regf import Cells, Node
from imgbuild.readers import broken
from imgbuild.sizes import MIB, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.guests.windows.regf import Raw
    from imgbuild.readers import Reader

MAX_HIVE = 512 * MIB
MAX_TEXT = 64 * 1024
"""Bytes of a value that are read."""
SEARCHED = 64
"""Subkeys that are all looked at; of more the hashes are asked, then the order of the names."""

_TEXT, _EXPANDED, _BINARY, _NUMBER, _BIG_ENDIAN, _TEXTS, _LONG = 1, 2, 3, 4, 5, 7, 11
_WIDTHS = {_NUMBER: 4, _BIG_ENDIAN: 4, _LONG: 8}


class Hive:
    """A registry hive; ``title`` is its name in messages and in the words of its keys."""

    def __init__(self, reader: Reader, title: str) -> None:
        if reader.size > MAX_HIVE:
            raise broken("hive-damaged", f"the registry hive {title} has {human_size(reader.size)}, more than"
                                         f" {human_size(MAX_HIVE)}: it was not looked at")
        self.title = title
        self._cells = Cells(CachedReader(reader), title)

    @property
    def dirty(self) -> bool:
        """Whether changes are in its transaction logs that are not in it."""
        return bool(self._cells.primary != self._cells.secondary)

    @property
    def root(self) -> Key:
        """The key that holds all others."""
        return Key(self._cells, self._cells.node(self._cells.root), self.title)

    def key(self, path: str) -> Key | None:
        r"""Return the key at a path with ``\`` between its names, or ``None``."""
        found: Key | None = self.root
        for name in filter(None, path.split("\\")):
            found = found.key(name) if found is not None else None
        return found


class Key:
    """A key of a hive; ``path`` begins with the hive's title."""

    def __init__(self, cells: Cells, node: Node, path: str) -> None:
        self.path = path
        self._cells = cells
        self._node = node
        self._values: dict[str, Raw] | None = None

    @property
    def name(self) -> str:
        """Its own name."""
        return clean(self._node.name)

    def key(self, name: str) -> Key | None:
        """Return the subkey of that name, or ``None``."""
        wanted = name.upper()
        entries = list(self._cells.children(self._node))
        if len(entries) <= SEARCHED:
            return self._first(wanted, [offset for offset, _ in entries])
        code = name_hash(wanted)
        hashed = [offset for offset, found in entries if found == code][:SEARCHED]
        return self._first(wanted, hashed) or self._by_order(wanted, [offset for offset, _ in entries])

    def keys(self) -> Iterator[Key]:
        """Yield the subkeys."""
        for offset, _ in self._cells.children(self._node):
            yield self._below(self._cells.node(offset))

    def data(self, name: str) -> bytes | None:
        """Return up to 64 KiB of a value's bytes, whatever its type; the empty name is the key's own value."""
        value = self._value(name)
        return None if value is None else self._cells.data(value, MAX_TEXT)

    def text(self, name: str) -> str | None:
        """Return a string, made safe to show."""
        value = self._value(name)
        if value is None or value.type not in {_TEXT, _EXPANDED}:
            return None
        return clean(_decoded(self._cells.data(value, MAX_TEXT)).split("\0", 1)[0])

    def number(self, name: str) -> int | None:
        """Return an unsigned number of 32 or 64 bits."""
        value = self._value(name)
        if value is None or value.size != _WIDTHS.get(value.type):
            return None
        return int.from_bytes(self._cells.data(value, 8), "big" if value.type == _BIG_ENDIAN else "little")

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return the strings of a list; a single string is a list of one."""
        value = self._value(name)
        if value is None or value.type not in {_TEXT, _EXPANDED, _TEXTS}:
            return None
        found = _decoded(self._cells.data(value, MAX_TEXT)).split("\0")
        return tuple(clean(text) for text in found if text)

    def names(self) -> list[str]:
        """Return the names of its values."""
        return [clean(value.name) for value in self._all_values().values()]

    def _value(self, name: str) -> Raw | None:
        return self._all_values().get(name.upper())

    def _all_values(self) -> dict[str, Raw]:
        if self._values is None:
            self._values = {value.name.upper(): value for value in self._cells.values(self._node)}
        return self._values

    def _first(self, wanted: str, offsets: list[int]) -> Key | None:
        nodes = (self._cells.node(offset) for offset in offsets)
        return next((self._below(node) for node in nodes if node.name.upper() == wanted), None)

    def _by_order(self, wanted: str, offsets: list[int]) -> Key | None:
        """Look for a name half by half: subkeys are sorted by their upper-case names."""
        low, high = 0, len(offsets)
        while low < high:
            middle = (low + high) // 2
            node = self._cells.node(offsets[middle])
            name = node.name.upper()
            if name == wanted:
                return self._below(node)
            low, high = (middle + 1, high) if name < wanted else (low, middle)
        return None

    def _below(self, node: Node) -> Key:
        return Key(self._cells, node, f"{self.path}\\{clean(node.name)}")


def name_hash(name: str) -> bytes:
    """Return the hash of an upper-case name as lists of the kind "lh" hold it."""
    code = 0
    for unit in name:
        code = (code * 37 + ord(unit)) & 0xFFFFFFFF
    return code.to_bytes(4, "little")


def _decoded(raw: bytes) -> str:
    return raw[: len(raw) // 2 * 2].decode("utf-16-le", "replace")
