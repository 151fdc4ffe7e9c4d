"""The items, checksums and compressed data of a btrfs that ``btrfs_writer`` lays down: fields in, bytes out.

https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
"""

from __future__ import annotations

import struct
import zlib

from imgbuild.crc32c import crc32c, update
from imgbuild.zstd import compress

KIB, MIB = 1 << 10, 1 << 20
NODE, SECTOR = 16 * KIB, 4 * KIB
SUPERBLOCK = 64 * KIB
SYSTEM, DATA = 1 * MIB, 4 * MIB  # where the chunks begin: here logical addresses are physical ones
UUID = "11111111-2222-4333-8444-555555555555"
INODE_ITEM, INODE_REF, DIR_ITEM, DIR_INDEX, EXTENT_DATA = 1, 12, 84, 96, 108
ROOT_ITEM, ROOT_BACKREF, ROOT_REF, CHUNK_ITEM = 132, 144, 156, 228
DEVICE_TREE, TOP_LEVEL, ROOT_DIRECTORY, FIRST = 4, 5, 6, 256
NONE, ZLIB, LZO, ZSTD = range(4)
_MODES = {"file": 0o100644, "directory": 0o40755, "link": 0o120777}
_TYPES = {"file": 1, "directory": 2, "link": 7}

Key = tuple[int, int, int]
Items = dict[Key, bytes]


def seal(block: bytes) -> bytes:
    """Return a superblock or a node with its checksum."""
    return crc32c(block[32:]).to_bytes(4, "little") + bytes(28) + block[32:]


def name_hash(name: bytes) -> int:
    """Return the offset of a name's key in its directory."""
    return update(0xFFFFFFFE, name)


def inode(number: int, kind: str, size: int) -> Items:
    """Return an INODE_ITEM by its key."""
    fields = (1, 1, size, size, 0, 1, 0, 0, _MODES[kind], 0, 0, 0)
    return {(number, INODE_ITEM, 0): struct.pack("<QQQQQIIIIQQQ", *fields).ljust(160, b"\0")}


def add_entry(items: Items, directory: int, name: str, location: Key, kind: str, index: int) -> None:
    """Add an entry of a directory to the items of a tree."""
    raw = name.encode()
    entry = struct.pack("<QBQQHHB", *location, 1, 0, len(raw), _TYPES[kind]) + raw
    key = (directory, DIR_ITEM, name_hash(raw))
    items[key] = items.get(key, b"") + entry
    items[directory, DIR_INDEX, index] = entry


def root(place: int, level: int, number: int, *, is_snapshot: bool, refs: int = 1) -> bytes:
    """Return a ROOT_ITEM."""
    head = inode(FIRST, "directory", 0)[FIRST, INODE_ITEM, 0]
    head += struct.pack("<QQQQQQQI", 1, FIRST, place, 0, NODE, 0, 0, refs)
    tail = struct.pack("<QBQBBQ", 0, 0, 0, 0, level, 1) + bytes([number % 256]) * 16
    return (head + tail + (b"\x05" if is_snapshot else b"\0") * 16).ljust(439, b"\0")


def chunk(length: int, kind: int) -> bytes:
    """Return a CHUNK_ITEM whose logical addresses are physical ones."""
    start = SYSTEM if kind == 2 else DATA
    return struct.pack("<QQQQIIIHHQQ16s", length, 2, 65536, kind, SECTOR, SECTOR, SECTOR, 1, 0, 1, start, bytes(16))


def inline(data: bytes, method: int = NONE) -> bytes:
    """Return the item of an extent that holds its data."""
    return struct.pack("<QQBBHB", 1, len(data), method, 0, 0, 0) + pack(data, method)


def on_disk(place: int, stored: int, length: int, *, offset: int = 0, ram: int | None = None, method: int = NONE,
            kind: int = 1) -> bytes:
    """Return the item of an extent that lies elsewhere; one at 0 is a hole."""
    ram_bytes = (length if method else stored) if ram is None else ram
    return struct.pack("<QQBBHBQQQQ", 1, ram_bytes, method, 0, 0, kind, place, stored, offset, length)


def pack(data: bytes, method: int) -> bytes:
    """Return the data as a method of btrfs compresses it."""
    if method == ZLIB:
        return zlib.compress(data)
    if method == ZSTD:
        return compress(data)
    return _lzo(data) if method == LZO else data


def _lzo(data: bytes) -> bytes:
    out = bytearray(4)
    for start in range(0, len(data), SECTOR):
        segment = lzo_literals(data[start : start + SECTOR])
        if SECTOR - len(out) % SECTOR < 4:
            out += bytes(SECTOR - len(out) % SECTOR)
        out += len(segment).to_bytes(4, "little") + segment
    out[:4] = len(out).to_bytes(4, "little")
    return bytes(out)


def lzo_literals(data: bytes) -> bytes:
    """Return an LZO block that copies nothing from before."""
    if len(data) <= 238:
        return bytes([17 + len(data)]) + data + b"\x11\0\0"
    zeros, last = divmod(len(data) - 18 - 1, 255)
    return b"\0" + bytes(zeros) + bytes([last + 1]) + data + b"\x11\0\0"
