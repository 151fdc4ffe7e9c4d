"""Disks for tests of partition tables: bytes put where a test wants them, and partition tables laid down by hand.

Layouts: UEFI 2.10, sections 5.2.1, 5.3.2 and 5.3.3, https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from imgbuild.readers import check_range

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
DISK_GUID = "3B0E6E0C-5E0B-4C5E-9C55-5B3B3A0A7C01"


class Disk:
    """A disk of any size: zeros, and what was written over them, the latest on top."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.reads: list[tuple[int, int]] = []
        self._written: list[tuple[int, bytes]] = []

    def write(self, offset: int, data: bytes) -> Disk:
        self._written.append((offset, data))
        return self

    def read_at(self, offset: int, length: int) -> bytes:
        check_range(self.size, offset, length, "the disk")
        self.reads.append((offset, length))
        found = bytearray(length)
        for start, data in self._written:
            first, end = max(start, offset), min(start + len(data), offset + length)
            if first < end:
                found[first - offset : end - offset] = data[first - start : end - start]
        return bytes(found)

    def save(self, path: Path) -> Path:
        with path.open("wb") as file:
            for offset, data in self._written:
                file.seek(offset)
                file.write(data)
            file.truncate(self.size)
        return path


def record(os_type: int, start: int, size: int, boot: int = 0, chs: bytes = b"\0\2\0") -> bytes:
    """Return a partition record; its start in cylinders, heads and sectors is that of block 1 unless said otherwise."""
    return struct.pack("<B3sB3xII", boot, chs, os_type, start, size)


def boot_sector(*records: bytes, signature: int = 0, code: bytes = b"") -> bytes:
    """Return a sector with up to four partition records."""
    head = code.ljust(440, b"\0")[:440] + struct.pack("<I", signature) + bytes(2)
    return head + b"".join(records).ljust(64, b"\0") + b"\x55\xaa"


@dataclass(frozen=True)
class Part:
    """An entry of a GPT; blocks, the last one included."""

    first: int
    last: int
    type: str = LINUX
    unique: str = ""
    name: str | bytes = ""
    attributes: int = 0

    def pack(self, number: int, size: int) -> bytes:
        unique = UUID(self.unique or f"c0ffee00-0000-4000-8000-{number:012d}")
        name = self.name if isinstance(self.name, bytes) else self.name.encode("utf-16-le")
        return struct.pack("<16s16sQQQ72s", UUID(self.type).bytes_le, unique.bytes_le, self.first, self.last,
                           self.attributes, name).ljust(size, b"\0")


@dataclass
class Gpt:
    """A GUID partition table; ``None`` stands for what a tool would write."""

    parts: Sequence[Part]
    sector: int = 512
    count: int = 128
    entry_size: int = 128
    alternate: int | None = None
    first_usable: int | None = None
    last_usable: int | None = None
    guid: str = DISK_GUID
    header_size: int = 92

    @property
    def entries(self) -> bytes:
        used = b"".join(part.pack(number, self.entry_size) for number, part in enumerate(self.parts, 1))
        return used.ljust(self.count * self.entry_size, b"\0")

    @property
    def blocks(self) -> int:
        """How many blocks the entries take."""
        return -(-self.count * self.entry_size // self.sector)

    def header(self, my_lba: int, alternate: int, entry_lba: int, last: int, /, **changes: int) -> bytes:
        """Return a header; ``changes`` overrides count, entry_size, my_lba, entry_lba, header_size."""
        values = {"count": self.count, "entry_size": self.entry_size, "my_lba": my_lba, "entry_lba": entry_lba,
                  "header_size": self.header_size, **changes}
        first = 2 + self.blocks if self.first_usable is None else self.first_usable
        end = last - self.blocks - 1 if self.last_usable is None else self.last_usable
        body = struct.pack("<QQQQ16sQIII", values["my_lba"], alternate, first, end, UUID(self.guid).bytes_le,
                           values["entry_lba"], values["count"], values["entry_size"], zlib.crc32(self.entries))
        start = b"EFI PART" + struct.pack("<II", 0x10000, values["header_size"])
        padded = (start + bytes(8) + body).ljust(values["header_size"], b"\0")[: max(values["header_size"], 20)]
        return start + struct.pack("<II", zlib.crc32(padded), 0) + body

    def write(self, disk: Disk, *, protective: bool = True, primary: bool = True, backup: bool = True,
              **changes: int) -> Disk:
        """Lay both copies down on ``disk``."""
        last = disk.size // self.sector - 1 if self.alternate is None else self.alternate
        if protective:
            disk.write(0, boot_sector(record(0xEE, 1, min(disk.size // self.sector - 1, 0xFFFFFFFF))))
        if primary:
            disk.write(self.sector, self.header(1, last, 2, last, **changes)).write(2 * self.sector, self.entries)
        if backup:
            entry_lba = last - self.blocks
            disk.write(last * self.sector, self.header(last, 1, entry_lba, last))
            disk.write(entry_lba * self.sector, self.entries)
        return disk
