"""Master boot record: virtual disk in, :class:`PartitionTable` with primary and logical partitions out.

There is no standard; the layout is that of UEFI 2.10, section 5.2.1 "Legacy Master Boot Record (MBR)",
https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html, and extended partitions are followed as Linux
does (https://github.com/torvalds/linux/blob/v6.1/block/partitions/msdos.c): primary partitions are 1 to 4, logical ones
count from 5.

 off   hex  size  field, little-endian
   0  0x000  440  BootCode
 440  0x1B8    4  UniqueMBRSignature
 446  0x1BE   64  PartitionRecord[4]: BootIndicator 1, StartingCHS 3, OSType 1, EndingCHS 3, StartingLBA 4, SizeInLBA 4
 510  0x1FE    2  Signature, 0xAA55

In the first sector of an extended partition the first record is a logical partition, counted from that sector, and the
second is the next such sector, counted from the start of the extended partition.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from imgbuild.model import Partition, Problem
from imgbuild.readers import Reader, problem, read_clipped
from imgbuild.volumes.base import PartitionTable
from imgbuild.volumes.ranges import Field, Range, overlaps, past_end
from imgbuild.volumes.types import EXTENDED, GPT_PROTECTIVE, mbr_type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTOR = 512
LARGE_SECTOR = 4096
MAX_LOGICAL = 128
"""How many logical partitions are followed; Linux itself takes fewer."""

_RECORD = struct.Struct("<B3sB3xII")
_ACTIVE = 0x80
_FIRST_LOGICAL = 5
_PROBE_BYTES = 68 * 1024
"""The start of a partition that holds any superblock; that of btrfs, at 64 KiB, is the furthest."""


class Record(msgspec.Struct, frozen=True):
    """A partition record by the specification's names, with its number from 1, as it stands at byte ``at``."""

    number: int
    boot_indicator: int
    starting_chs: bytes
    os_type: int
    starting_lba: int
    size_in_lba: int
    at: int = 0

    @property
    def used(self) -> bool:
        """Whether it describes a partition."""
        return self.os_type != 0 and self.size_in_lba != 0


    def range(self, partition: Partition) -> Range:
        """Return where the partition of this record lies."""
        return Range(partition.index, partition.start, partition.size,
                     Field("StartingLBA", self.at + 8, self.starting_lba.to_bytes(4, "little")),
                     Field("SizeInLBA", self.at + 12, self.size_in_lba.to_bytes(4, "little")))


def records(sector: bytes, at: int = 0) -> tuple[Record, ...]:
    """Return the four records of a boot record's sector, which stands at byte ``at`` of the disk."""
    return tuple(_record(sector, number, at) for number in range(4))


def _record(sector: bytes, number: int, at: int) -> Record:
    place = 446 + 16 * number
    indicator, chs, os_type, start, size = _RECORD.unpack_from(sector, place)
    return Record(number + 1, indicator, chs, os_type, start, size, at + place)


def boot_record(disk: Reader) -> tuple[Record, ...]:
    """Return the used records of the disk's first sector; none where that sector is no master boot record.

    The boot sector of a file system ends in the same signature: its bytes are told from records by their boot
    indicators, and FAT, NTFS and exFAT by their own marks.
    """
    sector = read_clipped(disk, 0, SECTOR)
    if len(sector) < SECTOR or sector[510:] != b"\x55\xaa":
        return ()
    found = records(sector)
    if any(record.boot_indicator not in {0, _ACTIVE} for record in found) or _is_file_system(disk, sector):
        return ()
    return tuple(record for record in found if record.used)


def read(disk: Reader) -> PartitionTable | None:
    """Read the partition table of a disk that is partitioned by a master boot record, or return ``None``.

    What is wrong with it comes as problems of the table. Raises BrokenImage where the disk itself cannot be read.
    """
    primary = boot_record(disk)
    if not primary:
        return None
    return _Reading(disk, primary).table()


