"""The tree of a UDF disc: a reader in, nodes out. For media as Microsoft masters them: one partition, written once.

A descriptor begins with a tag of 16 bytes: 0 identifier (2) · 4 checksum, the sum of the other 15 bytes. Then, all of
it little-endian:

    identifier  off  size  field
    2 anchor            16     8  main volume descriptor sequence: length, sector
    5 partition         22     2  number · 188 first sector (4)
    6 logical volume   212     4  block size · 248 file set (long_ad) · 268 number of maps (4) · 440 partition maps
    256 file set       400    16  root directory (long_ad)
    257 file identifier 18     1  2 directory, 4 deleted, 8 parent · 19 length of the name · 20 file entry (long_ad)
                        36     2  length of implementation use, then that, then the name
    261 file entry      27     1  file type: 4 directory, 5 file · 34 flags (2), 3 bits: kind of allocation descriptors
                        56     8  information length · 168 and 172 lengths of attributes and descriptors, from 176 on
    266 extended             the same, but 208 and 212, from 216 on
    258 allocation extent 20   4  length of descriptors, from 24 on

    short_ad: length (4), block (4) · long_ad: length (4), block (4), partition (2), 6 more. The upper two bits of a
    length: 0 data, 1 and 2 nothing recorded (zeros), 3 more descriptors there.

ECMA-167, 3rd edition, June 1997, https://ecma-international.org/publications-and-standards/standards/ecma-167/
OSTA Universal Disk Format 1.02 and 2.60, http://www.osta.org/specs/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.filesystems.isonames import BLOCK, Budget, Node
from imgbuild.readers import broken, read_clipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.readers import BrokenImage, Reader

_ANCHOR_SECTOR = 256
_MOST_DESCRIPTORS = 32
_ANCHOR, _PARTITION, _VOLUME, _TERMINATOR = 2, 5, 6, 8
_FILE_SET, _IDENTIFIER, _EXTENT, _ENTRY, _EXTENDED_ENTRY = 256, 257, 258, 261, 266
_IS_DIRECTORY, _IS_DELETED, _IS_PARENT = 0x02, 0x04, 0x08
_DIRECTORY_TYPE, _FILE_TYPE = 4, 5
_SHORT, _LONG, _EMBEDDED = 0, 1, 3
_ZEROS, _MORE = (1, 2), 3
_MOST_EXTENTS = 4096
_WIDE = 16  # the compression identifier of names with two bytes for a character


def open_names(reader: Reader) -> UdfNames:
    """Return the tree of the UDF volume; BrokenImage where it cannot be followed or is of a kind that is not known."""
    volume = partition = None
    for descriptor in _sequence(reader):
        tag = _number(descriptor, 0, 2)
        if tag == _TERMINATOR:
            break
        volume = descriptor if tag == _VOLUME and volume is None else volume
        partition = descriptor if tag == _PARTITION and partition is None else partition
    if volume is None or partition is None:
        raise _damaged("there is no logical volume or no partition")
    # A virtual, sparable or metadata partition has a map of type 2, or several.
    if (_number(volume, 212, 4), _number(volume, 268, 4), volume[440]) != (BLOCK, 1, 1):
        raise broken("filesystem-feature-unknown", "the UDF volume is not of one plain partition with blocks of 2048"
                                                   " bytes: its files were not looked at")
    names = UdfNames(reader, _number(partition, 188, 4))
    names.open_root(_number(volume, 252, 4))
    return names


class UdfNames:
    """Nodes of a UDF volume; a file entry is read when its node is asked for."""

    cased = False

    def __init__(self, reader: Reader, start: int) -> None:
        self.root = Node("directory", [])
        self._reader = reader
        self._start = start
        self._budget = Budget()

    def open_root(self, file_set: int) -> None:
        """Read the root directory's entry through the file set descriptor in block ``file_set``."""
        descriptor = self._descriptor(file_set, (_FILE_SET,))
        self.root = self.complete(Node("directory", [], block=_number(descriptor, 404, 4)))
        if self.root.kind != "directory":
            raise _damaged("the root is no directory")

    def complete(self, node: Node) -> Node:
        """Return the node with what its file entry says."""
        if node.block is None:
            return node
        entry = self._descriptor(node.block, (_ENTRY, _EXTENDED_ENTRY))
        kinds: dict[int, Node] = {_DIRECTORY_TYPE: Node("directory", []), _FILE_TYPE: Node("file", [])}
        found = kinds.get(entry[27], Node("other", []))
        if found.kind != "other":
            found.extents = self._extents(entry, node.block)
        return found

    def children(self, node: Node) -> dict[str, Node]:
        """Return the nodes of a directory by name, without its parent; their entries are not read yet."""
        self._budget.take(node.size)
        data = b"".join(bytes(size) if start is None else read_clipped(self._reader, start, size)
                        for start, size in node.extents)
        found: dict[str, Node] = {}
        at = 0
        while at + 38 <= len(data):
            if not _is_sound(data[at : at + 16]) or _number(data, at, 2) != _IDENTIFIER:
                raise _damaged(f"a directory has no file identifier at byte {at}")
            flags, length, use = data[at + 18], data[at + 19], _number(data, at + 36, 2)
            name = data[at + 38 + use : at + 38 + use + length]
            if not flags & (_IS_DELETED | _IS_PARENT):
                found.setdefault(_text(name), Node("directory" if flags & _IS_DIRECTORY else "file", [],
                                                   block=_number(data, at + 24, 4)))
            at += (38 + use + length + 3) & ~3
        return found

    def _extents(self, entry: bytes, block: int) -> list[tuple[int | None, int]]:
        head = 168 if _number(entry, 0, 2) == _ENTRY else 208
        begin = head + 8 + _number(entry, head, 4)
        end = begin + _number(entry, head + 4, 4)
        kind, left = entry[34] & 7, _number(entry, 56, 8)
        if end > BLOCK:
            raise _damaged(f"the file entry in block {block} is longer than its block")
        if kind == _EMBEDDED:
            return [((self._start + block) * BLOCK + begin, min(left, end - begin))]
        if kind not in (_SHORT, _LONG):
            raise broken("filesystem-feature-unknown", "the UDF volume has extended allocation descriptors")
        found: list[tuple[int | None, int]] = []
        for place, size in self._allocated(entry[begin:end], 8 if kind == _SHORT else 16):
            if left <= 0:
                break
            found.append((place, min(left, size)))
            left -= size
        return found

    def _allocated(self, descriptors: bytes, width: int) -> Iterator[tuple[int | None, int]]:
        """Give places and sizes of the extents, through further areas of descriptors."""
        given = 0
        while given < _MOST_EXTENTS:
            more = None
            for at in range(0, len(descriptors) - width + 1, width):
                length, block = _number(descriptors, at, 4), _number(descriptors, at + 4, 4)
                size, kind = length & 0x3FFFFFFF, length >> 30
                given += 1
                if size == 0 or given > _MOST_EXTENTS:
                    return
                if kind == _MORE:
                    more = block
                    break
                yield None if kind in _ZEROS else (self._start + block) * BLOCK, size
            if more is None:
                return
            area = self._descriptor(more, (_EXTENT,))
            descriptors = area[24 : 24 + min(_number(area, 20, 4), BLOCK - 24)]

    def _descriptor(self, block: int, identifiers: tuple[int, ...]) -> bytes:
        data = read_clipped(self._reader, (self._start + block) * BLOCK, BLOCK)
        if len(data) < BLOCK or not _is_sound(data[:16]) or _number(data, 0, 2) not in identifiers:
            raise _damaged(f"block {block} holds no descriptor {' or '.join(map(str, identifiers))}")
        return data


