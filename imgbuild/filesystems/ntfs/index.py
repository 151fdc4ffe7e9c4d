"""Directories: the attributes of one in, its names and the references of their files out.

A directory is a B-tree of names, sorted by their upper-case forms. Its root is in the file record ($INDEX_ROOT), its
other nodes are blocks of $INDEX_ALLOCATION.

    off  size  field of $INDEX_ROOT, little-endian
      0     4  type of the attribute that is indexed, 0x30 for names; 4: rule of sorting, 1 for names
      8     4  bytes of an index block
     16        node

    off  size  field of an index block
      0     4  "INDX", then the update sequence array as in a file record
     16     8  number of the block
     24        node

    off  size  field of a node
      0     4  offset of the first entry, 4: end of the entries, both from here

    off  size  field of an entry
      0     8  reference of the file, 8 (2): bytes of the entry, 10 (2): of the name's field
     12     2  flags: 1 has a node below it, 2 last of the node, without a name
     16        $FILE_NAME: at 64 characters of the name, 65 namespace (2 is the short name of 8.3), 66 the name
     -8     8  number of the block of the node below, which sorts before this entry

Numbers of blocks count clusters, or sectors of 512 bytes where a block is smaller than a cluster.

https://flatcap.github.io/linux-ntfs/ntfs/attributes/index_root.html, …/index_allocation.html and
…/ntfs/concepts/index_record.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.filesystems.base import MAX_ENTRIES
from imgbuild.filesystems.ntfs.records import INDEX_ALLOCATION, INDEX_ROOT, damaged, repaired
from imgbuild.filesystems.superblocks.base import is_power_of_two
from imgbuild.readers import broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.filesystems.ntfs.records import FileTable, Record

NAME = "$I30"
MAX_DEPTH = 16
"""Nodes above one another: an index of a million names has four."""
SHORT_NAME = 2
"""The namespace of the names of 8.3, which stand beside the long ones."""

_BLOCK_SIZES = (512, 65536)
_HAS_CHILD, _LAST = 1, 2
_ENTRY = struct.Struct("<QHHH2x")
_NODE = struct.Struct("<II")
_NAME_AT, _ROOT_NODE, _BLOCK_NODE = 66, 16, 24


class Entry(NamedTuple):
    """An entry of a node: a name and its file, and the node of the names before it (``None`` at the leaves)."""

    name: str | None
    namespace: int
    reference: int
    child: int | None


class _Way(NamedTuple):
    """A way through the tree: the blocks that were met, none of which may come again, and how deep it is."""

    seen: set[int]
    depth: int

    def down(self) -> _Way:
        return _Way(self.seen, self.depth + 1)


class Directory:
    """The index of a directory's names; ``fold`` gives the upper-case form that names are sorted by."""

    def __init__(self, table: FileTable, record: Record, cluster: int, fold: Callable[[str], str]) -> None:
        root = record.find(INDEX_ROOT, NAME)
        value = root[0].value if root else None
        if value is None or len(value) < _ROOT_NODE + _NODE.size:
            raise damaged(f"file record {record.number} has no index of names")
        self._number = record.number
        self._root = tuple(_entries(value, _ROOT_NODE, f"the index of file record {record.number}"))
        self._size = int.from_bytes(value[8:12], "little")
        if not is_power_of_two(self._size, *_BLOCK_SIZES):
            raise damaged(f"the index of file record {record.number} has blocks of {self._size} bytes")
        self._unit = cluster if cluster <= self._size else 512
        self._blocks = table.open(record.find(INDEX_ALLOCATION, NAME))
        self._nodes: dict[int, tuple[Entry, ...]] = {}
        self._count = 0
        self._fold = fold

    def find(self, name: str) -> int | None:
        """Return the reference of the file of that name, in any case; one in the same case comes first."""
        found = list(self._search(self._root, self._fold(name), _Way(set(), 0)))
        exact = [entry for entry in found if entry.name == name]
        return next((entry.reference for entry in (*exact, *found)), None)

    def names(self) -> list[tuple[str, int]]:
        """Return all names with their references, but the short ones that stand for a long one."""
        return [(entry.name, entry.reference) for entry in self._walk(self._root, _Way(set(), 0))
                if entry.name is not None and entry.namespace != SHORT_NAME]

    def _search(self, node: tuple[Entry, ...], wanted: str, way: _Way) -> Iterator[Entry]:
        """Yield the entries whose name is the wanted one in upper case: there may be several in different case."""
        for entry in node:
            key = None if entry.name is None else self._fold(entry.name)
            if key is not None and key < wanted:
                continue
            if entry.child is not None:
                yield from self._search(self._node(entry.child, way), wanted, way.down())
            if key != wanted:
                return
            yield entry

    def _walk(self, node: tuple[Entry, ...], way: _Way) -> Iterator[Entry]:
        for entry in node:
            if entry.child is not None:
                yield from self._walk(self._node(entry.child, way), way.down())
            yield entry

    def _node(self, number: int, way: _Way) -> tuple[Entry, ...]:
        if number in way.seen or way.depth >= MAX_DEPTH:
            raise damaged(f"the index of file record {self._number} leads in a circle")
        way.seen.add(number)
        if number not in self._nodes:
            self._nodes[number] = self._read(number)
            self._count += len(self._nodes[number])
            if self._count > MAX_ENTRIES:
                raise broken("directory-too-large", f"NTFS: the directory of file record {self._number} has more than"
                                                    f" {MAX_ENTRIES} names")
        return self._nodes[number]

    def _read(self, number: int) -> tuple[Entry, ...]:
        what = f"index block {number} of file record {self._number}"
        if number * self._unit + self._size > self._blocks.size:
            raise damaged(f"{what} is after the end of the index")
        data = repaired(self._blocks.read_at(number * self._unit, self._size), b"INDX", what)
        if int.from_bytes(data[16:24], "little") != number:
            raise damaged(f"{what} says that it is another one")
        return tuple(_entries(data, _BLOCK_NODE, what))


def _entries(data: bytes, node: int, what: str) -> Iterator[Entry]:
    first, end = _NODE.unpack_from(data, node)
    place, end = node + first, min(node + end, len(data))
    while place + _ENTRY.size <= end:
        reference, length, key, flags = _ENTRY.unpack_from(data, place)
        if length < _ENTRY.size or place + length > end:
            break
        raw = data[place : place + length]
        child = int.from_bytes(raw[-8:], "little") if flags & _HAS_CHILD else None
        if flags & _LAST:
            yield Entry(None, 0, 0, child)
            return
        yield _named(raw, reference, key, child, what)
        place += length
    raise damaged(f"{what} has no last entry")


def _named(raw: bytes, reference: int, key: int, child: int | None, what: str) -> Entry:
    size = 2 * raw[64 + _ENTRY.size] if len(raw) > _NAME_AT + _ENTRY.size else 0
    start = _NAME_AT + _ENTRY.size
    if size == 0 or key < _NAME_AT + size or start + size > len(raw):
        raise damaged(f"{what} has a name of {size // 2} characters in an entry of {len(raw)} bytes")
    return Entry(raw[start : start + size].decode("utf-16-le", "surrogatepass"), raw[65 + _ENTRY.size], reference,
                 child)
