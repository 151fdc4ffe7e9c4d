"""Partition tables and volumes: virtual disk in, partitions and logical volumes with readers over their bytes out.

Modules: ``gpt`` and ``mbr`` (partition tables), ``lvm`` (logical volumes), ``types`` (names of partition types).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.readers import Slice, problem
from imgbuild.volumes import gpt, mbr

if TYPE_CHECKING:
    from imgbuild.model import Partition
    from imgbuild.readers import Reader
    from imgbuild.volumes.base import PartitionTable


def read_table(disk: Reader) -> PartitionTable | None:
    """Return the partition table that a system would use, GPT before MBR, or ``None`` where there is none.

    Raises:
        BrokenImage: The disk itself cannot be read at its start or its end.
    """
    return gpt.read(disk) or _mbr(disk)


def _mbr(disk: Reader) -> PartitionTable | None:
    table = mbr.read(disk)
    if table is None or not gpt.remains(disk):
        return table
    leftover = problem("gpt-leftover", "there is a GPT beside an MBR that does not name it: systems use the MBR")
    return msgspec.structs.replace(table, problems=(*table.problems, leftover))


def open_partition(disk: Reader, partition: Partition) -> Slice:
    """Return a reader over a partition; it is shorter than the table says where the disk ends before it does."""
    start = min(partition.start, disk.size)
    return Slice(disk, start, min(partition.size, disk.size - start))