class _Reading:
    """One pass over the table: gathers partitions and problems."""

    def __init__(self, disk: Reader, primary: tuple[Record, ...]) -> None:
        self._disk = disk
        self._primary = primary
        self._sector = _sector_size(disk, primary)
        self._signature = int.from_bytes(disk.read_at(440, 4), "little")
        self._problems: list[Problem] = []

    def table(self) -> PartitionTable:
        partitions = [self._partition(record, record.number, record.starting_lba) for record in self._primary]
        extended = [record for record in self._primary if record.os_type in EXTENDED]
        logical = list(self._logical(extended))
        whole = [record.range(part) for part, record in zip(partitions, self._primary, strict=True)]
        inner = [record.range(part) for part, record in logical]
        data = [span for span, record in zip(whole, self._primary, strict=True) if record.os_type not in EXTENDED]
        self._problems += past_end(whole + inner, self._disk.size)
        self._problems += overlaps(whole) or overlaps(data + inner)
        self._problems += _several_active(self._primary)
        found = (*partitions, *(part for part, _ in logical))
        return PartitionTable("mbr", self._sector, found, tuple(self._problems),
                              f"{self._signature:08x}" if self._signature else None)

    def _partition(self, record: Record, index: int, start_lba: int) -> Partition:
        type_id = f"{record.os_type:#04x}"
        return Partition(index=index, start=start_lba * self._sector, size=record.size_in_lba * self._sector,
                         type=mbr_type_name(record.os_type) or type_id, type_id=type_id,
                         bootable=record.boot_indicator == _ACTIVE,
                         partuuid=f"{self._signature:08x}-{index:02x}" if self._signature else None)

    def _logical(self, extended: list[Record]) -> Iterator[tuple[Partition, Record]]:
        index = _FIRST_LOGICAL
        for container in extended:
            for start_lba, record in self._chain(container):
                yield self._partition(record, index, start_lba), record
                index += 1

    def _chain(self, container: Record) -> Iterator[tuple[int, Record]]:
        """Yield the logical records of an extended partition with the sector they start at."""
        here, seen = container.starting_lba, set[int]()
        while len(seen) < MAX_LOGICAL:
            if here in seen:
                return self._damaged(container, f"its chain comes back to sector {here}")
            seen.add(here)
            found = self._extended_record(here)
            if found is None:
                return self._damaged(container, f"there is no boot record at sector {here}, where its chain leads")
            yield from ((here + record.starting_lba, record) for record in found if record.os_type not in EXTENDED)
            links = [record for record in found if record.os_type in EXTENDED]
            if not links:
                return None
            here = container.starting_lba + links[0].starting_lba
        return self._damaged(container, f"its chain is longer than {MAX_LOGICAL} partitions")

    def _extended_record(self, lba: int) -> tuple[Record, ...] | None:
        sector = read_clipped(self._disk, lba * self._sector, SECTOR)
        if len(sector) < SECTOR or sector[510:] != b"\x55\xaa":
            return None
        return tuple(record for record in records(sector, lba * self._sector)[:2] if record.used)

    def _damaged(self, container: Record, reason: str) -> None:
        self._problems.append(problem(
            "extended-partition-damaged", f"extended partition {container.number} cannot be followed: {reason}",
            field="StartingLBA", offset=container.at + 8, raw=container.starting_lba.to_bytes(4, "little")))


def _several_active(primary: tuple[Record, ...]) -> list[Problem]:
    active = [str(record.number) for record in primary if record.boot_indicator == _ACTIVE]
    if len(active) < 2:  # noqa: PLR2004 - several begin at two
        return []
    return [problem("mbr-several-active", f"partitions {', '.join(active)} are all marked active; boot code wants one")]


# FAT and NTFS boot sectors, both of which end in 0xAA55 as well
#
#  off  size  field, little-endian
#    0     3  jump instruction: EB xx 90 or E9 xx xx
#    3     8  OEM name; NTFS, exFAT and BitLocker have a fixed one
#   11     2  bytes per sector
#   13     1  sectors per cluster
#   14     2  reserved sectors: where the first FAT starts
#   16     1  number of FATs
#   21     1  media: repeated as the first byte of the FAT, followed by 0xFF
#
# Microsoft FAT32 File System Specification 1.03, "Boot Sector and BPB",
# https://download.microsoft.com/download/1/6/1/161ba512-40e2-4cc9-843a-923143f3456c/fatgen103.doc


def _is_file_system(disk: Reader, sector: bytes) -> bool:
    if sector[0] not in {0xEB, 0xE9}:
        return False
    if sector[3:11] in {b"NTFS    ", b"EXFAT   ", b"-FVE-FS-"}:
        return True
    sector_size, cluster, reserved, fats = struct.unpack_from("<HBHB", sector, 11)
    sizes = sector_size in {512, 1024, 2048, 4096} and _is_power_of_two(cluster)
    if not sizes or not reserved or fats not in {1, 2}:
        return False
    return read_clipped(disk, reserved * sector_size, 2) == bytes((sector[21], 0xFF))


def _is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def _sector_size(disk: Reader, primary: tuple[Record, ...]) -> int:
    """Return 4096 where the content proves that the table counts in sectors of 4096 bytes, else 512.

    Nothing in the record says it. The proof: all partitions fit the disk that way, and each begins with zeros when
    counted in 512 bytes and with data when counted in 4096.
    """
    parts = [record for record in primary if record.os_type != GPT_PROTECTIVE]
    fits = all((part.starting_lba + part.size_in_lba) * LARGE_SECTOR <= disk.size for part in parts)
    if not parts or not fits:
        return SECTOR
    proven = all(not _has_data(disk, part.starting_lba * SECTOR) and _has_data(disk, part.starting_lba * LARGE_SECTOR)
                 for part in parts)
    return LARGE_SECTOR if proven else SECTOR


def _has_data(disk: Reader, offset: int) -> bool:
    return bool(read_clipped(disk, offset, _PROBE_BYTES).strip(b"\0"))
