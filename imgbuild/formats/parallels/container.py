"""Open a Parallels disk: its header and tables in, a :class:`Container` out."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.formats.base import Container
from imgbuild.formats.parallels import EXTENDED, OLD
from imgbuild.formats.served import SECTOR, checked_size, served
from imgbuild.formats.tables import read_numbers
from imgbuild.readers import problem
from imgbuild.sizes import MIB, human_size

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# Header, 64 bytes, little-endian; then the BAT
#
#  off   hex  size  field
#    0  0x00    16  magic "WithoutFreeSpace" or "WithouFreSpacExt"
#   16  0x10     4  version 2
#   20  0x14     4  heads
#   24  0x18     4  cylinders
#   28  0x1c     4  tracks: cluster size in sectors
#   32  0x20     4  nb_bat_entries
#   36  0x24     8  nb_sectors: disk size in sectors; the older magic uses the lowest 4 bytes
#   44  0x2c     4  in_use: 0x746f6e59 while a program has it open, 0x312e3276 when closed, 0 by an old program
#   48  0x30     4  data_off in sectors, 0 (older magic only): after the BAT
#   52  0x34     4  flags: bit 0 the image is empty
#   56  0x38     8  ext_off in sectors, 0 without
# BAT entries, 4 bytes: 0 not allocated, else the offset of a cluster, in sectors (older magic) or in clusters
_HEADER = struct.Struct("<16sIIIIIQIIIQ")
_FIELDS = {"magic": (0, 16), "version": (16, 4), "tracks": (28, 4), "nb_bat_entries": (32, 4), "nb_sectors": (36, 8),
           "in_use": (44, 4), "data_off": (48, 4), "ext_off": (56, 8)}
_ENTRY = 4
_OPEN, _CLOSED = 0x746F6E59, 0x312E3276
_VERSION = 2
MAX_BAT_BYTES = 4 * MIB
"""What is looked through of the table: 1 TiB in clusters of 1 MiB."""


class Header(NamedTuple):
    """The fields of the header."""

    raw: bytes
    magic: bytes
    version: int
    heads: int
    cylinders: int
    tracks: int
    nb_bat_entries: int
    nb_sectors: int
    in_use: int
    data_off: int
    flags: int
    ext_off: int

    @property
    def sectors(self) -> int:
        """The size of the disk in sectors."""
        return self.nb_sectors & 0xFFFFFFFF if self.magic == OLD else self.nb_sectors

    @property
    def cluster_size(self) -> int:
        """The bytes of a cluster."""
        return self.tracks * SECTOR

    @property
    def unit(self) -> int:
        """The bytes that an entry of the BAT counts in."""
        return SECTOR if self.magic == OLD else self.cluster_size

    @property
    def bat_end(self) -> int:
        """The byte behind the BAT."""
        return _HEADER.size + self.nb_bat_entries * _ENTRY

    def complain(self, code: str, field: str, message: str) -> Problem:
        """Return a problem with ``field`` as its evidence."""
        start, length = _FIELDS[field]
        return problem(code, message, field=field, offset=start, raw=self.raw[start : start + length])

    def facts(self) -> dict[str, Any]:
        """Return the fields as they are shown."""
        facts = self._asdict() | {"magic": self.magic.decode("ascii", "replace"), "in_use": self.in_use == _OPEN}
        return {name: value for name, value in facts.items() if name != "raw"}


def open_parallels(reader: Reader) -> Container:
    """Return the header's facts; raises BrokenImage when the header is cut or gives no size a disk can have."""
    raw = reader.read_at(0, _HEADER.size)
    header = Header(raw, *_HEADER.unpack(raw))
    size = checked_size(header.sectors * SECTOR, "nb_sectors", 36, raw[36:44])
    problems = list(_fields(reader.size, header))
    if not problems:
        problems += _clusters(reader, header, size)
    if header.in_use == _OPEN:
        problems.append(header.complain("needs-check", "in_use", "the image was not closed: its tables need a check;"
                                        " 'qemu-img check -f parallels -r all FILE' makes one"))
    return served(Container("parallels", size, header.facts(), problems), "Parallels disk")


def _fields(file_size: int, header: Header) -> Iterator[Problem]:
    if header.version != _VERSION:
        yield header.complain("header-invalid", "version", f"the version is {header.version}, but only 2 is defined")
    if header.magic == EXTENDED and header.in_use not in (_OPEN, _CLOSED, 0):
        yield header.complain("header-invalid", "in_use", f"in_use is {header.in_use:#x}; {_OPEN:#x}, {_CLOSED:#x} and"
                              " 0 are defined")
    if not header.tracks:
        yield header.complain("header-invalid", "tracks", "tracks is 0; a cluster has one sector or more")
    elif header.nb_bat_entries * header.tracks < header.sectors:
        yield header.complain("table-too-small", "nb_bat_entries", f"{header.nb_bat_entries} clusters of"
                              f" {header.cluster_size} bytes are less than the disk of {header.sectors * SECTOR}")
    if header.bat_end > file_size:
        code = "table-too-large" if header.bat_end - _HEADER.size > file_size else "truncated"
        yield header.complain(code, "nb_bat_entries", f"the BAT ends at byte {header.bat_end}, but the file at"
                              f" {file_size}")
    elif (header.data_off or header.magic == EXTENDED) and header.data_off * SECTOR < header.bat_end:
        yield header.complain("header-invalid", "data_off", f"the data begin at byte {header.data_off * SECTOR}, but"
                              f" the BAT ends at {header.bat_end}")
    if header.ext_off * SECTOR >= file_size:
        yield header.complain("truncated", "ext_off", f"the format extension is at byte {header.ext_off * SECTOR}, but"
                              f" the file ends at {file_size}")


def _clusters(reader: Reader, header: Header, size: int) -> Iterator[Problem]:
    """Yield what is wrong with the places of the clusters, of each kind the first."""
    entries = read_numbers(reader, _HEADER.size, min(header.nb_bat_entries, MAX_BAT_BYTES // _ENTRY))
    count, room = len(entries) - entries.count(0), reader.size // header.cluster_size + 1
    if count > room:  # said without sorting them: a small file may claim a million
        yield header.complain("truncated", "nb_bat_entries", f"{count} clusters are allocated, but the file has room"
                              f" for {room} at most")
    elif count:
        used = sorted((entry * header.unit, index) for index, entry in enumerate(entries) if entry)
        yield from _places(reader, header, entries, used, size)


def _places(reader: Reader, header: Header, entries: array[int], used: list[tuple[int, int]],
            size: int) -> Iterator[Problem]:
    first = max(header.data_off * SECTOR, header.bat_end)
    if used[0][0] < first:
        yield _blame(entries, used[0][1], "table-entry-invalid", f"is at byte {used[0][0]}, but the data begin at"
                     f" {first}")
    double = next((other for (one, _), (place, other) in pairwise(used) if place < one + header.cluster_size), None)
    if double is not None:
        yield _blame(entries, double, "block-overlap", f"at byte {entries[double] * header.unit} overlaps another one")
    end, last = max((place + max(0, min(header.cluster_size, size - index * header.cluster_size)), index)
                    for place, index in used)
    if end > reader.size:
        yield _blame(entries, last, "truncated", f"ends at byte {end}, but the file at {reader.size}"
                     f" ({human_size(end - reader.size)} before)")


def _blame(entries: array[int], index: int, code: str, message: str) -> Problem:
    return problem(code, f"cluster {index} {message}", field="BAT entry", offset=_HEADER.size + index * _ENTRY,
                   raw=entries[index].to_bytes(_ENTRY, "little"))
