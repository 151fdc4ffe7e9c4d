"""A writer of VHDX for tests: whole disks, and single structures with fields that no good writer would set.

The checksum is computed byte by byte over a table, as RFC 3720 has it, not by the code under test.

"[MS-VHDX]: Virtual Hard Disk v2 (VHDX) File Format",
https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass, field, replace
from functools import lru_cache

from sparse import File

KIB, MIB = 1 << 10, 1 << 20
HEADERS, TABLES = (64 * KIB, 128 * KIB), (192 * KIB, 256 * KIB)
LOG, METADATA, BAT, BLOCKS = MIB, 2 * MIB, 3 * MIB, 4 * MIB
NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED, FULLY_PRESENT, PARTIALLY_PRESENT = 0, 1, 2, 3, 6, 7
LEAVE_BLOCK_ALLOCATED, HAS_PARENT = 1, 2
IS_USER, IS_VIRTUAL_DISK, IS_REQUIRED = 1, 2, 4

BAT_REGION, METADATA_REGION = "2dc27766-f623-4200-9d64-115e9bfd4a08", "8b7ca206-4790-4b9a-b8fe-575f050f886e"
FILE_PARAMETERS, VIRTUAL_DISK_SIZE = "caa16737-fa36-4d43-b3b6-33f0aa44e76b", "2fa54224-cd1b-4876-b211-5dbed83bf4b8"
VIRTUAL_DISK_ID, LOGICAL_SECTOR_SIZE = "beca12ab-b2e6-4523-93ef-c309e000c746", "8141bf1d-a96f-4709-ba47-f233a8faab5f"
PHYSICAL_SECTOR_SIZE, PARENT_LOCATOR = "cda348c7-445d-4471-9cc9-e9885251c556", "a8d35f2d-b30b-454d-abf7-d3d84834ab0c"
VHDX_PARENT = "b04aefb7-d19e-4a81-b789-25b8e9445913"
LOG_GUID = "11111111-2222-3333-4444-555555555555"
NO_GUID = "00000000-0000-0000-0000-000000000000"


def guid(text: str) -> bytes:
    return uuid.UUID(text).bytes_le


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # noqa: PLW2901 - the register that is shifted
        table.append(value)
    return table


_TABLE = _crc_table()


@lru_cache(64)
def crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def seal(raw: bytes, at: int = 4) -> bytes:
    """Return a structure with its checksum renewed."""
    raw = raw[:at] + bytes(4) + raw[at + 4 :]
    return raw[:at] + crc32c(raw).to_bytes(4, "little") + raw[at + 4 :]


def resealed(file: File, at: int, length: int) -> File:
    """Return the file with the checksum of the structure at ``at`` renewed."""
    return file.patch({at: seal(file.read_at(at, length))})


def header(*, sequence: int = 7, log_guid: str = NO_GUID, log_version: int = 0, version: int = 1,  # noqa: PLR0913 - any field may be wrong
           log_length: int = MIB, log_offset: int = LOG, signature: bytes = b"head",
           data_write_guid: bytes = bytes(range(16, 32))) -> bytes:
    fields = struct.pack("<4sIQ16s16s16sHHIQ", signature, 0, sequence, bytes(range(16)), data_write_guid,
                         guid(log_guid), log_version, version, log_length, log_offset)
    return seal(fields.ljust(4096, b"\0"))


def region_entry(name: str, offset: int, length: int = MIB, required: int = 1) -> bytes:
    return guid(name) + struct.pack("<QII", offset, length, required)


def region_table(entries: list[bytes], *, count: int | None = None, signature: bytes = b"regi") -> bytes:
    head = signature + bytes(4) + (len(entries) if count is None else count).to_bytes(4, "little") + bytes(4)
    return seal((head + b"".join(entries)).ljust(64 * KIB, b"\0"))


def metadata_entry(name: str, offset: int, length: int, flags: int = IS_REQUIRED) -> bytes:
    return guid(name) + struct.pack("<IIII", offset, length, flags, 0)


def metadata_table(entries: list[bytes], *, count: int | None = None, signature: bytes = b"metadata") -> bytes:
    number = len(entries) if count is None else count
    return signature + bytes(2) + number.to_bytes(2, "little") + bytes(20) + b"".join(entries)


def metadata_region(items: list[tuple[str, bytes, int]]) -> bytes:
    """Return a region with the items: name, value, flags."""
    entries, values = [], b""
    for name, value, flags in items:
        entries.append(metadata_entry(name, 64 * KIB + len(values), len(value), flags))
        values += value
    return metadata_table(entries).ljust(64 * KIB, b"\0") + values


def parent_locator(pairs: dict[str, str]) -> bytes:
    at, entries, texts = 20 + 12 * len(pairs), b"", b""
    for key, value in pairs.items():
        one, other = key.encode("utf-16-le"), value.encode("utf-16-le")
        entries += struct.pack("<IIHH", at + len(texts), at + len(texts) + len(one), len(one), len(other))
        texts += one + other
    return guid(VHDX_PARENT) + struct.pack("<HH", 0, len(pairs)) + entries + texts


@dataclass
class Log:
    """A log entry: what it writes (``None`` instead of 4 KiB: so many zeros) and where in the log it stands."""

    sequence: int
    changes: list[tuple[int, bytes | int]] = field(default_factory=list)
    tail: int = 0
    log_guid: str = LOG_GUID
    flushed: int = 0
    last: int = 0

    def encode(self) -> bytes:
        descriptors, sectors = b"", b""
        for offset, change in self.changes:
            if isinstance(change, int):
                descriptors += struct.pack("<4s4xQQQ", b"zero", change, offset, self.sequence)
            else:
                descriptors += struct.pack("<4s4s8sQQ", b"desc", change[-4:], change[:8], offset, self.sequence)
                sectors += struct.pack("<4sI4084sI", b"data", self.sequence >> 32, change[8:-4],
                                       self.sequence & 0xFFFFFFFF)
        head_bytes = -(-(64 + len(descriptors)) // 4096) * 4096
        fields = struct.pack("<4sIIIQII16sQQ", b"loge", 0, head_bytes + len(sectors), self.tail, self.sequence,
                             len(self.changes), 0, guid(self.log_guid), self.flushed, self.last)
        return seal((fields + descriptors).ljust(head_bytes, b"\0") + sectors)


@dataclass
class Disk:
    """A disk to be written. ``blocks`` by number: the state, and the content for those that are present."""

    size: int = 3 * MIB
    block_size: int = MIB
    sector: int = 512
    flags: int = 0
    blocks: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    bitmaps: dict[int, bytes] = field(default_factory=dict)
    """Sector bitmap blocks by the number of their chunk, from their first byte on."""
    data_write_guid: bytes = bytes(range(16, 32))
    log_guid: str = NO_GUID
    log: bytes = b""
    extra_items: list[tuple[str, bytes, int]] = field(default_factory=list)
    extra_regions: list[bytes] = field(default_factory=list)

    def but(self, **changes: object) -> Disk:
        return replace(self, **changes)

    @property
    def items(self) -> list[tuple[str, bytes, int]]:
        return [(FILE_PARAMETERS, struct.pack("<II", self.block_size, self.flags), IS_REQUIRED),
                (VIRTUAL_DISK_SIZE, struct.pack("<Q", self.size), IS_REQUIRED | IS_VIRTUAL_DISK),
                (VIRTUAL_DISK_ID, bytes(range(16)), IS_REQUIRED | IS_VIRTUAL_DISK),
                (LOGICAL_SECTOR_SIZE, struct.pack("<I", self.sector), IS_REQUIRED | IS_VIRTUAL_DISK),
                (PHYSICAL_SECTOR_SIZE, struct.pack("<I", 4096), IS_REQUIRED | IS_VIRTUAL_DISK), *self.extra_items]

    def index(self, block: int) -> int:
        """Return the number of a block's entry: behind each chunk stands one of a sector bitmap."""
        ratio = (1 << 23) * self.sector // self.block_size
        return block + block // ratio

    def bat_bytes(self) -> int:
        entries = self.index(max(0, -(-self.size // self.block_size) - 1)) + 1
        return -(-entries * 8 // MIB) * MIB

    def file(self) -> File:
        blocks_at = BAT + self.bat_bytes()
        regions = region_table([region_entry(BAT_REGION, BAT, self.bat_bytes()),
                                region_entry(METADATA_REGION, METADATA), *self.extra_regions])
        pieces = [(0, b"vhdxfile" + "imgbuild".encode("utf-16-le")), (LOG, self.log),
                  *((at, header(sequence=7 + number, log_guid=self.log_guid, data_write_guid=self.data_write_guid))
                    for number, at in enumerate(HEADERS)),
                  *((at, regions) for at in TABLES), (METADATA, metadata_region(self.items))]
        for block, (state, content) in self.blocks.items():
            place = blocks_at if content else 0
            pieces.append((BAT + 8 * self.index(block), (place | state).to_bytes(8, "little")))
            if content:
                pieces.append((place, content))
                blocks_at += self.block_size
        for chunk, bits in self.bitmaps.items():
            ratio = (1 << 23) * self.sector // self.block_size
            pieces += [(BAT + 8 * (chunk * (ratio + 1) + ratio), (blocks_at | FULLY_PRESENT).to_bytes(8, "little")),
                       (blocks_at, bits)]
            blocks_at += MIB
        return File(blocks_at, pieces)
