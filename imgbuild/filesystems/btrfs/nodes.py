"""The nodes of btrfs trees: a logical address in, a node that is what its parent says it is out.

 off   hex  size  field of a node's header, little-endian
   0  0x00    32  csum, over the rest of the node
  32  0x20    16  fsid
  48  0x30     8  bytenr, its own logical address
  80  0x50     8  generation
  96  0x60     4  nritems
 100  0x64     1  level, 0 for a leaf
 101  0x65        in a leaf items: key (17), offset (4, from here on), size (4)
                  else pointers: key (17), blockptr (8), generation (8)

A key is objectid (8), type (1), offset (8), and in a tree each is higher than the one before. A node is taken only if
its sum, its identifier, its address, its generation, its level and its first key are as expected; where the metadata
is there twice, the second copy is tried. Since a child has a lower level and begins with the key by which it was found,
no walk can go in a circle or come by a node twice.

https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
What the kernel expects: fs/btrfs/tree-checker.c, https://github.com/torvalds/linux/blob/v6.12/fs/btrfs/tree-checker.c
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.filesystems.btrfs.checksums import is_intact
from imgbuild.readers import BrokenImage, broken

if TYPE_CHECKING:
    from imgbuild.filesystems.btrfs.chunks import ChunkMap
    from imgbuild.filesystems.btrfs.superblock import Superblock
    from imgbuild.readers import Reader

Key = tuple[int, int, int]

_HEADER = struct.Struct("<32s16sQ24xQ8xIB")
_HEADER_BYTES = _HEADER.size
_KEY = struct.Struct("<QBQ")
_ITEM = struct.Struct("<QBQII")
_POINTER = struct.Struct("<QBQQQ")
_CACHED_BYTES = 4 << 20


class Pointer(NamedTuple):
    """What is known of a node before it is read; without ``first`` it is the root of its tree."""

    logical: int
    level: int
    generation: int
    first: Key | None = None


class Node:
    """A checked node: its entries by number, from 0 on."""

    def __init__(self, raw: bytes, level: int, count: int) -> None:
        self._raw = raw
        self._entry = _POINTER if level else _ITEM
        self.level = level
        self.count = count

    def key(self, index: int) -> Key:
        """Return the key of an entry."""
        found: Key = _KEY.unpack_from(self._raw, _HEADER_BYTES + index * self._entry.size)
        return found

    def data(self, index: int) -> bytes:
        """Return the data of an item of a leaf."""
        *_, offset, size = self._values(index)
        return self._raw[_HEADER_BYTES + offset : _HEADER_BYTES + offset + size]

    def child(self, index: int) -> Pointer:
        """Return the pointer of an entry that is not of a leaf."""
        *key, logical, generation = self._values(index)
        return Pointer(logical, self.level - 1, generation, (key[0], key[1], key[2]))

    def position(self, key: Key) -> int:
        """Return the number of the last entry whose key is not higher, -1 where all are."""
        low, high = 0, self.count
        raw, step, key_at = self._raw, self._entry.size, _KEY.unpack_from
        while low < high:
            middle = (low + high) // 2
            if key_at(raw, _HEADER_BYTES + middle * step) > key:
                high = middle
            else:
                low = middle + 1
        return low - 1

    def _values(self, index: int) -> tuple[int, ...]:
        return self._entry.unpack_from(self._raw, _HEADER_BYTES + index * self._entry.size)


class NodeReader:
    """Reads nodes, and keeps the last ones."""

    def __init__(self, reader: Reader, superblock: Superblock, chunks: ChunkMap) -> None:
        self._reader = reader
        self._superblock = superblock
        self._chunks = chunks
        self._kept: dict[Pointer, Node] = {}

    def read(self, pointer: Pointer) -> Node:
        """Return the node, or raise BrokenImage with what is wrong with its first copy."""
        node = self._kept.pop(pointer, None)
        if node is None:
            node = self._from_copies(pointer)
            if len(self._kept) * self._superblock.nodesize >= _CACHED_BYTES:
                self._kept.pop(next(iter(self._kept)))
        self._kept[pointer] = node
        return node

    def _from_copies(self, pointer: Pointer) -> Node:
        failure: BrokenImage | None = None
        for place in self._chunks.places(pointer.logical, self._superblock.nodesize):
            try:
                return self._checked(pointer, self._reader.read_at(place, self._superblock.nodesize))
            except BrokenImage as error:
                failure = failure or error
        assert failure is not None  # noqa: S101 - a chunk without copies was refused
        raise failure

    def _checked(self, pointer: Pointer, raw: bytes) -> Node:
        _, uuid, bytenr, generation, count, level = _HEADER.unpack_from(raw)
        if not is_intact(raw, self._superblock.csum_type):
            raise _damaged(pointer, "its checksum does not match", raw)
        if (uuid, bytenr, generation, level) != (
                self._superblock.node_uuid, pointer.logical, pointer.generation, pointer.level):
            raise _damaged(pointer, f"it says address {bytenr}, level {level}, generation {generation} of {uuid.hex()}",
                           raw)
        room = (len(raw) - _HEADER_BYTES) // (_POINTER if level else _ITEM).size
        if count > room or not (count or _may_be_empty(pointer)):
            raise _damaged(pointer, f"it has {count} entries", raw)
        node = Node(raw, level, count)
        _check_keys(node, pointer, raw)
        return node


def _may_be_empty(pointer: Pointer) -> bool:
    return pointer.first is None and pointer.level == 0


def _check_keys(node: Node, pointer: Pointer, raw: bytes) -> None:
    if pointer.first is not None and node.key(0) != pointer.first:
        raise _damaged(pointer, "it does not begin with the key that its parent has", raw)
    entry = _POINTER if node.level else _ITEM
    before = (-1, 0, 0)
    area = len(raw) - _HEADER_BYTES
    used = node.count * entry.size
    for objectid, kind, offset, start, size in entry.iter_unpack(raw[_HEADER_BYTES : _HEADER_BYTES + used]):
        if (objectid, kind, offset) <= before:
            raise _damaged(pointer, "its keys are not in order", raw)
        if not node.level and not used <= start <= start + size <= area:
            raise _damaged(pointer, f"it has an item of {size} bytes at {start}", raw)
        before = (objectid, kind, offset)


def _damaged(pointer: Pointer, reason: str, raw: bytes) -> BrokenImage:
    return broken("filesystem-damaged", f"the btrfs node at the logical address {pointer.logical} cannot be followed:"
                                        f" {reason}", raw=raw[: _HEADER_BYTES])
