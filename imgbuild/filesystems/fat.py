"""FAT12, FAT16 and FAT32 by our own reader: a reader over a partition in, a :class:`FileSystem` out.

Names are matched without regard to case, as the file system has them: UEFI finds ``EFI/BOOT/BOOTX64.EFI`` under
``/efi/boot/bootx64.efi``. Not through libfsfat: that tells FAT32 by its count of clusters, where Linux and EDK2 go by
FATSz16, and so finds the root of a small FAT32 (an EFI system partition with sectors of 4096 bytes) empty; and it reads
the whole table to open it.

 off  size  field of a directory entry, little-endian, 32 bytes
   0    11  DIR_Name: eight and three characters; 0 ends the directory, E5 is deleted, 05 stands for E5
  11     1  DIR_Attr: 0x08 volume label, 0x10 directory, 0x0F a piece of a long name
  12     1  DIR_NTRes: 0x08 the name is in lower case, 0x10 its extension is (Windows and Linux, not in the document)
  20     2  DIR_FstClusHI, on FAT32
  26     2  DIR_FstClusLO
  28     4  DIR_FileSize

 off  size  field of a piece of a long name: five, six and two characters of UTF-16 at 1, 14 and 28
   0     1  LDIR_Ord, from 1; 0x40 is set in the last, which comes first
  13     1  LDIR_Chksum of the short name that follows

Microsoft FAT32 File System Specification 1.03,
https://download.microsoft.com/download/1/6/1/161ba512-40e2-4cc9-843a-923143f3456c/fatgen103.doc
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from imgbuild.filesystems.base import Stat
from imgbuild.filesystems.cached import CachedReader
from imgbuild.filesystems.superblocks.fat import is_valid, read_boot
from imgbuild.readers import broken
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.superblocks.fat import Boot
    from imgbuild.readers import BrokenImage, Reader

SECTOR = 512
MAX_DIRECTORY = 2 * MIB  # 65,536 entries, the most that the specification allows
FIRST_CLUSTER = 2

_ENTRY = struct.Struct("<11sBB7xH4xHI")
_ENTRY_BYTES = 32
_LABEL, _DIRECTORY, _LONG_NAME = 0x08, 0x10, 0x0F
_DELETED = 0xE5
_LAST_PIECE, _ORDER = 0x40, 0x3F
_LOWER_NAME, _LOWER_EXTENSION = 0x08, 0x10
_WIDTHS = {"fat12": 12, "fat16": 16, "fat32": 32}
_CACHED = 256


class _Entry(msgspec.Struct, frozen=True):
    """A file or directory: its name, its first cluster (0 for none, and for the root of FAT12 and 16), its bytes."""

    name: str
    cluster: int
    size: int
    is_directory: bool


def open_fat(reader: Reader, kind: str | None = None) -> FatFileSystem:
    """Open a FAT file system; ``kind`` is what its superblock makes it: fat12, fat16 or fat32.

    Raises:
        BrokenImage: ``filesystem-damaged`` for a boot sector that makes no sense, or why its bytes could not be had.
    """
    sector = reader.read_at(0, SECTOR)
    boot = read_boot(sector)
    if not is_valid(boot) or sector[510:512] != b"\x55\xaa":
        raise broken("filesystem-damaged", "the boot sector of the FAT file system makes no sense",
                     field="BPB_BytsPerSec", raw=sector[11:13])
    return FatFileSystem(kind or boot.kind, CachedReader(reader), boot)


class FatFileSystem:
    """A FAT file system."""

    def __init__(self, kind: str, reader: Reader, boot: Boot) -> None:
        self.kind = kind
        self._reader = reader
        self._boot = boot
        self._width = _WIDTHS[boot.kind]
        self._cluster_bytes = boot.cluster * boot.sector
        self._directories: dict[tuple[str, ...], dict[str, _Entry]] = {}

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``, in any case, or ``None``."""
        entry = self._find(_folded(path))
        if entry is None:
            return None
        return Stat("directory", 0) if entry.is_directory else Stat("file", entry.size)

    def readlink(self, path: str) -> str:
        """Refuse: there are no links on FAT."""
        raise FileNotFoundError(f"no link at {path!r}")

    def listdir(self, path: str) -> list[str]:
        """Return the names in the directory at ``path``, sorted."""
        entry = self._find(_folded(path))
        if entry is None or not entry.is_directory:
            raise FileNotFoundError(f"no directory at {path!r}")
        return sorted(found.name for found in self._directory(_folded(path), entry).values())

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path`` from ``offset``."""
        entry = self._find(_folded(path))
        if entry is None or entry.is_directory:
            raise FileNotFoundError(f"no file at {path!r}")
        length = min(limit, entry.size - offset)
        return self._read_chain(entry.cluster, offset, length, repr(path)) if length > 0 else b""

    def _find(self, names: tuple[str, ...]) -> _Entry | None:
        if not names:
            return _Entry("", self._boot.root_cluster if self._boot.is_fat32 else 0, 0, is_directory=True)
        parent = self._find(names[:-1])
        if parent is None or not parent.is_directory:
            return None
        return self._directory(names[:-1], parent).get(names[-1])

    def _directory(self, names: tuple[str, ...], entry: _Entry) -> dict[str, _Entry]:
        if names not in self._directories:
            if len(self._directories) >= _CACHED:
                self._directories.clear()
            data = self._directory_bytes(entry, repr("/" + "/".join(names)))
            found: dict[str, _Entry] = {}
            for child in _entries(data, wide=self._boot.is_fat32):
                found.setdefault(child.name.casefold(), child)
            self._directories[names] = found
        return self._directories[names]

    def _directory_bytes(self, entry: _Entry, what: str) -> bytes:
        if entry.name == "" and not self._boot.is_fat32:
            return self._reader.read_at(self._boot.root_start, self._boot.root_entries * _ENTRY_BYTES)
        data = bytearray()
        for cluster in self._chain(entry.cluster, what):
            if len(data) >= MAX_DIRECTORY:
                raise _damaged(f"the directory {what} has over {MAX_DIRECTORY} bytes")
            data += self._reader.read_at(self._place(cluster), self._cluster_bytes)
            if b"\0" in data[-self._cluster_bytes :: _ENTRY_BYTES]:
                break
        return bytes(data)

    def _read_chain(self, first: int, offset: int, length: int, what: str) -> bytes:
        """Return bytes of a file; clusters that follow one another on the disk are read at once."""
        skip, within = divmod(offset, self._cluster_bytes)
        wanted = -(-(within + length) // self._cluster_bytes)
        runs: list[list[int]] = []
        for number, cluster in enumerate(self._chain(first, what)):
            if number >= skip + wanted:
                break
            if number < skip:
                continue
            if runs and runs[-1][0] + runs[-1][1] == cluster:
                runs[-1][1] += 1
            else:
                runs.append([cluster, 1])
        data = b"".join(self._reader.read_at(self._place(start), count * self._cluster_bytes) for start, count in runs)
        if len(data) < within + length:
            raise _damaged(f"the chain of clusters of {what} ends before the file does")
        return data[within : within + length]

    def _chain(self, first: int, what: str) -> Iterator[int]:
        """Yield the clusters from ``first`` on; a chain of more than the volume has runs in a circle."""
        cluster, left = first, self._boot.clusters
        end = (1 << min(self._width, 28)) - 8
        while cluster < end:
            if not FIRST_CLUSTER <= cluster < self._boot.clusters + FIRST_CLUSTER or left == 0:
                raise _damaged(f"the chain of clusters of {what} leads to cluster {cluster} of {self._boot.clusters}")
            yield cluster
            left -= 1
            cluster = self._next(cluster, what)

    def _next(self, cluster: int, what: str) -> int:
        place = cluster * self._width // 8
        length = 4 if self._width == 32 else 2  # noqa: PLR2004 - the widths of FAT
        table = (self._boot.fat_16 or self._boot.fat_32) * self._boot.sector
        if place + length > table:
            raise _damaged(f"the chain of clusters of {what} leaves the table at cluster {cluster}")
        raw = self._reader.read_at(self._boot.reserved * self._boot.sector + place, length)
        value = int.from_bytes(raw, "little")
        if self._width == 12:  # noqa: PLR2004 - as above
            return value >> 4 if cluster % 2 else value & 0xFFF
        return value & 0x0FFFFFFF

    def _place(self, cluster: int) -> int:
        root = self._boot.root_entries * _ENTRY_BYTES
        reserved = -(-root // self._boot.sector) * self._boot.sector
        return self._boot.root_start + reserved + (cluster - FIRST_CLUSTER) * self._cluster_bytes


def _damaged(message: str) -> BrokenImage:
    return broken("filesystem-damaged", message)


def _folded(path: str) -> tuple[str, ...]:
    return tuple(name.casefold() for name in path.split("/") if name)


def _entries(data: bytes, *, wide: bool) -> Iterator[_Entry]:
    """Yield the files and directories of a directory's bytes; ``wide`` where clusters have 32 bits."""
    pieces: dict[int, bytes] = {}
    check = -1
    for place in range(0, len(data) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        raw = data[place : place + _ENTRY_BYTES]
        if raw[0] == 0:
            return
        if raw[0] == _DELETED:
            pieces = {}
        elif raw[11] & _LONG_NAME == _LONG_NAME:
            if raw[0] & _LAST_PIECE:
                pieces, check = {}, raw[13]
            pieces[raw[0] & _ORDER] = raw[1:11] + raw[14:26] + raw[28:32]
        else:
            long = _long_name(pieces) if check == _checksum(raw[:11]) else None
            pieces = {}
            entry = _entry(raw, long, wide=wide)
            if entry is not None:
                yield entry


def _entry(raw: bytes, long: str | None, *, wide: bool) -> _Entry | None:
    short, attributes, flags, high, low, size = _ENTRY.unpack(raw)
    name = long or _short_name(short, flags)
    if attributes & _LABEL or name in {"", ".", ".."} or "/" in name:
        return None
    cluster = (high << 16 | low) if wide else low
    return _Entry(name, cluster, size, is_directory=bool(attributes & _DIRECTORY))


def _long_name(pieces: dict[int, bytes]) -> str | None:
    """Return the name that the pieces make, ``None`` where one is missing."""
    if not pieces or sorted(pieces) != list(range(1, len(pieces) + 1)):
        return None
    text = b"".join(pieces[number] for number in sorted(pieces)).decode("utf-16-le", "replace")
    return text.split("\0", 1)[0]


def _short_name(short: bytes, flags: int) -> str:
    if short[0] == 0x05:  # noqa: PLR2004 - stands for E5, which means deleted
        short = b"\xe5" + short[1:]
    name, extension = short[:8].decode("cp437").rstrip(" "), short[8:].decode("cp437").rstrip(" ")
    name = name.lower() if flags & _LOWER_NAME else name
    extension = extension.lower() if flags & _LOWER_EXTENSION else extension
    return f"{name}.{extension}" if extension else name


def _checksum(short: bytes) -> int:
    total = 0
    for byte in short:
        total = ((total >> 1) + ((total & 1) << 7) + byte) & 0xFF
    return total
