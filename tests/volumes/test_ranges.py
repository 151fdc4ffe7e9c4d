"""The fields that a problem of a partition table points at: their place and bytes are those of the disk."""

from __future__ import annotations

import struct

import pytest
from table_writer import Disk, Gpt, Part, boot_sector, record

from imgbuild import volumes

MIB = 1 << 20
NESTED = Disk(16 * MIB).write(0, boot_sector(record(5, 2048, 4096))).write(
    2048 * 512, boot_sector(record(0x83, 64, 1 << 20), record(5, 0, 100)))


def damaged(**fields: int) -> Disk:
    """Return a disk whose primary header has other fields, its checksum as it was."""
    disk = Gpt([Part(2048, 4095)]).write(Disk(8 * MIB))
    for name, value in fields.items():
        offset, form = {"my_lba": (24, "<Q"), "entry_size": (84, "<I")}[name]
        disk.write(512 + offset, struct.pack(form, value))
    return disk


@pytest.mark.parametrize(("disk", "code", "field", "offset"), [
    (Disk(8 * MIB).write(0, boot_sector(record(0x83, 2048, 4096), record(0x83, 4096, 4096))), "partition-overlap",
     "StartingLBA", 446 + 16 + 8),
    (Disk(8 * MIB).write(0, boot_sector(record(0x83, 2048, 1 << 20))), "partition-past-end", "SizeInLBA", 446 + 12),
    (NESTED, "partition-past-end", "SizeInLBA", 2048 * 512 + 446 + 12),
    (NESTED, "extended-partition-damaged", "StartingLBA", 446 + 8),
    (Gpt([Part(2048, 4095), Part(4000, 5000)]).write(Disk(8 * MIB)), "partition-overlap", "StartingLBA", 1024 + 160),
    (Gpt([Part(2048, 4095), Part(8192, 1 << 20)]).write(Disk(8 * MIB)), "partition-past-end", "EndingLBA", 1024 + 168),
    (Gpt([Part(4095, 2048)]).write(Disk(8 * MIB)), "gpt-partition-range", "EndingLBA", 1024 + 40),
    (damaged(my_lba=9), "gpt-primary-damaged", "HeaderCRC32", 512 + 16),
])
def test_a_problem_shows_the_field_as_it_stands_on_the_disk(disk, code, field, offset):
    found = [problem for problem in volumes.read_table(disk).problems if problem.code == code]
    assert [(problem.field, problem.offset) for problem in found] == [(field, offset)]
    assert found[0].hex == disk.read_at(offset, found[0].length).hex()
