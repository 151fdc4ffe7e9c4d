"""The cells of a registry hive: its bytes in, keys and values out.

By our own reader: libregf reads the header of every bin when it opens a hive, and with it all of a hive of the usual
size (64 MiB in bins of 4 KiB: 0.23 s); a dozen values are in a dozen blocks.

    off  size  field of the base block, little-endian, 4096 bytes
      0     4  "regf", 4: primary and 8: secondary sequence number, which differ while changes are in the logs only
     20     4  major version, 1; 24: minor version, 3 to 6
     36     4  offset of the root key, 40: bytes of the hive's bins

    All offsets count from the end of the base block. A cell begins with its size (4 bytes), negative while in use.

    off  size  field of a key: "nk"
      2     2  flags: 0x20 the name is in Latin-1, not UTF-16
     20     4  number of subkeys, 28: offset of their list
     36     4  number of values, 40: offset of their list
     72     2  bytes of the name, which stands at 76

    off  size  field of a list of subkeys
      0     2  "lf" or "lh" (offset and hash, 8 bytes each), "li" (offsets), "ri" (offsets of further lists)
      2     2  number of entries

    off  size  field of a value: "vk"
      2     2  bytes of the name, which stands at 20
      4     4  bytes of the data; with 0x80000000 at most four, in the field of the offset
      8     4  offset of the data, 12: type
     16     2  flags: 1 the name is in Latin-1

    Data over 16,344 bytes is in a "db": at 2 the number of pieces, at 4 the offset of the list of their offsets.

Windows registry file format specification, https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.readers import BrokenImage, broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.readers import Reader

BASE = 4096
MAX_CELL = 4096
"""Bytes of a cell that are read unless more are asked for: keys and values with their names are shorter."""
MAX_CELLS = 200_000
"""Cells of one hive that are looked at: a bomb ends there, a system takes some hundreds."""
MAX_KEYS = 65_536
"""Subkeys of one key that are looked at, and values of one key."""
PIECE = 16_344

_NONE = 0xFFFFFFFF
_INLINE = 0x80000000
_LATIN_NAME, _LATIN_VALUE = 0x20, 1
_ENTRIES_OF_A_CELL = 16  # what an entry of a list costs, to what a cell does
_LISTS = {b"lf": 8, b"lh": 8, b"li": 4}
_KEY = struct.Struct("<2sH16xI4xI4xII28xH2x")
_VALUE = struct.Struct("<2sHIIIH2x")


class Node(NamedTuple):
    """A key cell."""

    name: str
    subkeys: int | None
    values: int | None
    values_count: int


class Raw(NamedTuple):
    """A value cell; ``inline`` are the bytes of one that holds its own data."""

    name: str
    type: int
    size: int
    place: int
    inline: bytes | None


class Cells:
    """The cells of a hive by their offsets."""

    def __init__(self, reader: Reader, title: str) -> None:
        self.title = title
        self._left = MAX_CELLS
        self._reader = reader
        head = self._at(0, 512)
        self.primary, self.secondary = struct.unpack_from("<II", head, 4)
        major, self._minor = struct.unpack_from("<II", head, 20)
        self.root, bins = struct.unpack_from("<II", head, 36)
        if head[:4] != b"regf" or major != 1:
            raise self.damaged("does not begin as a hive")
        self._end = BASE + bins
        if self._end > reader.size:
            raise self.damaged(f"has {reader.size} bytes of {self._end}")

    def node(self, offset: int) -> Node:
        """Return the key at an offset."""
        cell = self._cell(offset, b"nk", _KEY.size)
        _, flags, subkeys, below, count, values, size = _KEY.unpack_from(cell)
        name = self._name(cell, _KEY.size, size, latin=bool(flags & _LATIN_NAME))
        return Node(name, below if subkeys and below != _NONE else None,
                    values if values != _NONE else None, count)

    def children(self, node: Node) -> Iterator[tuple[int, bytes | None]]:
        """Yield the offsets of a key's subkeys in their order, with the hash of the name where the list has one."""
        if node.subkeys is None:
            return
        total = 0
        for kind, cell in self._lists(node.subkeys):
            width = _LISTS[kind]
            total += len(cell) // width
            self._spend(len(cell) // width // _ENTRIES_OF_A_CELL)
            if total > MAX_KEYS:
                raise self.damaged(f"has more than {MAX_KEYS} subkeys in the key {node.name!r}")
            for place in range(0, len(cell), width):
                yield int.from_bytes(cell[place : place + 4], "little"), cell[place + 4 : place + width] or None

    def values(self, node: Node) -> Iterator[Raw]:
        """Yield a key's values."""
        if node.values is None or node.values_count == 0:
            return
        if node.values_count > MAX_KEYS:
            raise self.damaged(f"has {node.values_count} values in the key {node.name!r}")
        cell = self._cell(node.values, b"", 4 * node.values_count)
        for place in range(0, 4 * node.values_count, 4):
            yield self._value(int.from_bytes(cell[place : place + 4], "little"))

    def data(self, value: Raw, limit: int) -> bytes:
        """Return up to ``limit`` bytes of a value."""
        size = min(value.size, limit)
        if value.inline is not None:
            return value.inline[:size]
        if value.size <= PIECE or self._minor <= 3:  # noqa: PLR2004 - versions from 1.4 on have pieces
            return self._cell(value.place, b"", size)[:size] if size else b""
        return self._pieces(value.place, size)

    def damaged(self, what: str) -> BrokenImage:
        """Return the objection to this hive."""
        return broken("hive-damaged", f"the registry hive {self.title} {what}")

    def _value(self, offset: int) -> Raw:
        cell = self._cell(offset, b"vk", _VALUE.size)
        _, length, size, place, kind, flags = _VALUE.unpack_from(cell)
        name = self._name(cell, _VALUE.size, length, latin=bool(flags & _LATIN_VALUE))
        if not size & _INLINE:
            return Raw(name, kind, size, place, None)
        size = min(size & ~_INLINE, 4)
        return Raw(name, kind, size, 0, cell[8 : 8 + size])

    def _pieces(self, place: int, size: int) -> bytes:
        head = self._cell(place, b"db", 8)
        count, listed = struct.unpack_from("<HI", head, 2)
        wanted = -(-size // PIECE)
        if wanted > count:
            raise self.damaged(f"has {count} pieces of a value of {size} bytes")
        offsets = struct.unpack_from(f"<{wanted}I", self._cell(listed, b"", 4 * wanted))
        return b"".join(self._cell(offset, b"", min(PIECE, size - number * PIECE))[:PIECE]
                        for number, offset in enumerate(offsets))[:size]

    def _lists(self, offset: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield the lists of subkeys, those below another one in its place."""
        kind, entries = self._list(offset)
        if kind != b"ri":
            yield kind, entries
            return
        for place in range(0, len(entries), 4):
            kind, below = self._list(int.from_bytes(entries[place : place + 4], "little"))
            if kind == b"ri":
                raise self.damaged("has a list of lists of subkeys below another one")
            yield kind, below

    def _list(self, offset: int) -> tuple[bytes, bytes]:
        """Return the kind of a list and its entries."""
        kind, count = struct.unpack("<2sH", self._cell(offset, b"", 4, most=4))
        if kind not in _LISTS and kind != b"ri":
            raise self.damaged(f"has no list of subkeys at {offset:#x}")
        size = count * _LISTS.get(kind, 4)
        return kind, self._cell(offset, kind, 4 + size, most=4 + size)[4:]

    def _cell(self, offset: int, signature: bytes, least: int, most: int = MAX_CELL) -> bytes:
        """Return the content of a cell that is in use: all of it, or ``most`` bytes; ``least`` have to be there."""
        self._spend(1)
        size = -int.from_bytes(self._at(BASE + offset, 4), "little", signed=True) - 4
        if size < least:
            raise self.damaged(f"has a cell of {size} bytes at {offset:#x}")
        cell = self._at(BASE + offset + 4, min(size, max(least, most)))
        if not cell.startswith(signature):
            raise self.damaged(f"has no {signature.decode()} cell at {offset:#x}")
        return cell

    def _spend(self, cells: int) -> None:
        self._left -= cells
        if self._left < 0:
            raise self.damaged(f"leads through more than {MAX_CELLS} cells")

    def _at(self, offset: int, length: int) -> bytes:
        if offset + length > max(getattr(self, "_end", BASE), 512) or offset + length > self._reader.size:
            raise self.damaged(f"ends before the cell at {offset - BASE:#x}")
        return self._reader.read_at(offset, length)

    def _name(self, cell: bytes, start: int, size: int, *, latin: bool) -> str:
        if start + size > len(cell):
            raise self.damaged(f"has a name of {size} bytes in a cell of {len(cell)}")
        return cell[start : start + size].decode("latin-1" if latin else "utf-16-le", "replace")
