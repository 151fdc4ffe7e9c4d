"""btrfs with subvolumes in a plain file: no root, no loop device, and room for lies.

``mkfs.btrfs --rootdir`` makes one subvolume and compresses nothing (before version 6.11). Here the trees that a reader
of files needs are laid down directly: chunk tree, root tree, and one tree for each subvolume; no extent tree, so that
``btrfs restore`` and ``btrfs inspect-internal dump-tree`` read them but a kernel does not mount them.

https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from images.btrfs_items import (
    CHUNK_ITEM,
    DATA,
    DEVICE_TREE,
    EXTENT_DATA,
    FIRST,
    INODE_ITEM,
    INODE_REF,
    KIB,
    LZO,
    MIB,
    NODE,
    NONE,
    ROOT_BACKREF,
    ROOT_DIRECTORY,
    ROOT_ITEM,
    ROOT_REF,
    SECTOR,
    SUPERBLOCK,
    SYSTEM,
    TOP_LEVEL,
    UUID,
    add_entry,
    chunk,
    inline,
    inode,
    on_disk,
    pack,
    root,
    seal,
)
from images.tree import Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from images.btrfs_items import Items, Key
    from images.tree import Tree

@dataclass
class Extents:
    """A file of given extents: place in the file, and the item's bytes or what is put on disk for it."""

    size: int
    items: list[tuple[int, bytes]]


@dataclass
class Packed:
    """A file that is compressed."""

    data: bytes
    method: int


@dataclass
class Subvolume:
    """A subvolume: its files, its place below the top level, and of which one (by path) it is a snapshot."""

    path: str
    tree: Tree
    snapshot_of: str = ""
    number: int = TOP_LEVEL
    items: Items = field(default_factory=dict)


