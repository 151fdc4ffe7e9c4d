"""What a partition table gives: its kind, its entries and its problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from imgbuild.model import Partition, Problem
    from imgbuild.readers import Reader


class PartitionTable(msgspec.Struct, frozen=True):
    """A partition table; offsets and sizes of the partitions are bytes of the virtual disk.

    ``sector_size`` is in bytes; ``disk_id`` is the disk's GUID in lower case, or its MBR signature as eight digits.
    ``attributes`` are the attribute bits of a GPT's partitions by their index, where there are any.
    """

    kind: Literal["gpt", "mbr"]
    sector_size: int
    partitions: tuple[Partition, ...]
    problems: tuple[Problem, ...] = ()
    disk_id: str | None = None
    attributes: dict[int, int] = {}


class LogicalVolume(msgspec.Struct, frozen=True):
    """A volume that was put together from partitions, with a reader over its bytes."""

    kind: str
    name: str
    reader: Reader
    problems: tuple[Problem, ...] = ()