def _sequence(reader: Reader) -> list[bytes]:
    """Return the sectors of the main volume descriptor sequence whose tags are sound."""
    last = reader.size // BLOCK - 1
    for sector in (_ANCHOR_SECTOR, last, last - _ANCHOR_SECTOR):
        anchor = read_clipped(reader, max(0, sector) * BLOCK, BLOCK)
        if len(anchor) == BLOCK and _is_sound(anchor[:16]) and _number(anchor, 0, 2) == _ANCHOR:
            length = min(_number(anchor, 16, 4), _MOST_DESCRIPTORS * BLOCK)
            raw = read_clipped(reader, _number(anchor, 20, 4) * BLOCK, length)
            sectors = (raw[at : at + BLOCK] for at in range(0, len(raw) - BLOCK + 1, BLOCK))
            return [sector for sector in sectors if _is_sound(sector[:16])]
    raise _damaged("there is no anchor")


def _is_sound(tag: bytes) -> bool:
    return len(tag) == 16 and any(tag) and tag[4] == (sum(tag) - tag[4]) & 0xFF  # noqa: PLR2004 - the tag's length


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _text(name: bytes) -> str:
    """Return a name in OSTA compressed Unicode: 8 or 16 bits for each character."""
    return name[1:].decode("utf-16-be" if name[:1] == bytes([_WIDE]) else "latin-1", "replace")


def _damaged(what: str) -> BrokenImage:
    return broken("filesystem-damaged", f"the UDF file system is damaged: {what}")
