"""NTFS, exFAT, ReFS and BitLocker.

NTFS: off 3 "NTFS    ", 11 bytes per sector (2), 13 sectors per cluster (1), 40 total sectors (8), 48 first cluster of
the $MFT (8), 64 clusters per file record (1, negative: 2^-n bytes), 72 serial number (8). File record 3 is $Volume: it
has the name (attribute 0x60) and the flags (attribute 0x70, bit 0 of its byte 10: dirty).
Linux-NTFS project documentation, https://flatcap.github.io/linux-ntfs/ntfs/files/boot.html and …/ntfs/files/volume.html

exFAT: off 3 "EXFAT   ", 72 VolumeLength in sectors (8), 88 ClusterHeapOffset (4), 96 FirstClusterOfRootDirectory (4),
100 VolumeSerialNumber (4), 106 VolumeFlags (2, bit 1: dirty), 108 BytesPerSectorShift (1), 109 SectorsPerClusterShift
(1). The label is the entry of type 0x83 in the root directory: its length in characters (1), then UTF-16LE.
exFAT file system specification, https://learn.microsoft.com/windows/win32/fileio/exfat-specification
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgbuild.filesystems.superblocks.base import Identity, Start, is_power_of_two, serial, text

if TYPE_CHECKING:
    from collections.abc import Iterator

_TO_GO = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")
_VOLUME_RECORD = 3
_VOLUME_NAME, _VOLUME_INFORMATION, _END = 0x60, 0x70, 0xFFFFFFFF
_RECORD_SIZES = (512, 4096)
_SECTOR = 512
_EXFAT_LABEL = 0x83
_EXFAT_ENTRY = 32
_MAX_ROOT = 32 * 1024


def bitlocker(start: Start) -> Identity | None:
    """Look for a volume that BitLocker has encrypted, on a fixed or a removable disk."""
    name = start.at(3, 8)
    to_go = name == b"MSWIN4.1" and start.at(424, 16) == _TO_GO
    return Identity("bitlocker") if name == b"-FVE-FS-" or to_go else None


def refs(start: Start) -> Identity | None:
    """Look for ReFS."""
    return Identity("refs") if start.at(3, 8) == b"ReFS\0\0\0\0" else None


def ntfs(start: Start) -> Identity | None:
    """Look for NTFS; the label and the dirty flag are read from its $Volume file."""
    sector, cluster = start.number(11, 2), start.number(13, 1)
    cluster = 1 << (256 - cluster) if cluster > 0xF0 else cluster  # noqa: PLR2004 - a negative exponent
    if start.at(3, 8) != b"NTFS    " or not is_power_of_two(sector, 256, 4096) or not is_power_of_two(cluster, 1, 4096):
        return None
    record = record_size(start.number(64, 1), sector * cluster)
    place = start.number(48, 8) * sector * cluster + _VOLUME_RECORD * record
    attributes = dict(_attributes(_fixed_up(start.at(place, record)))) if record and place < start.size else {}
    flags = attributes.get(_VOLUME_INFORMATION, b"")[10:12]
    serial_number = start.number(72, 8)
    return Identity("ntfs", f"{serial_number:016X}" if serial_number else None,
                    text(attributes.get(_VOLUME_NAME, b""), "utf-16-le"), start.number(40, 8) * sector,
                    None if not flags else not flags[0] & 1, readable=True)


def record_size(coded: int, cluster: int) -> int:
    """Return the bytes of a file record, 0 where the field makes no sense."""
    size = 1 << (256 - coded) if coded > 0x80 else coded * cluster  # noqa: PLR2004 - a negative exponent
    return size if is_power_of_two(size, *_RECORD_SIZES) else 0


def _fixed_up(record: bytes) -> bytes:
    """Put back the last two bytes of each sector, which the update sequence array keeps; empty where it is not one."""
    place, count = struct.unpack_from("<HH", record, 4)
    if record[:4] != b"FILE" or count != len(record) // _SECTOR + 1 or place + 2 * count > _SECTOR:
        return b""
    fixed = bytearray(record)
    for index in range(1, count):
        fixed[index * _SECTOR - 2 : index * _SECTOR] = record[place + 2 * index : place + 2 * index + 2]
    return bytes(fixed)


def _attributes(record: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the resident attributes of a file record, type and content."""
    if not record:
        return
    place = int.from_bytes(record[20:22], "little")
    while place + 24 <= len(record):
        kind, length, non_resident = struct.unpack_from("<IIB", record, place)
        if kind == _END or length < 24:  # noqa: PLR2004 - the shortest attribute
            return
        size, offset = struct.unpack_from("<IH", record, place + 16)
        if not non_resident:
            yield kind, record[place + offset : min(place + offset + size, place + length)]
        place += length


def exfat(start: Start) -> Identity | None:
    """Look for exFAT; the label is read from its root directory."""
    sector_shift, cluster_shift = start.number(108, 1), start.number(109, 1)
    if start.at(3, 8) != b"EXFAT   " or not 9 <= sector_shift <= 12 or cluster_shift > 25 - sector_shift:  # noqa: PLR2004 - 512 to 4096 bytes, 32 MiB
        return None
    cluster = 1 << (sector_shift + cluster_shift)
    root = (start.number(88, 4) << sector_shift) + max(0, start.number(96, 4) - 2) * cluster
    return Identity("exfat", serial(start.at(100, 4)), _exfat_label(start.at(root, min(cluster, _MAX_ROOT))),
                    start.number(72, 8) << sector_shift, not start.number(106, 2) & 2)


def _exfat_label(directory: bytes) -> str | None:
    for place in range(0, len(directory), _EXFAT_ENTRY):
        if directory[place] == 0:
            return None
        if directory[place] == _EXFAT_LABEL:
            return text(directory[place + 2 : place + 2 + 2 * min(directory[place + 1], 11)], "utf-16-le")
    return None
