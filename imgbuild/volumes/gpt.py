"""GUID partition table: virtual disk in, :class:`PartitionTable` with both copies checked out.

UEFI 2.10, section 5.3 "GUID Partition Table (GPT) Disk Layout",
https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html

The primary copy is at logical block 1, the backup where the primary's AlternateLBA says: at the end of the disk when it
was made, which is not the end any more after the disk has grown. Blocks are 512 or 4096 bytes; the place of the
signature tells which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.readers import BrokenImage, Reader, problem, read_clipped
from imgbuild.sizes import human_size
from imgbuild.volumes import gptcopy, mbr
from imgbuild.volumes.base import PartitionTable
from imgbuild.volumes.ranges import REPORTED, Field, overlaps, past_end
from imgbuild.volumes.types import GPT_PROTECTIVE

if TYPE_CHECKING:
    from imgbuild.model import Partition, Problem
    from imgbuild.volumes.gptcopy import Copy
    from imgbuild.volumes.ranges import Range

SECTOR_SIZES = (512, 4096)
PRIMARY_LBA = 1
PRIMARY_CHS = b"\0\2\0"
"""Where the protective record begins, in heads, sectors and cylinders: section 5.2.3, table 5.4."""


def read(disk: Reader) -> PartitionTable | None:
    """Read the GUID partition table of a disk, or return ``None`` where it has none.

    A disk has one when a protective master boot record says so, or when there is a valid primary copy and no master
    boot record. Where the primary copy is damaged the backup is used; where both are, the table is empty.
    """
    records = mbr.boot_record(disk)
    protective = [record for record in records if record.os_type == GPT_PROTECTIVE]
    if records and not protective:
        return None
    found = _find_primary(disk)
    if isinstance(found, gptcopy.Copy):
        table = _from_primary(disk, found)
    elif protective:
        table = _from_backup(disk, found)
    else:
        return None
    return _with_problems(table, _record_problems(records, protective))


def remains(disk: Reader) -> bool:
    """Say whether a valid primary copy is there; beside an MBR without protective record it is a leftover."""
    return isinstance(_find_primary(disk), gptcopy.Copy)


def _with_problems(table: PartitionTable, more: list[Problem]) -> PartitionTable:
    return msgspec.structs.replace(table, problems=(*table.problems, *more))


def _find_primary(disk: Reader) -> Copy | Problem:
    """Return the primary copy under the block size that gives a valid one, else what is wrong with it."""
    found = [_try(disk, PRIMARY_LBA, size) for size in SECTOR_SIZES if _signed(disk, PRIMARY_LBA, size)]
    valid = [copy for copy in found if isinstance(copy, gptcopy.Copy)]
    missing = problem("gpt-damaged", "there is no GPT header at block 1: the signature 'EFI PART' is missing")
    return (valid or found or [missing])[0]


def _signed(disk: Reader, lba: int, sector: int) -> bool:
    return read_clipped(disk, lba * sector, 8) == gptcopy.SIGNATURE


def _try(disk: Reader, lba: int, sector: int) -> Copy | Problem:
    try:
        return gptcopy.read_copy(disk, lba, sector)
    except BrokenImage as error:
        return error.problem


def _from_primary(disk: Reader, primary: Copy) -> PartitionTable:
    return _table(disk, primary, _backup_problems(disk, primary))


def _from_backup(disk: Reader, damage: Problem) -> PartitionTable:
    """Return what the backup at the end of the disk says, or an empty table where it is damaged as well."""
    copies = (_try(disk, disk.size // size - 1, size) for size in SECTOR_SIZES if disk.size >= 3 * size)
    backup = next((copy for copy in copies if isinstance(copy, gptcopy.Copy)), None)
    if backup is None:
        message = (f"neither copy of the GPT can be used: {damage.message}, and there is no valid backup at the end of"
                   " the disk")
        return PartitionTable("gpt", SECTOR_SIZES[0], (), (_relabel(damage, "gpt-damaged", message),))
    message = f"the primary GPT is damaged, its backup was used: {damage.message}"
    return _table(disk, backup, [_relabel(damage, "gpt-primary-damaged", message)])


def _relabel(damage: Problem, code: str, message: str) -> Problem:
    return msgspec.structs.replace(damage, code=code, message=message)


def _table(disk: Reader, copy: Copy, problems: list[Problem]) -> PartitionTable:
    partitions, flaws = gptcopy.partitions(copy)
    ranges = [copy.range(part) for part in partitions]
    problems = [*problems, *flaws, *past_end(ranges, disk.size), *overlaps(ranges), *_outside_usable(copy, ranges),
                *_same_identity(partitions)]
    return PartitionTable("gpt", copy.sector, partitions, tuple(problems), copy.disk_guid.lower(),
                          gptcopy.attributes(copy))


def _backup_problems(disk: Reader, primary: Copy) -> list[Problem]:
    last, alternate = disk.size // primary.sector - 1, primary.alternate_lba
    place = Field("AlternateLBA", primary.sector + 32, alternate.to_bytes(8, "little"))
    if alternate > last:
        return [place.problem("gpt-past-end", f"the backup GPT should be at block {alternate}, but the last block of"
                                              f" the disk is {last}: the image was cut")]
    backup = _try(disk, alternate, primary.sector) if alternate > PRIMARY_LBA else place.problem(
        "gpt-damaged", f"its place is given as block {alternate}")
    problems = []
    if alternate != last:
        gap = human_size((last - alternate) * primary.sector)
        problems.append(place.problem("gpt-backup-not-at-end", f"the backup GPT is at block {alternate}, {gap} before"
                                                               " the end of the disk"))
    if not isinstance(backup, gptcopy.Copy):
        return [_relabel(backup, "gpt-backup-damaged", f"the backup GPT is damaged: {backup.message}")]
    return problems + _differences(primary, backup)


def _differences(primary: Copy, backup: Copy) -> list[Problem]:
    differing = [name for name in ("disk_guid", "first_usable_lba", "last_usable_lba", "entries")
                 if getattr(primary, name) != getattr(backup, name)]
    if not differing:
        return []
    words = ", ".join(gptcopy.FIELD_NAMES[name] for name in differing)
    return [problem("gpt-copies-differ", f"the two copies of the GPT are valid but differ in {words}")]


def _outside_usable(copy: Copy, ranges: list[Range]) -> list[Problem]:
    first, end = copy.first_usable_lba * copy.sector, (copy.last_usable_lba + 1) * copy.sector
    outside = [span for span in ranges if span.start < first or span.end > end]
    return [span.first.problem("gpt-partition-outside-usable", f"partition {span.index} lies at bytes {span.start} to"
                               f" {span.end}, outside the range {first} to {end} that the header gives to partitions")
            for span in outside[:REPORTED]]


def _same_identity(partitions: tuple[Partition, ...]) -> list[Problem]:
    """Return a problem where two partitions have one identifier: a boot by PARTUUID then takes either."""
    seen: dict[str | None, int] = {}
    problems = []
    for part in partitions:
        first = seen.setdefault(part.partuuid, part.index)
        if first != part.index:
            problems.append(problem("gpt-duplicate-partition-id", f"partitions {first} and {part.index} have the same"
                                                                  f" unique identifier {part.partuuid}"))
    return problems[:REPORTED]


def _record_problems(records: tuple[mbr.Record, ...], protective: list[mbr.Record]) -> list[Problem]:
    if not protective:
        return [problem("gpt-protective-mbr-missing", "the disk has a GPT but no protective MBR: firmware and Linux do"
                                                      " not see its partitions")]
    if len(records) > len(protective):
        kinds = ", ".join(f"{record.os_type:#04x}" for record in records if record not in protective)
        return [problem("gpt-hybrid-mbr", f"the MBR has further partitions (type {kinds}) beside the protective one")]
    return _protective_problems(protective[0])


def _protective_problems(record: mbr.Record) -> list[Problem]:
    """Return what differs from the protective record that the specification wants (table 5.4)."""
    if record.number != 1:
        return [problem("gpt-protective-mbr-wrong", f"the protective MBR is record {record.number}, it should be the"
                                                    " first", field="OSType")]
    if record.starting_lba != PRIMARY_LBA:
        return [problem("gpt-protective-mbr-wrong", f"the protective MBR begins at block {record.starting_lba},"
                                                    f" it should begin at block {PRIMARY_LBA}", field="StartingLBA")]
    if record.starting_chs != PRIMARY_CHS:
        return [problem("gpt-protective-mbr-wrong", f"the protective MBR begins at CHS 0x{record.starting_chs.hex()},"
                                                    f" it should begin at 0x{PRIMARY_CHS.hex()}", field="StartingCHS",
                        offset=record.at + 1, raw=record.starting_chs)]
    return []
