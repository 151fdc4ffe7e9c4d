"""The trees of btrfs: the pointer to a root and keys in, items out.

Walks end by themselves, see ``nodes.py``.

https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.filesystems.btrfs.chunks import CHUNK_ITEM, ChunkMap
from imgbuild.filesystems.btrfs.nodes import NodeReader, Pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.btrfs.nodes import Key
    from imgbuild.filesystems.btrfs.superblock import Superblock
    from imgbuild.readers import Reader

LAST = (1 << 64) - 1
"""The highest offset of a key."""
_FIRST_CHUNK_TREE = 256


class Trees:
    """The trees of a file system; those of the superblock are at hand: the root tree."""

    def __init__(self, reader: Reader, superblock: Superblock) -> None:
        self.chunks = ChunkMap(superblock)
        self._nodes = NodeReader(reader, superblock, self.chunks)
        self.root = Pointer(superblock.root, superblock.root_level, superblock.generation)
        chunk_tree = Pointer(superblock.chunk_root, superblock.chunk_root_level, superblock.chunk_root_generation)
        for key, data in self.items(chunk_tree, (_FIRST_CHUNK_TREE, CHUNK_ITEM, 0),
                                    (_FIRST_CHUNK_TREE, CHUNK_ITEM, LAST)):
            self.chunks.add(key[2], data)

    def get(self, tree: Pointer, key: Key) -> bytes | None:
        """Return the data of the item with that key, or ``None``."""
        found = self.last(tree, key)
        return found[1] if found is not None and found[0] == key else None

    def last(self, tree: Pointer, key: Key) -> tuple[Key, bytes] | None:
        """Return the last item whose key is not higher, or ``None``."""
        node = self._nodes.read(tree)
        while (position := node.position(key)) >= 0:
            if not node.level:
                return node.key(position), node.data(position)
            node = self._nodes.read(node.child(position))
        return None

    def items(self, tree: Pointer, low: Key, high: Key) -> Iterator[tuple[Key, bytes]]:
        """Yield the items from one key to another, both included."""
        node = self._nodes.read(tree)
        start = node.position(low)
        if not node.level and (start < 0 or node.key(start) != low):
            start += 1
        for index in range(max(0, start), node.count):
            if (key := node.key(index)) > high:
                return
            if node.level:
                yield from self.items(node.child(index), low, high)
            else:
                yield key, node.data(index)
