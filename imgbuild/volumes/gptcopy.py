"""One copy of a GUID partition table: a header and its entries, checked before anything is followed.

 off   hex  size  field of the header, little-endian
   0  0x00     8  Signature, "EFI PART"
   8  0x08     4  Revision
  12  0x0C     4  HeaderSize, 92 to the block size
  16  0x10     4  HeaderCRC32, over HeaderSize bytes with this field as 0
  24  0x18     8  MyLBA
  32  0x20     8  AlternateLBA
  40  0x28     8  FirstUsableLBA
  48  0x30     8  LastUsableLBA
  56  0x38    16  DiskGUID
  72  0x48     8  PartitionEntryLBA
  80  0x50     4  NumberOfPartitionEntries
  84  0x54     4  SizeOfPartitionEntry, 128 * 2^n
  88  0x58     4  PartitionEntryArrayCRC32

 off   hex  size  field of an entry
   0  0x00    16  PartitionTypeGUID, zero when unused
  16  0x10    16  UniquePartitionGUID
  32  0x20     8  StartingLBA
  40  0x28     8  EndingLBA, the last block
  48  0x30     8  Attributes; bit 2: legacy BIOS bootable
  56  0x38    72  PartitionName, UTF-16LE, ends at a zero

UEFI 2.10, sections 5.3.2 and 5.3.3, https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import msgspec

from imgbuild.model import Partition, Problem
from imgbuild.readers import BrokenImage, broken, problem
from imgbuild.volumes.ranges import REPORTED, Field, Range
from imgbuild.volumes.types import gpt_type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.readers import Reader

SIGNATURE = b"EFI PART"
MAX_ENTRIES = 1024
"""More than any tool writes; the usual number is 128."""
ENTRY_SIZES = range(128, 4096 + 1, 8)
FIELD_NAMES = {"disk_guid": "DiskGUID", "first_usable_lba": "FirstUsableLBA", "last_usable_lba": "LastUsableLBA",
               "entries": "the partition entries"}

_HEADER = struct.Struct("<8s4xII4xQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")
_GUID = struct.Struct("<IHH")
_LEGACY_BIOS_BOOTABLE = 1 << 2
_MAX_BYTES = 1 << 62
"""No offset after this is passed on: it would not fit the integers of file systems and of JSON readers."""


_FIELDS = {"Signature": (0, 8), "HeaderSize": (12, 4), "HeaderCRC32": (16, 4), "MyLBA": (24, 8),
           "AlternateLBA": (32, 8), "PartitionEntryLBA": (72, 8), "NumberOfPartitionEntries": (80, 4),
           "SizeOfPartitionEntry": (84, 4), "PartitionEntryArrayCRC32": (88, 4)}


class Header(msgspec.Struct, frozen=True):
    """The block of a header as it stands at byte ``at`` of the disk."""

    at: int
    raw: bytes

    def broken(self, field: str, message: str) -> BrokenImage:
        """Return a BrokenImage ``gpt-damaged`` with the field as its evidence."""
        offset, length = _FIELDS[field]
        return broken("gpt-damaged", message, field=field, offset=self.at + offset,
                      raw=self.raw[offset : offset + length])


class Copy(msgspec.Struct, frozen=True):
    """A valid copy; ``sector`` is the block size in bytes."""

    sector: int
    alternate_lba: int
    first_usable_lba: int
    last_usable_lba: int
    disk_guid: str
    entry_size: int
    entries: bytes
    entries_at: int

    def range(self, partition: Partition) -> Range:
        """Return where a partition of this copy lies."""
        raw = self.entries[(partition.index - 1) * self.entry_size :]
        return Range(partition.index, partition.start, partition.size,
                     *(Field(name, self._place(partition.index) + at, raw[at : at + 8])
                       for name, at in (("StartingLBA", 32), ("EndingLBA", 40))))

    def _place(self, index: int) -> int:
        """Return the byte of the disk at which an entry stands."""
        return self.entries_at + (index - 1) * self.entry_size

    def broken_entry(self, index: int, message: str) -> Problem:
        """Return a problem with the end of a partition as its evidence."""
        at = (index - 1) * self.entry_size + 40
        return problem("gpt-partition-range", message, field="EndingLBA", offset=self.entries_at + at,
                       raw=self.entries[at : at + 8])


def guid(raw: bytes) -> str:
    """Return 16 bytes as a GUID in upper case; its first three parts are stored little-endian."""
    first, second, third = _GUID.unpack_from(raw)
    return f"{first:08X}-{second:04X}-{third:04X}-{raw[8:10].hex().upper()}-{raw[10:16].hex().upper()}"


def read_copy(disk: Reader, lba: int, sector: int) -> Copy:
    """Read the copy whose header is at block ``lba`` of ``sector`` bytes.

    Raises:
        BrokenImage: ``gpt-damaged``, with what is wrong, or that of the disk where it cannot be read.
    """
    header = Header(lba * sector, disk.read_at(lba * sector, sector))
    (signature, size, crc, my_lba, alternate, first, last, disk_guid, entry_lba, count, entry_size,
     entries_crc) = _HEADER.unpack_from(header.raw)
    _check_header(header, signature, size, crc)
    if my_lba != lba:
        raise header.broken("MyLBA", f"the header at block {lba} says that it is at block {my_lba}")
    start = entry_lba * sector
    _check_entries(header, disk.size - start, count, entry_size)
    entries = disk.read_at(start, count * entry_size)
    if zlib.crc32(entries) != entries_crc:
        raise header.broken("PartitionEntryArrayCRC32", "the checksum of the partition entries does not match")
    return Copy(sector, alternate, first, last, guid(disk_guid), entry_size, entries, start)


def _check_header(header: Header, signature: bytes, size: int, crc: int) -> None:
    raw = header.raw
    if signature != SIGNATURE:
        raise header.broken("Signature", "the signature 'EFI PART' is missing")
    if not _HEADER.size <= size <= len(raw):
        raise header.broken("HeaderSize", f"the header's size is {size}, it should be {_HEADER.size} to {len(raw)}"
                                          " bytes")
    if zlib.crc32(raw[:16] + bytes(4) + raw[20:size]) != crc:
        raise header.broken("HeaderCRC32", "the checksum of the header does not match")


def _check_entries(header: Header, room: int, count: int, entry_size: int) -> None:
    if entry_size not in ENTRY_SIZES:
        raise header.broken("SizeOfPartitionEntry", f"the size of an entry is {entry_size}, it should be 128 to 4096 in"
                                                    " steps of 8")
    if count > MAX_ENTRIES:
        raise header.broken("NumberOfPartitionEntries", f"there are {count} entries, more than {MAX_ENTRIES}")
    if count * entry_size > room:
        start = int.from_bytes(header.raw[72:80], "little") * len(header.raw)
        raise header.broken("PartitionEntryLBA", f"the partition entries begin at byte {start}, which does not fit the"
                                                 " disk")


def partitions(copy: Copy) -> tuple[tuple[Partition, ...], list[Problem]]:
    """Return the partitions of a copy, numbered as Linux does, and what is wrong with single entries."""
    found: list[Partition] = []
    problems: list[Problem] = []
    for index, raw in _used(copy):
        start, end = (lba * copy.sector for lba in _ENTRY.unpack_from(raw)[2:4])
        if end < start or end > _MAX_BYTES:
            problems.append(copy.broken_entry(index, f"partition {index} goes from byte {start} to {end}: it should end"
                                              f" after its start and before {_MAX_BYTES}"))
        else:
            found.append(_partition(index, raw, copy.sector))
    return tuple(found), problems[:REPORTED]


def attributes(copy: Copy) -> dict[int, int]:
    """Return the attribute bits of the partitions that have any, by index."""
    return {index: bits for index, raw in _used(copy) if (bits := _ENTRY.unpack_from(raw)[4])}


def _used(copy: Copy) -> Iterator[tuple[int, bytes]]:
    """Yield the entries in use with their numbers from 1."""
    for position in range(0, len(copy.entries), copy.entry_size):
        raw = copy.entries[position : position + copy.entry_size]
        if any(raw[:16]):
            yield position // copy.entry_size + 1, raw


def _partition(index: int, raw: bytes, sector: int) -> Partition:
    type_guid, unique_guid, first, last, attributes, name = _ENTRY.unpack_from(raw)
    type_id = guid(type_guid)
    text = name.decode("utf-16-le", errors="replace").split("\0", 1)[0]
    return Partition(index=index, start=first * sector, size=(last - first + 1) * sector,
                     type=gpt_type_name(type_id) or type_id, type_id=type_id, name=text or None,
                     bootable=bool(attributes & _LEGACY_BIOS_BOOTABLE), partuuid=guid(unique_guid).lower())
