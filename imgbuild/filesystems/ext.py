"""ext2, ext3 and ext4: a reader over a partition in, a :class:`FileSystem` out, by libfsext or by a reader of our own.

The library gives wrong bytes for files that are kept in their inode (inline_data), and reads the descriptors of all
groups when it opens: file systems with that feature or with very many groups are read by ``filesystems/ext4``.

The library refuses a file system for any feature it does not know, though only the incompatible ones change how files
are read; and it reads the superblock and the group descriptors of every backup when it opens, so that it refuses one
that was cut anywhere. So it is shown a view of the partition: without the features that do not matter for reading, and
with the primary copies in place of the backups as long as it opens.

Superblock fields: see ``superblocks/ext.py``. Features, and what a reader may ignore:
https://www.kernel.org/doc/html/latest/filesystems/ext4/globals.html#super-block
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgbuild.filesystems.cached import CachedReader
from imgbuild.filesystems.libyal import UnixFileSystem, WatchedView, guarded
from imgbuild.readers import broken, check_range, read_clipped

if TYPE_CHECKING:
    from imgbuild.filesystems.base import FileSystem
    from imgbuild.readers import Reader

SUPERBLOCK = 1024
SUPERBLOCK_BYTES = 1024
MAX_DESCRIPTOR = 64
"""Bytes of a group descriptor."""
MAX_GROUPS = 4096
"""512 GiB in groups of 128 MiB. The library reads them all when it opens: 8192 take about a third of a second."""

_FEATURES = struct.Struct("<III")
_FEATURES_AT = 92
_KEPT_COMPAT = 0x04 | 0x08 | 0x10 | 0x20  # has_journal, ext_attr, resize_inode, dir_index
_KEPT_RO_COMPAT = 0x001 | 0x002 | 0x004 | 0x008 | 0x010 | 0x020 | 0x040 | 0x200 | 0x400  # with a part in the layout
_META_BG = 0x10
_SPARSE_SUPER = 0x001
"""Always shown: the library then looks for few backups. Without it there is one in every group."""
_IGNORED_INCOMPAT = 0x100 | 0x400 | 0x4000
"""mmp: who has it mounted; ea_inode: large attributes; largedir: more levels of an index that is not used."""
_INCOMPAT = {
    0x1: "compression", 0x2: "filetype", 0x4: "recover", 0x8: "journal_dev", 0x10: "meta_bg", 0x40: "extents",
    0x80: "64bit", 0x100: "mmp", 0x200: "flex_bg", 0x400: "ea_inode", 0x1000: "dirdata", 0x2000: "csum_seed",
    0x4000: "largedir", 0x8000: "inline_data", 0x10000: "encrypt", 0x20000: "casefold",
}
_INLINE_DATA = 0x8000
_READ_INCOMPAT = (0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x200 | 0x2000 | 0x10000 | 0x20000 | _INLINE_DATA
                  | _IGNORED_INCOMPAT)


def open_ext(reader: Reader, kind: str = "ext4") -> FileSystem:
    """Open an ext file system; ``kind`` is what its features make it: ext2, ext3 or ext4.

    Raises:
        BrokenImage: ``filesystem-feature-unknown`` where it uses a feature that changes how files are read and that is
            not known, ``filesystem-damaged``, or the reason why its bytes could not be had.
    """
    raw = reader.read_at(SUPERBLOCK, SUPERBLOCK_BYTES)
    _check_features(raw)
    if _needs_our_own(raw):
        from imgbuild.filesystems.ext4 import open_ext4  # noqa: PLC0415 - few images need it
        return open_ext4(reader, kind)
    import pyfsext  # noqa: PLC0415 - a megabyte of library that most images do not need

    shown = _Shown(CachedReader(reader))
    view = WatchedView(shown)
    volume = pyfsext.volume()
    with guarded(view, "the ext file system"):
        volume.open_file_object(view)
    shown.opened()
    return UnixFileSystem(kind, volume, view)


def _check_features(raw: bytes) -> None:
    unknown = int.from_bytes(raw[_FEATURES_AT + 4 : _FEATURES_AT + 8], "little") & ~_READ_INCOMPAT
    if unknown:
        names = [_INCOMPAT.get(1 << bit, f"{1 << bit:#x}") for bit in range(32) if unknown >> bit & 1]
        raise broken("filesystem-feature-unknown", "the ext file system uses features that cannot be read:"
                     f" {', '.join(names)}", field="s_feature_incompat", raw=raw[_FEATURES_AT + 4 : _FEATURES_AT + 8])


def _needs_our_own(raw: bytes) -> bool:
    _, incompat, _ = _FEATURES.unpack_from(raw, _FEATURES_AT)
    return bool(incompat & _INLINE_DATA) or _blocks(raw) > int.from_bytes(raw[32:36], "little") * MAX_GROUPS


def _blocks(raw: bytes) -> int:
    return int.from_bytes(raw[4:8], "little") | int.from_bytes(raw[336:340], "little") << 32


class _Shown:
    """The partition as the library is shown it.

    ``_primary`` is what each backup begins with as long as the library opens: the superblock and the group descriptors.
    It is empty where meta_bg spreads the descriptors over the groups: there is no one copy of them all.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        raw = reader.read_at(SUPERBLOCK, SUPERBLOCK_BYTES)
        self._superblock = _simplified(raw)
        first, log_size = (int.from_bytes(raw[place : place + 4], "little") for place in (20, 24))
        blocks = _blocks(raw)
        per_group = int.from_bytes(raw[32:36], "little")
        if not per_group or not blocks or log_size > 6:  # noqa: PLR2004 - blocks of 64 KiB
            raise broken("filesystem-damaged", f"the ext superblock gives {blocks} blocks, {per_group} in a group, and"
                         f" {log_size} as the logarithm of their size", field="s_blocks_per_group", raw=raw[32:36])
        self._start = first * (1024 << log_size)
        self._group = per_group * (1024 << log_size)
        table = (blocks // per_group + 1) * MAX_DESCRIPTOR + (1024 << log_size)
        self._primary = b"" if raw[_FEATURES_AT + 4] & _META_BG else self._superblock + read_clipped(
            reader, self._start + SUPERBLOCK_BYTES, table)
        self.size = max(reader.size, blocks * (1024 << log_size))

    def opened(self) -> None:
        """Show the true bytes of the backups from now on: where there is none, they are those of files."""
        self._primary = b""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        if offset == SUPERBLOCK and length <= SUPERBLOCK_BYTES:
            return self._superblock[:length]
        if self._primary and offset >= self._start + self._group:
            within = (offset - self._start) % self._group
            if within + length <= len(self._primary):
                return self._primary[within : within + length]
        check_range(self._reader.size, offset, length, "the partition")
        return self._reader.read_at(offset, length)


def _simplified(raw: bytes) -> bytes:
    """Return the superblock without the features that do not matter for reading."""
    compat, incompat, ro_compat = _FEATURES.unpack_from(raw, _FEATURES_AT)
    shown = bytearray(raw)
    _FEATURES.pack_into(shown, _FEATURES_AT, compat & _KEPT_COMPAT, incompat & ~_IGNORED_INCOMPAT,
                        ro_compat & _KEPT_RO_COMPAT | _SPARSE_SUPER)
    return bytes(shown)
