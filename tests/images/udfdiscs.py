"""UDF discs as Microsoft masters them, byte by byte: a bridge with an almost empty ISO 9660 tree beside the real one.

Files may be larger than any test would write: a :class:`Hole` has its size and a few bytes at places, and the disc is
a sparse file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from images import discs
from images.discs import SECTOR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PARTITION = 300
_ISO_ROOT = 24
_LONGEST = (1 << 30) - SECTOR  # bytes of an extent


class Hole(NamedTuple):
    """A file of ``size`` bytes that is all zeros but for the bytes ``at`` places."""

    size: int
    at: Mapping[int, bytes]


def entry(kind: int, size: int, descriptors: bytes, *, allocation: int = 0, extended: bool = False) -> bytes:
    """Return a file entry with its allocation descriptors; ``kind`` is 4 for a directory, 5 for a file."""
    head = 208 if extended else 168
    sector = bytearray(discs.tagged(266 if extended else 261, at_27=bytes([kind]), at_34=bytes([allocation]),
                                    at_56=size.to_bytes(8, "little")))
    sector[head + 4 : head + 8] = len(descriptors).to_bytes(4, "little")
    sector[head + 8 : head + 8 + len(descriptors)] = descriptors
    return bytes(sector)


def short(length: int, block: int) -> bytes:
    """Return a short allocation descriptor."""
    return length.to_bytes(4, "little") + block.to_bytes(4, "little")


def long(length: int, block: int) -> bytes:
    """Return a long allocation descriptor in partition 0."""
    return short(length, block) + bytes(8)


def identifier(name: str, block: int, flags: int = 0) -> bytes:
    """Return the file identifier of a name, whose file entry is in ``block``."""
    wide = any(ord(character) > 255 for character in name)
    text = (b"\x10" + name.encode("utf-16-be") if wide else b"\x08" + name.encode("latin-1")) if name else b""
    body = bytes([flags, len(text)]) + long(SECTOR, block) + bytes(2) + text
    raw = bytearray((bytes(16) + bytes(2) + body).ljust((38 + len(text) + 3) & ~3, b"\0"))
    raw[:2] = (257).to_bytes(2, "little")
    raw[4] = sum(raw[:16]) & 0xFF
    return bytes(raw)


class Disc:
    """A disc in the making: places of its bytes, given out one after the other behind the start of the partition."""

    def __init__(self, label: str = "UDF DISC") -> None:
        self.label = label
        self.at: dict[int, bytes] = {}
        self.next = 2  # block 0 is the file set, block 1 the root's entry

    def put(self, data: bytes) -> int:
        """Place data and return its block."""
        block = self.reserve(len(data))
        self.at[self._place(block)] = data
        return block

    def reserve(self, size: int) -> int:
        """Return the first of as many blocks as ``size`` bytes need."""
        block = self.next
        self.next += max(1, -(-size // SECTOR))
        return block

    def file(self, content: bytes | Hole, **options: bool) -> int:
        """Place a file and its entry, and return the entry's block."""
        if isinstance(content, Hole):
            start = self.reserve(content.size)
            for offset, data in content.at.items():
                self.at[self._place(start) + offset] = data
            size = content.size
        else:
            start, size = self.put(content), len(content)
        lengths = [min(_LONGEST, size - done) for done in range(0, size, _LONGEST)]
        extents = b"".join(short(length, start + number * _LONGEST // SECTOR)
                           for number, length in enumerate(lengths))
        return self.put(entry(5, size, extents, **options))

    def directory(self, entries: Mapping[str, int], *, block: int | None = None,
                  folders: frozenset[str] = frozenset()) -> int:
        """Place a directory of names and the blocks of their entries, and return its own."""
        parts = [identifier("", 1, 0x0A), *(identifier(name, place, 2 if name in folders else 0)
                                            for name, place in entries.items())]
        data = b"".join(parts)
        made = entry(4, len(data), short(len(data), self.put(data)))
        if block is None:
            return self.put(made)
        self.at[self._place(block)] = made
        return block

    def write(self, path: Path, *, blocks: int = 24, **fields: bytes) -> Path:
        """Write the disc as a sparse file; ``fields`` are further ones of the ISO 9660 volume descriptor."""
        self.at[self._place(0)] = discs.tagged(256, at_400=long(SECTOR, 1))
        with path.open("wb") as file:
            for place, data in [*self._frame(blocks, fields).items(), *self.at.items()]:
                file.seek(place)
                file.write(data)
            file.truncate(max(file.seek(0, 2), self._place(self.next)))
        return path

    def _frame(self, blocks: int, fields: dict[str, bytes]) -> dict[int, bytes]:
        label = self.label.encode("latin-1")
        volume = discs.tagged(6, at_212=SECTOR.to_bytes(4, "little"), at_248=long(SECTOR, 0),
                              at_264=(6).to_bytes(4, "little"), at_268=(1).to_bytes(4, "little"),
                              at_440=b"\1\6\1\0\0\0")
        root = bytes([34, 0]) + discs.both(_ISO_ROOT, 4) + discs.both(SECTOR, 4) + bytes(7) + b"\2" + bytes(6) + b"\1\0"
        usual = {"at_156": root}
        iso = [discs.primary(blocks=blocks, label=label, **(usual | fields)), discs.terminator(),
               *discs.recognition(b"BEA01", b"NSR02", b"TEA01")]
        udf = discs.udf_volume(length=self.next, label=b"\x08" + label[:29]) | {262: volume, 263: discs.tagged(8)}
        placed = {16 + number: bytes(sector) for number, sector in enumerate(iso)} | udf | {_ISO_ROOT: root}
        return {sector * SECTOR: data for sector, data in placed.items()}

    def _place(self, block: int) -> int:
        return (PARTITION + block) * SECTOR


def build(path: Path, tree: Mapping[str, bytes | Hole], *, label: str = "UDF DISC", **fields: bytes) -> Path:
    """Write a disc with files at paths such as ``sources/install.wim``."""
    disc = Disc(label)
    disc.directory(_place(disc, tree), block=1, folders=frozenset(name for name, _, rest in _parts(tree) if rest))
    return disc.write(path, **fields)


def _place(disc: Disc, tree: Mapping[str, bytes | Hole]) -> dict[str, int]:
    placed = {}
    for name in dict.fromkeys(name for name, _, _ in _parts(tree)):
        below = {rest: content for first, content, rest in _parts(tree) if first == name and rest}
        if below:
            folders = frozenset(first for first, _, rest in _parts(below) if rest)
            placed[name] = disc.directory(_place(disc, below), folders=folders)
        else:
            placed[name] = disc.file(tree[name])
    return placed


def _parts(tree: Mapping[str, bytes | Hole]) -> list[tuple[str, bytes | Hole, str]]:
    return [(path.partition("/")[0], content, path.partition("/")[2]) for path, content in tree.items()]
