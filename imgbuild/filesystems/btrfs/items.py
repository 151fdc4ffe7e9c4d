"""The items of btrfs trees that a reader of files meets: their data in, their fields out.

 off   hex  size  field, little-endian
                  INODE_ITEM (1)
  16  0x10     8  size, in bytes
  52  0x34     4  mode
                  DIR_ITEM (84), DIR_INDEX (96): one entry or several whose names have the same hash
   0  0x00    17  location, a key: (inode, INODE_ITEM, 0), or (tree, ROOT_ITEM, …) for a subvolume
  25  0x19     2  data_len, 0 but for extended attributes
  27  0x1B     2  name_len
  29  0x1D     1  type
  30  0x1E        name, data
                  EXTENT_DATA (108), its key's offset is the place in the file
   8  0x08     8  ram_bytes, its size when it is decompressed
  16  0x10     1  compression: 0 none, 1 zlib, 2 lzo, 3 zstd
  17  0x11     1  encryption
  18  0x12     2  other_encoding
  20  0x14     1  type: 0 inline (the data follows), 1 regular, 2 prealloc (reads as zeros)
  21  0x15     8  disk_bytenr, a logical address; 0 for a hole
  29  0x1D     8  disk_num_bytes
  37  0x25     8  offset, where in the decompressed extent this part begins
  45  0x2D     8  num_bytes
                  ROOT_ITEM (132)
 160  0xA0     8  generation
 168  0xA8     8  root_dirid, the inode of its root directory
 176  0xB0     8  bytenr
 216  0xD8     4  refs, 0 for one that is being deleted
 238  0xEE     1  level
 263 0x107    16  parent_uuid, that of which it is a snapshot; not in the oldest items
                  ROOT_REF (156), ROOT_BACKREF (144)
   0  0x00     8  dirid, the directory in the parent tree
  16  0x10     2  name_len
  18  0x12        name
                  INODE_REF (12)
   8  0x08     2  name_len
  10  0x0A        name

https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
include/uapi/linux/btrfs_tree.h, https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/btrfs_tree.h
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.filesystems.btrfs.nodes import Pointer
from imgbuild.readers import broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.btrfs.nodes import Key

INODE_ITEM, INODE_REF, DIR_ITEM, DIR_INDEX, EXTENT_DATA = 1, 12, 84, 96, 108
ROOT_ITEM, ROOT_BACKREF, ROOT_REF = 132, 144, 156
INLINE, REGULAR, PREALLOC = 0, 1, 2

_INODE = struct.Struct("<16xQ28xI")
_ENTRY = struct.Struct("<QBQ8xHHB")
_EXTENT = struct.Struct("<8xQBBHB")
_ON_DISK = struct.Struct("<QQQQ")
_ROOT = struct.Struct("<160xQQQ32xI18xB")
_PARENT = slice(263, 279)
_REFERENCE = struct.Struct("<Q8xH")
_INODE_REFERENCE = struct.Struct("<8xH")
_MAX_LEVEL = 7


class Inode(NamedTuple):
    """An inode: its size in bytes and its mode as in POSIX."""

    size: int
    mode: int


class Entry(NamedTuple):
    """An entry of a directory: where it leads, and its name."""

    location: Key
    name: bytes


class Extent(NamedTuple):
    """A part of a file: ``inline`` is its data where that is in the item; the rest is 0 then."""

    ram_bytes: int
    compression: int
    kind: int
    inline: bytes = b""
    disk_bytenr: int = 0
    disk_num_bytes: int = 0
    offset: int = 0
    num_bytes: int = 0

    @property
    def length(self) -> int:
        """The bytes of the file that it covers."""
        return self.ram_bytes if self.kind == INLINE else self.num_bytes


class Root(NamedTuple):
    """The root of a subvolume: its tree, the inode of its root directory, and whether it is there and a snapshot."""

    tree: Pointer
    directory: int
    refs: int
    is_snapshot: bool


def inode(raw: bytes) -> Inode:
    """Return the fields of an INODE_ITEM."""
    _need(raw, _INODE.size, "inode")
    return Inode(*_INODE.unpack_from(raw))


def entries(raw: bytes) -> Iterator[Entry]:
    """Yield the entries in a DIR_ITEM or a DIR_INDEX."""
    place = 0
    while place < len(raw):
        _need(raw, place + _ENTRY.size, "directory entry")
        objectid, kind, offset, data_len, name_len, _ = _ENTRY.unpack_from(raw, place)
        place += _ENTRY.size + name_len
        _need(raw, place + data_len, "directory entry")
        yield Entry((objectid, kind, offset), raw[place - name_len : place])
        place += data_len


def extent(raw: bytes) -> Extent:
    """Return the fields of an EXTENT_DATA."""
    _need(raw, _EXTENT.size, "extent")
    ram_bytes, compression, encryption, other, kind = _EXTENT.unpack_from(raw)
    if encryption or other:
        raise broken("filesystem-feature-unknown", "the btrfs file system has encrypted files, which cannot be read")
    if kind == INLINE:
        return Extent(ram_bytes, compression, kind, raw[_EXTENT.size :])
    _need(raw, _EXTENT.size + _ON_DISK.size, "extent")
    return Extent(ram_bytes, compression, kind, b"", *_ON_DISK.unpack_from(raw, _EXTENT.size))


def root(raw: bytes) -> Root:
    """Return the fields of a ROOT_ITEM."""
    _need(raw, _ROOT.size, "root")
    generation, directory, logical, refs, level = _ROOT.unpack_from(raw)
    if level > _MAX_LEVEL:
        raise broken("filesystem-damaged", f"a btrfs tree has {level} levels, at most {_MAX_LEVEL} are allowed",
                     field="level", raw=raw[238:239])
    return Root(Pointer(logical, level, generation), directory, refs, any(raw[_PARENT]))


def reference(raw: bytes) -> tuple[int, bytes]:
    """Return the directory and the name in a ROOT_REF or a ROOT_BACKREF."""
    _need(raw, _REFERENCE.size, "reference")
    directory, length = _REFERENCE.unpack_from(raw)
    _need(raw, _REFERENCE.size + length, "reference")
    return directory, raw[_REFERENCE.size : _REFERENCE.size + length]


def inode_reference(raw: bytes) -> bytes:
    """Return the first name in an INODE_REF."""
    _need(raw, _INODE_REFERENCE.size, "reference")
    length = _INODE_REFERENCE.unpack_from(raw)[0]
    _need(raw, _INODE_REFERENCE.size + length, "reference")
    return raw[_INODE_REFERENCE.size : _INODE_REFERENCE.size + length]


def _need(raw: bytes, length: int, what: str) -> None:
    if len(raw) < length:
        raise broken("filesystem-damaged", f"a btrfs {what} has {len(raw)} bytes, it should have {length}", raw=raw)
