"""The file system: boot sector, $MFT and directories joined to what ``filesystems/base.py`` asks for.

Names are matched without regard to case, by the volume's own table of upper-case forms ($UpCase, file record 10), as
Windows does. Only the unnamed $DATA is a file's content; alternate streams are left out. What the system or a filter
driver keeps elsewhere or compressed in its own way is ``filesystem-content-unreadable``, never other bytes.

    off  size  field of the boot sector, little-endian
     11     2  bytes of a sector, 13 (1): sectors of a cluster; over 0x80 it is a power of two, negative
     40     8  sectors of the volume, 48 (8): first cluster of the $MFT
     64     1  clusters of a file record; over 0x80 its bytes as a power of two, negative

https://flatcap.github.io/linux-ntfs/ntfs/files/boot.html and …/ntfs/files/upcase.html
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING

from imgbuild.filesystems.base import Stat, split
from imgbuild.filesystems.cached import CachedReader
from imgbuild.filesystems.ntfs.index import Directory
from imgbuild.filesystems.ntfs.records import DATA, NUMBER, REPARSE_POINT, FileTable, Record, damaged
from imgbuild.filesystems.ntfs.reparse import Point, read_point
from imgbuild.filesystems.ntfs.runs import Geometry
from imgbuild.filesystems.superblocks.base import is_power_of_two
from imgbuild.filesystems.superblocks.windows import record_size
from imgbuild.readers import broken
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from imgbuild.filesystems.base import Kind
    from imgbuild.readers import Reader

ROOT, UPCASE = 5, 10
FIRST_FILE = 16
"""The records before are those of the metadata."""

_UPCASE_BYTES = 2 * 65536
_SECTOR_SIZES = (256, 4096)
_MOST_CLUSTER = 2 * MIB
_BOOT = struct.Struct("<11xHB26xQQ8xB")
_BOOT_BYTES = 512
_CACHED = 256
_MAX_POINT = 16 * 1024


def open_ntfs(reader: Reader) -> NtfsFileSystem:
    """Open an NTFS volume.

    Raises:
        BrokenImage: ``filesystem-damaged`` for a boot sector or a $MFT that makes no sense, or why its bytes could not
            be had.
    """
    raw = reader.read_at(0, _BOOT_BYTES)
    sector, coded, sectors, start, record = _BOOT.unpack_from(raw)
    cluster = sector * (1 << (256 - coded) if coded > 0x80 else coded)  # noqa: PLR2004 - a negative exponent
    size = record_size(record, cluster)
    if not is_power_of_two(sector, *_SECTOR_SIZES) or not is_power_of_two(cluster, sector, _MOST_CLUSTER) or not size:
        raise broken("filesystem-damaged", f"NTFS: the boot sector gives sectors of {sector} bytes, clusters of"
                                           f" {cluster} and file records of {size}", field="BPB", raw=raw[11:14])
    cached = CachedReader(reader)
    geometry = Geometry(sector, cluster, size, sectors * sector // cluster)
    return NtfsFileSystem(FileTable(cached, geometry, start * cluster), cluster)


class NtfsFileSystem:
    """An NTFS volume."""

    kind = "ntfs"

    def __init__(self, table: FileTable, cluster: int) -> None:
        self._table = table
        self._cluster = cluster
        self._upcase: bytes | None = None
        self._references: dict[tuple[str, ...], int | None] = {}
        self._directories: dict[int, Directory] = {}
        self._streams: dict[int, Reader] = {}
        self._fold = lru_cache(maxsize=8192)(self._folded)

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``, in any case, or ``None``."""
        record = self._record(split(path))
        if record is None:
            return None
        kind = self._kind(record)
        return Stat(kind, _size_of(record) if kind == "file" else 0)

    def readlink(self, path: str) -> str:
        """Return the target of the link or junction at ``path``, with ``/`` between its names."""
        record = self._record(split(path))
        point = self._point(record) if record is not None else None
        if point is None or point.target is None:
            raise FileNotFoundError(f"no link at {path!r}")
        return point.target

    def listdir(self, path: str) -> list[str]:
        """Return the names in the directory at ``path``, sorted; those that are no Unicode are left out.

        So are those of the volume's own metadata ($MFT and the like), as Windows does.
        """
        record = self._record(split(path))
        if record is None or self._kind(record) != "directory":
            raise FileNotFoundError(f"no directory at {path!r}")
        return sorted({name for name, reference in self._directory(record).names()
                       if reference & NUMBER >= FIRST_FILE and _is_text(name)})

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path`` from ``offset``."""
        record = self._record(split(path))
        if record is None or self._kind(record) != "file":
            raise FileNotFoundError(f"no file at {path!r}")
        length = min(limit, _size_of(record) - offset)
        return self._content(record, path).read_at(offset, length) if length > 0 else b""

    def _content(self, record: Record, path: str) -> Reader:
        if record.number not in self._streams:
            point = self._point(record)
            if point is not None:
                raise broken("filesystem-content-unreadable", f"the content of {path!r} is {point.content}, and was not"
                                                              " looked at")
            if len(self._streams) >= _CACHED:
                self._streams.clear()
            self._streams[record.number] = self._table.open(record.find(DATA))
        return self._streams[record.number]

    def _record(self, names: tuple[str, ...]) -> Record | None:
        """Return the file record at a path, or ``None``."""
        reference = self._reference(names)
        return None if reference is None else self._table.record(reference)

    def _reference(self, names: tuple[str, ...]) -> int | None:
        if names not in self._references:
            if len(self._references) >= _CACHED:
                self._references.clear()
            self._references[names] = self._look_up(names)
        return self._references[names]

    def _look_up(self, names: tuple[str, ...]) -> int | None:
        if not names:
            return ROOT
        parent = self._record(names[:-1])
        if parent is None or self._kind(parent) != "directory":
            return None
        return self._directory(parent).find(names[-1])

    def _directory(self, record: Record) -> Directory:
        if record.number not in self._directories:
            if len(self._directories) >= _CACHED:
                self._directories.clear()
            self._directories[record.number] = Directory(self._table, record, self._cluster, self._fold)
        return self._directories[record.number]

    def _kind(self, record: Record) -> Kind:
        point = self._point(record)
        if point is not None:
            return point.kind(directory=record.is_directory)
        return "directory" if record.is_directory else "file"

    def _point(self, record: Record) -> Point | None:
        pieces = record.find(REPARSE_POINT)
        if not pieces:
            return None
        value = self._table.open(pieces)
        return read_point(value.read_at(0, min(value.size, _MAX_POINT)))

    def _folded(self, name: str) -> str:
        """Return the units of a name's upper-case form, as the index is sorted by them."""
        if name.isascii():
            return name.upper()
        table = self._table_of_upper_case()
        units = memoryview(name.encode("utf-16-le", "surrogatepass")).cast("H")
        return "".join(chr(int.from_bytes(table[2 * unit : 2 * unit + 2], "little")) for unit in units)

    def _table_of_upper_case(self) -> bytes:
        if self._upcase is None:
            stream = self._table.open(self._table.record(UPCASE).find(DATA))
            if stream.size != _UPCASE_BYTES:
                raise damaged(f"$UpCase has {stream.size} bytes, not {_UPCASE_BYTES}")
            self._upcase = stream.read_at(0, _UPCASE_BYTES)
        return self._upcase


def _size_of(record: Record) -> int:
    pieces = record.find(DATA)
    return pieces[0].size if pieces else 0


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "/" not in name and "\0" not in name
