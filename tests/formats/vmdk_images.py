"""VMDK images made byte by byte, so that every field can be wrong.

Layout in sectors: 0 header, 1 to 20 descriptor, then the redundant grain directory with its tables, the grain directory
with its tables (each of them in whole sectors), the grains, and the footer where there is one.
"""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass, field

from imgbuild.formats.vmdk.container import open_vmdk
from imgbuild.readers import Memory

SECTOR = 512
FIELDS = {
    "magicNumber": (0, "4s"), "version": (4, "<I"), "flags": (8, "<I"), "capacity": (12, "<Q"), "grainSize": (20, "<Q"),
    "descriptorOffset": (28, "<Q"), "descriptorSize": (36, "<Q"), "numGTEsPerGT": (44, "<I"), "rgdOffset": (48, "<Q"),
    "gdOffset": (56, "<Q"), "overHead": (64, "<Q"), "uncleanShutdown": (72, "B"), "checkBytes": (73, "4s"),
    "compressAlgorithm": (77, "<H"),
}
AT_END = (1 << 64) - 1
TEXT = """# Disk DescriptorFile
version=1
CID=12345678
parentCID=ffffffff
createType="{create_type}"

# Extent description
{extents}

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.adapterType = "ide"
"""


def text(*extents: str, create_type: str = "monolithicSparse") -> str:
    """Return a descriptor with these extent lines."""
    return TEXT.format(create_type=create_type, extents="\n".join(extents))


def patch(image: bytes, at: int = 0, **fields: int | bytes) -> bytes:
    """Return the image with fields of the header that stands at byte ``at`` overwritten."""
    changed = bytearray(image)
    for name, value in fields.items():
        offset, form = FIELDS[name]
        struct.pack_into(form, changed, at + offset, value)
    return bytes(changed)


def put(image: bytes, offset: int, data: bytes) -> bytes:
    """Return the image with ``data`` at ``offset``."""
    return image[:offset] + data + image[offset + len(data):]


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % SECTOR)


@dataclass
class Builder:
    """Grains in the order of the disk: bytes, ``None`` for one that is not there, ``"zeroed"`` for a zeroed one."""

    grains: list[bytes | str | None]
    grain_sectors: int = 8
    entries: int = 4
    compressed: bool = False
    footer: bool = False
    redundant: bool = True
    capacity: int | None = None
    descriptor: str | None = None
    places: list[int] = field(default_factory=list)

    @property
    def sectors(self) -> int:
        return len(self.grains) * self.grain_sectors if self.capacity is None else self.capacity

    @property
    def content(self) -> bytes:
        """What the guest should see."""
        size = self.grain_sectors * SECTOR
        return b"".join(grain.ljust(size, b"\0") if isinstance(grain, bytes) else bytes(size)
                        for grain in self.grains)[: self.sectors * SECTOR]

    @property
    def tables(self) -> int:
        return -(-len(self.grains) // self.entries)

    @property
    def directory_sectors(self) -> int:
        return -(-self.tables * 4 // SECTOR)

    @property
    def copy_sectors(self) -> int:
        """The sectors of one grain directory with its tables."""
        return self.directory_sectors + self.tables * -(-self.entries * 4 // SECTOR)

    @property
    def copies(self) -> int:
        return 2 if self.redundant else 1

    @property
    def directory(self) -> int:
        """The byte at which the grain directory stands."""
        return (21 + (self.copies - 1) * self.copy_sectors) * SECTOR

    @property
    def first_table(self) -> int:
        """The byte at which the first grain table stands."""
        return self.directory + self.directory_sectors * SECTOR

    def header(self, directory: int) -> bytes:
        flags = 1 | 2 * self.redundant | 4 * ("zeroed" in self.grains) | 0x30000 * self.compressed
        raw = struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", 3 if self.compressed else 1, flags, self.sectors,
                          self.grain_sectors, 1, 20, self.entries, 21 if self.redundant else 0, directory,
                          21 + self.copies * self.copy_sectors, 0, b"\n \r\n", self.compressed)
        return raw.ljust(SECTOR, b"\0")

    def image(self) -> bytes:
        entries, data = self._data(21 + self.copies * self.copy_sectors)
        copies = b"".join(self._copy(21 + number * self.copy_sectors, entries) for number in range(self.copies))
        line = f'RW {self.sectors} SPARSE "disk.vmdk"'
        words = self.descriptor or text(line, create_type="streamOptimized" if self.compressed else "monolithicSparse")
        directory = self.directory // SECTOR
        start = self.header(AT_END if self.footer else directory) + words.encode("latin-1").ljust(20 * SECTOR, b"\0")
        return start + copies + data + (self._footer(directory) if self.footer else b"")

    def _footer(self, directory: int) -> bytes:
        return struct.pack("<QII", 1, 0, 3).ljust(SECTOR, b"\0") + self.header(directory) + bytes(SECTOR)

    def _data(self, start: int) -> tuple[list[int], bytes]:
        entries, data = [], b""
        for number, grain in enumerate(self.grains):
            if isinstance(grain, bytes):
                entries.append(start + len(data) // SECTOR)
                data += self._pack(number, grain)
            else:
                entries.append(1 if grain else 0)
        self.places = entries
        return entries, data

    def _pack(self, number: int, grain: bytes) -> bytes:
        if not self.compressed:
            return grain.ljust(self.grain_sectors * SECTOR, b"\0")
        return grain_of(number * self.grain_sectors, zlib.compress(grain))

    def _copy(self, start: int, entries: list[int]) -> bytes:
        length = -(-self.entries * 4 // SECTOR)
        tables = [entries[first : first + self.entries] for first in range(0, len(entries), self.entries)]
        places = [start + self.directory_sectors + number * length if any(table) else 0
                  for number, table in enumerate(tables)]
        packed = [struct.pack(f"<{len(table)}I", *table).ljust(length * SECTOR, b"\0") for table in tables]
        return padded(struct.pack(f"<{len(places)}I", *places)) + b"".join(packed)


def grain_of(sector: int, data: bytes) -> bytes:
    """Return a compressed grain with its marker, in whole sectors."""
    return padded(struct.pack("<QI", sector, len(data)) + data)


def letters(pattern: str, grain_sectors: int = 8) -> list[bytes | str | None]:
    """Return a grain for each letter: ``.`` is not there, ``0`` is zeroed, others fill a grain."""
    return [{".": None, "0": "zeroed"}.get(letter, letter.encode() * grain_sectors * SECTOR) for letter in pattern]


def plain(pattern: str = "ab.cdef", **options) -> Builder:
    return Builder(letters(pattern), **options)


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a seed, so that each run tries the same


def opened(image: bytes):
    return open_vmdk(Memory(image))


def codes(image: bytes) -> list[str]:
    return [problem.code for problem in opened(image).problems]


def whole(image: bytes) -> bytes:
    disk = opened(image)
    return disk.read_at(0, disk.size)
