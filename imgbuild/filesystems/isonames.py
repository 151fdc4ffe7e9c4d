"""The names on an ISO 9660 disc: Rock Ridge, Joliet, or those of ISO 9660 itself; directories in, nodes out.

A disc may have several trees over the same files; :func:`choose_records` takes the one that keeps most of what was
written.

    Directory record, off  size  field (9.1 of ECMA-119)
                        0     1  Length of Directory Record
                        1     1  Extended Attribute Record length
                        2     8  Location of Extent, little-endian then big-endian
                       10     8  Data Length
                       25     1  File Flags: 2 directory, 4 associated file, 0x80 not the last record of the file
                       32     1  Length of File Identifier
                       33        File Identifier, a byte of padding where its length is even, then the system use area

ECMA-119, 4th edition, June 2019, https://ecma-international.org/publications-and-standards/standards/ecma-119/
Joliet Specification, May 1995, http://littlesvr.ca/isomaster/resources/JolietSpecification.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.filesystems import rockridge
from imgbuild.readers import broken, read_clipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.base import Kind
    from imgbuild.readers import Reader

BLOCK = 2048
FIRST_DESCRIPTOR = 16 * BLOCK
MOST_DESCRIPTORS = 32

_PRIMARY, _SUPPLEMENTARY, _TERMINATOR = 1, 2, 255
_JOLIET = (b"%/@", b"%/C", b"%/E")
_BLOCK_SIZES = (512, 1024, 2048)
_ROOT = slice(156, 190)
_SHORTEST = 34
_DIRECTORY, _ASSOCIATED, _CONTINUES = 0x02, 0x04, 0x80
_SPECIAL = (b"\0", b"\1")  # itself, its parent
_MOST_EXTENTS = 4096

# No directory of any disc that was ever pressed is larger, nor are all that a question leads through.
_DIRECTORY_BYTES = 4 << 20
_TREE_BYTES = 32 << 20


class Node(msgspec.Struct):
    """A file or directory; ``extents`` are offsets (``None``: nothing but zeros) and sizes in bytes.

    ``block`` is where the rest of what is known of it is yet to be read.
    """

    kind: Kind
    extents: list[tuple[int | None, int]]
    mode: int = 0
    target: str = ""
    block: int | None = None

    @property
    def size(self) -> int:
        """The size in bytes; of a link the length of its target."""
        return len(self.target) if self.kind == "link" else sum(size for _, size in self.extents)


class Budget:
    """What may be read of directories in all."""

    def __init__(self, total: int = _TREE_BYTES, at_once: int = _DIRECTORY_BYTES) -> None:
        self._left = total
        self._at_once = at_once

    def take(self, size: int) -> None:
        """Count the bytes of a directory, or raise BrokenImage ``filesystem-too-large``."""
        self._left -= size
        if size > self._at_once or self._left < 0:
            raise broken("filesystem-too-large", f"reading the directories of the disc takes {size} bytes at once"
                                                 " or too many in all; the tree was not looked into")


def choose_records(reader: Reader, sectors: bytes) -> Records | None:
    """Return the best tree of directory records that the descriptors in ``sectors`` lead to."""
    primary = joliet = None
    for at in range(0, len(sectors), BLOCK):
        descriptor = sectors[at : at + BLOCK]
        if descriptor[1:6] != b"CD001" or len(descriptor) < BLOCK or descriptor[0] == _TERMINATOR:
            break
        if descriptor[0] == _PRIMARY:
            primary = primary or descriptor
        elif descriptor[0] == _SUPPLEMENTARY and descriptor[88:91] in _JOLIET:
            joliet = joliet or descriptor
    if primary is None or int.from_bytes(primary[128:130], "little") not in _BLOCK_SIZES:
        return None
    plain = Records(reader, primary)
    if plain.use_rock_ridge() or joliet is None:
        return plain
    return Records(reader, joliet, joliet=True)


class Records:
    """The tree of directory records under one volume descriptor."""

    def __init__(self, reader: Reader, descriptor: bytes, *, joliet: bool = False) -> None:
        self.cased = False
        self._reader = reader
        self._block = int.from_bytes(descriptor[128:130], "little")
        self._joliet = joliet
        self._skip: int | None = None  # bytes before the system use entries, where there is Rock Ridge
        self._budget = Budget()
        self.root = Node("directory", [self._extent(descriptor[_ROOT])])

    @property
    def has_own_names(self) -> bool:
        """Whether the names are long and as they were written: Rock Ridge or Joliet."""
        return self._joliet or self._skip is not None

    def use_rock_ridge(self) -> bool:
        """Look for Rock Ridge in the record of the root directory for itself, and say whether it is there."""
        start = self.root.extents[0][0] or 0
        record = read_clipped(self._reader, start, 255)
        self._skip = rockridge.announced(self._reader, record[_SHORTEST : record[0]] if record else b"", self._block)
        self.cased = self._skip is not None
        return self.cased

    def complete(self, node: Node) -> Node:
        """Return the node, whose record has said all there is."""
        return node

    def children(self, node: Node) -> dict[str, Node]:
        """Return the nodes of a directory by name, without itself and its parent."""
        found: dict[str, Node] = {}
        earlier: Node | None = None
        for record in self._records(node):
            name, child, hidden = self._read(record)
            if earlier is not None:  # a further part of the same file
                earlier.extents += child.extents[: max(0, _MOST_EXTENTS - len(earlier.extents))]
            elif not hidden and not record[25] & _ASSOCIATED:
                found.setdefault(name, child)
            earlier = (earlier or child) if record[25] & _CONTINUES else None
        return found

    def _records(self, node: Node) -> Iterator[bytes]:
        for start, size in node.extents:
            self._budget.take(size)
            data = read_clipped(self._reader, start or 0, size)
            if len(data) < size:
                raise broken("filesystem-damaged", f"a directory of the disc is said to be at byte {start},"
                                                   f" {size} bytes long, but the file ends before")
            yield from _split(data, self._block)

    def _read(self, record: bytes) -> tuple[str, Node, bool]:
        """Return name, node and whether the record is not to be shown."""
        length = record[32]
        identifier = record[33 : 33 + length]
        node = Node("directory" if record[25] & _DIRECTORY else "file", [self._extent(record)])
        if self._joliet:
            return _without_version(identifier.decode("utf-16-be", "replace")), node, False
        if self._skip is None:
            return _without_version(identifier.decode("latin-1")).removesuffix(".").lower(), node, False
        area = record[33 + length + (length + 1) % 2 + self._skip :]
        words = rockridge.read(self._reader, area, self._block)
        return self._posix(words, identifier, node)

    def _posix(self, words: rockridge.Words, identifier: bytes, node: Node) -> tuple[str, Node, bool]:
        if words.moved is not None:  # deeper than ISO 9660 allows: the directory lies elsewhere
            node = self._moved(words.moved)
        kind = rockridge.kind_of(words.mode)
        if words.target is not None:
            node = Node("link", [], words.mode, words.target)
        elif kind == "other":
            node = Node("other", [], words.mode)
        else:
            node.mode = words.mode
        name = words.name if words.name is not None else identifier
        return name.decode("utf-8", "replace"), node, words.relocated

    def _moved(self, block: int) -> Node:
        """Return the directory whose first record, that for itself, is in ``block``."""
        record = read_clipped(self._reader, block * self._block, _SHORTEST)
        if len(record) < _SHORTEST or record[33:34] != _SPECIAL[0]:
            raise broken("filesystem-damaged", f"a directory of the disc is said to be in block {block}, but is not")
        return Node("directory", [self._extent(record)])

    def _extent(self, record: bytes) -> tuple[int | None, int]:
        start = int.from_bytes(record[2:6], "little") + record[1]
        return start * self._block, int.from_bytes(record[10:14], "little")


def _split(data: bytes, block: int) -> Iterator[bytes]:
    """Give the records of a directory but the two for itself and its parent, of which the first begins every directory.

    None crosses a block, and zeros fill the rest of it.
    """
    if data[32:34] != b"\1\0":
        raise broken("filesystem-damaged", "a directory of the disc does not begin with a record for itself")
    at = 0
    while at + _SHORTEST <= len(data):
        length = data[at]
        if length == 0:
            at = (at // block + 1) * block
            continue
        record = data[at : at + length]
        if length < _SHORTEST or len(record) < length or 33 + record[32] > length:
            raise broken("filesystem-damaged", f"a directory of the disc has a record of {length} bytes that is too"
                                               " short for what it holds, or goes past the end")
        if record[33 : 33 + record[32]] not in _SPECIAL:
            yield record
        at += length


def _without_version(name: str) -> str:
    return name.partition(";")[0]
