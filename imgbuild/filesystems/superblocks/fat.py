"""FAT12, FAT16 and FAT32.

 off   hex  size  field of the boot sector, little-endian
   0  0x00     3  BS_jmpBoot: EB xx 90 or E9 xx xx
  11  0x0B     2  BPB_BytsPerSec
  13  0x0D     1  BPB_SecPerClus
  14  0x0E     2  BPB_RsvdSecCnt, where the first FAT starts
  16  0x10     1  BPB_NumFATs
  17  0x11     2  BPB_RootEntCnt, 0 on FAT32
  19  0x13     2  BPB_TotSec16
  21  0x15     1  BPB_Media, also the first byte of the FAT
  22  0x16     2  BPB_FATSz16, 0 on FAT32
  32  0x20     4  BPB_TotSec32
  36  0x24     4  BPB_FATSz32, on FAT32
  44  0x2C     4  BPB_RootClus, on FAT32

 FAT12/16  FAT32  size  field
       37     65     1  BS_Reserved1; Linux keeps its dirty flag in bit 0
       38     66     1  BS_BootSig, 0x28 or 0x29 where the next ones are used
       39     67     4  BS_VolID
       43     71    11  BS_VolLab; the entry in the root directory is the one that counts

The count of clusters tells FAT12 (under 4085) and FAT16; a zero BPB_FATSz16 is FAT32, as for Linux. The second entry of
the FAT has a bit that is cleared while the volume is mounted.

Microsoft FAT32 File System Specification 1.03,
https://download.microsoft.com/download/1/6/1/161ba512-40e2-4cc9-843a-923143f3456c/fatgen103.doc
"""

from __future__ import annotations

import struct

import msgspec

from imgbuild.filesystems.superblocks.base import Identity, Start, is_power_of_two, serial, text

_BOOT = struct.Struct("<HBHBHHBH8xII4xI")
_FAT12_CLUSTERS = 4085
_ENTRY = 32
_MAX_ROOT = 32 * 1024
_LABEL, _DIRECTORY, _LONG_NAME = 0x08, 0x10, 0x0F
_DELETED = 0xE5
_CLEAN_BIT = {"fat16": 0x8000, "fat32": 0x08000000}
_FAT_ENTRY_BYTES = {"fat16": 2, "fat32": 4}


class Boot(msgspec.Struct, frozen=True):
    """The BIOS parameter block by the specification's names without their prefix."""

    sector: int
    cluster: int
    reserved: int
    fats: int
    root_entries: int
    sectors_16: int
    media: int
    fat_16: int
    sectors_32: int
    fat_32: int
    root_cluster: int

    @property
    def is_fat32(self) -> bool:
        """Whether it is FAT32: FATSz16 is 0, as for Linux, whatever the count of clusters is."""
        return self.fat_16 == 0

    @property
    def sectors(self) -> int:
        """The sectors of the whole volume."""
        return self.sectors_16 or self.sectors_32

    @property
    def root_start(self) -> int:
        """The byte where the first cluster starts on FAT32, and the root directory on the others."""
        return (self.reserved + self.fats * (self.fat_16 or self.fat_32)) * self.sector

    @property
    def kind(self) -> str:
        """Which FAT it is: fat12, fat16 or fat32."""
        return "fat32" if self.is_fat32 else "fat12" if self.clusters < _FAT12_CLUSTERS else "fat16"

    @property
    def clusters(self) -> int:
        """How many clusters there are for files; the first has the number 2."""
        data = self.sectors - (self.root_start + self.root_entries * _ENTRY + self.sector - 1) // self.sector
        return data // self.cluster


def fat(start: Start) -> Identity | None:
    """Look for a FAT boot sector, strictly: a master boot record can have the same first bytes."""
    boot = read_boot(start.at(0, 64))
    if start.at(0, 1) not in {b"\xeb", b"\xe9"} or not is_valid(boot):
        return None
    if start.at(boot.reserved * boot.sector, 2) != bytes((boot.media, 0xFF)):
        return None
    kind = boot.kind
    place = 64 if boot.is_fat32 else 36
    signed = start.number(place + 2, 1) in {0x28, 0x29}
    return Identity(kind, serial(start.at(place + 3, 4)) if signed else None,
                    _label(start, boot, start.at(place + 7, 11) if start.number(place + 2, 1) == 0x29 else b""),  # noqa: PLR2004 - 0x28 has no label
                    boot.sectors * boot.sector, _is_clean(start, boot, kind, start.number(place + 1, 1)), readable=True)


def read_boot(sector: bytes) -> Boot:
    """Return the parameter block of a boot sector of at least 64 bytes; whether it makes sense is not looked at."""
    return Boot(*_BOOT.unpack_from(sector, 11))


def is_valid(boot: Boot) -> bool:
    """Say whether the values are such as the specification allows."""
    sizes = is_power_of_two(boot.sector, 512, 4096) and is_power_of_two(boot.cluster, 1, 128)
    counts = boot.reserved > 0 and 1 <= boot.fats <= 2 and boot.media >= 0xF0 and boot.sectors > 0  # noqa: PLR2004 - the specification's values
    if not sizes or not counts:
        return False
    root = boot.root_entries == 0 and boot.fat_32 > 0 if boot.is_fat32 else boot.root_entries > 0
    return root and boot.clusters > 0


def _is_clean(start: Start, boot: Boot, kind: str, flags: int) -> bool:
    if kind == "fat12":
        return not flags & 1
    width = _FAT_ENTRY_BYTES[kind]
    entry = start.number(boot.reserved * boot.sector + width, width)
    return not flags & 1 and bool(entry & _CLEAN_BIT[kind])


def _label(start: Start, boot: Boot, fallback: bytes) -> str | None:
    """Return the name that the root directory gives, else that of the boot sector."""
    if boot.is_fat32:
        place = boot.root_start + (max(boot.root_cluster, 2) - 2) * boot.cluster * boot.sector
        length = boot.cluster * boot.sector
    else:
        place, length = boot.root_start, boot.root_entries * _ENTRY
    raw = _label_entry(start.at(place, min(length, _MAX_ROOT))) or fallback
    return None if raw == b"NO NAME    " else text(raw, "cp437")


def _label_entry(directory: bytes) -> bytes | None:
    for place in range(0, len(directory), _ENTRY):
        name, attributes = directory[place : place + 11], directory[place + 11]
        if name[0] == 0:
            return None
        if name[0] != _DELETED and attributes & _LABEL and attributes & (_LONG_NAME | _DIRECTORY) == _LABEL:
            return name
    return None