class Writer:
    """Lays down one file system; ``fields`` are what its superblock says otherwise than it should."""

    def __init__(self, mib: int = 16, *, node: int = NODE, label: str = "crafted", uuid: str = UUID) -> None:
        self.size = mib * MIB
        self.node = node
        self.fields: dict[str, int] = {}
        self.label = label
        self.uuid = bytes.fromhex(uuid.replace("-", ""))
        self.places: dict[tuple[int, Key], int] = {}  # by tree and key: the address of the leaf that holds the item
        self.blocks: dict[int, bytes] = {}
        self._next = {"system": SYSTEM, "data": DATA}

    # -- space ---------------------------------------------------------------------------------------------------

    def store(self, data: bytes, where: str = "data") -> int:
        """Put bytes on disk and return their logical address."""
        place = self._next[where]
        self._next[where] = place + -(-len(data) // SECTOR) * SECTOR
        self.blocks[place] = data
        return place

    def tree(self, items: Items, owner: int, where: str = "data") -> tuple[int, int]:
        """Write a tree and return the address of its root and its level."""
        level, entries = 0, [(key, items[key]) for key in sorted(items)]
        nodes = [self._leaf(part, owner, where) for part in self._leaves(entries)] or [self._leaf([], owner, where)]
        while len(nodes) > 1:
            level += 1
            most = (self.node - 101) // 33
            nodes = [self._inner(nodes[start : start + most], owner, level, where)
                     for start in range(0, len(nodes), most)]
        return nodes[0][1], level

    def _leaves(self, entries: list[tuple[Key, bytes]]) -> Iterator[list[tuple[Key, bytes]]]:
        part: list[tuple[Key, bytes]] = []
        room = self.node - 101
        for key, data in entries:
            if part and room < 25 + len(data):
                yield part
                part, room = [], self.node - 101
            part.append((key, data))
            room -= 25 + len(data)
        if part:
            yield part

    def _leaf(self, entries: list[tuple[Key, bytes]], owner: int, where: str) -> tuple[Key, int]:
        end, heads, bodies = self.node - 101, b"", b""
        for key, data in entries:
            end -= len(data)
            heads += struct.pack("<QBQII", *key, end, len(data))
            bodies = data + bodies
        place = self._node(heads, bodies, len(entries), 0, owner, where)
        self.places |= {(owner, key): place for key, _ in entries}
        return (entries[0][0] if entries else (0, 0, 0)), place

    def _inner(self, nodes: list[tuple[Key, int]], owner: int, level: int, where: str) -> tuple[Key, int]:
        heads = b"".join(struct.pack("<QBQQQ", *key, place, 1) for key, place in nodes)
        return nodes[0][0], self._node(heads, b"", len(nodes), level, owner, where)

    def _node(self, heads: bytes, bodies: bytes, count: int, level: int, owner: int, where: str) -> int:
        place = self._next[where]
        fields = struct.pack("<QQ16sQQIB", place, 1 | 1 << 56, self.uuid, 1, owner, count, level)
        head = bytes(32) + self.uuid + fields + heads
        return self.store(seal(head.ljust(self.node - len(bodies), b"\0") + bodies), where)

    # -- files ---------------------------------------------------------------------------------------------------

    def files(self, tree: Tree, inner: dict[str, int]) -> tuple[Items, dict[str, int]]:
        """Return the items of a subvolume, and the inodes by path; ``inner`` are the subvolumes in it by path."""
        folders = {parent for path in (*tree, *inner) for parent in _parents(path)}
        paths = sorted(folders | set(tree))
        numbers = {"": FIRST} | {path: FIRST + 1 + index for index, path in enumerate(paths)}
        items = inode(FIRST, "directory", 0) | {(FIRST, INODE_REF, FIRST): struct.pack("<QH", 0, 2) + b".."}
        for index, path in enumerate(sorted((*paths, *inner)), start=2):
            parent, _, name = path.rpartition("/")
            if path in inner:
                add_entry(items, numbers[parent], name, (inner[path], ROOT_ITEM, 2**64 - 1), "directory", index)
                continue
            kind = _kind(tree.get(path))
            add_entry(items, numbers[parent], name, (numbers[path], INODE_ITEM, 0), kind, index)
            raw = name.encode()
            items[numbers[path], INODE_REF, numbers[parent]] = struct.pack("<QH", index, len(raw)) + raw
            items |= self._content(numbers[path], kind, tree.get(path))
        return items, numbers

    def _content(self, number: int, kind: str, content: object) -> Items:
        if kind == "directory":
            return inode(number, kind, 0)
        if isinstance(content, Extents):
            return inode(number, kind, content.size) | {
                (number, EXTENT_DATA, place): item for place, item in content.items}
        data, method = (content.data, content.method) if isinstance(content, Packed) else (_bytes(content), NONE)
        found = inode(number, kind, len(data))
        if len(data) <= 2048:
            return found | {(number, EXTENT_DATA, 0): inline(data, method)}
        step = {NONE: MIB, LZO: 64 * KIB}.get(method, 128 * KIB)  # our LZO makes data longer
        return found | {(number, EXTENT_DATA, start): self.extent(data[start : start + step], method)
                        for start in range(0, len(data), step)}

    def extent(self, data: bytes, method: int = NONE, kind: int = 1) -> bytes:
        """Put the bytes of an extent on disk and return its item."""
        packed = pack(data, method)
        packed += bytes(-len(packed) % SECTOR)
        length = -(-len(data) // SECTOR) * SECTOR
        return on_disk(self.store(packed), len(packed), length, method=method, kind=kind)

    # -- the whole -----------------------------------------------------------------------------------------------

    def save(self, path: Path, subvolumes: Iterable[Subvolume], default: str = "") -> Path:
        """Write the file system; the top level has the path ""."""
        path.write_bytes(self.image(subvolumes, default))
        return path

    def image(self, subvolumes: Iterable[Subvolume], default: str = "") -> bytes:
        """Return the bytes of the file system."""
        chunks = {(FIRST, CHUNK_ITEM, SYSTEM): chunk(DATA - SYSTEM, 2),
                  (FIRST, CHUNK_ITEM, DATA): chunk(self.size - DATA, 1 | 4)}
        chunk_root, chunk_level = self.tree(chunks, 3, "system")
        top, level = self.tree(self._roots(list(subvolumes), default), 1)
        array = struct.pack("<QBQ", FIRST, CHUNK_ITEM, SYSTEM) + chunks[FIRST, CHUNK_ITEM, SYSTEM]
        fields = {"root": top, "root_level": level, "chunk_root": chunk_root, "chunk_level": chunk_level,
                  "devices": 1, "incompat": 0x1 | 0x2 | 0x4 | 0x20 | 0x40 | 0x100 | 0x200, "log_root": 0, "devid": 1,
                  "nodesize": self.node, "sectorsize": SECTOR, "csum_type": 0, "array": len(array)} | self.fields
        out = bytearray(self.size)
        for place, data in self.blocks.items():
            out[place : place + len(data)] = data
        out[SUPERBLOCK : SUPERBLOCK + 4096] = seal(self._superblock(fields, array))
        return bytes(out)

    def _roots(self, subvolumes: list[Subvolume], default: str) -> Items:
        for number, entry in enumerate((entry for entry in subvolumes if entry.path), start=FIRST):
            entry.number = number
        numbers = {entry.path: entry.number for entry in subvolumes}
        items = inode(ROOT_DIRECTORY, "directory", 0)
        add_entry(items, ROOT_DIRECTORY, "default", (numbers[default], ROOT_ITEM, 2**64 - 1), "directory", 2)
        device_tree, _ = self.tree({}, DEVICE_TREE)
        items[DEVICE_TREE, ROOT_ITEM, 0] = root(device_tree, 0, DEVICE_TREE, is_snapshot=False)
        for entry in subvolumes:
            inner = {path.removeprefix(entry.path).lstrip("/"): number for path, number in numbers.items()
                     if path and _holder(path, numbers) == entry.path}
            directories = self._subvolume(items, entry, inner)
            for path, number in inner.items():
                parent, _, name = path.rpartition("/")
                reference = struct.pack("<QQH", directories[parent], 2, len(name.encode())) + name.encode()
                items[entry.number, ROOT_REF, number] = items[number, ROOT_BACKREF, entry.number] = reference
        return items

    def _subvolume(self, items: Items, entry: Subvolume, inner: dict[str, int]) -> dict[str, int]:
        found, directories = self.files(entry.tree, inner)
        place, level = self.tree(found | entry.items, entry.number)
        is_snapshot = bool(entry.snapshot_of)
        items[entry.number, ROOT_ITEM, 0] = root(place, level, entry.number, is_snapshot=is_snapshot)
        return directories

    def _superblock(self, fields: dict[str, int], array: bytes) -> bytes:
        out = bytearray(4096)
        struct.pack_into("<16sQQ8sQQQQQQQQQ", out, 32, self.uuid, SUPERBLOCK, 1, b"_BHRfS_M", 1, fields["root"],
                         fields["chunk_root"], fields["log_root"], 0, self.size, MIB, ROOT_DIRECTORY, fields["devices"])
        struct.pack_into("<IIIIIQQQQHBBB", out, 144, fields["sectorsize"], fields["nodesize"], fields["nodesize"],
                         SECTOR, fields["array"], 1, 0, 0, fields["incompat"], fields["csum_type"],
                         fields["root_level"], fields["chunk_level"], 0)
        struct.pack_into("<QQQIIIQQQIBB16s16s", out, 201, fields["devid"], self.size, self.size, SECTOR, SECTOR, SECTOR,
                         0, 1, 0, 0, 0, 0, bytes(16), self.uuid)
        struct.pack_into("<256s", out, 299, self.label.encode())
        out[811 : 811 + len(array)] = array
        return bytes(out)


def _holder(path: str, numbers: dict[str, int]) -> str:
    """Return the subvolume in which another one lies."""
    return max((known for known in numbers if known != path and (path + "/").startswith(known + "/" if known else "")),
               key=len)


def _parents(path: str) -> list[str]:
    words = path.split("/")
    return ["/".join(words[:count]) for count in range(1, len(words))]


def _kind(content: object) -> str:
    return "directory" if content is None else "link" if isinstance(content, Link) else "file"


def _bytes(content: object) -> bytes:
    return content.target.encode() if isinstance(content, Link) else content
