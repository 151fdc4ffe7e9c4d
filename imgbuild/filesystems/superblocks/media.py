"""File systems that are written once: ISO 9660, UDF, SquashFS, EROFS, cramfs.

ISO 9660: the primary volume descriptor at 32 KiB: 0 type 1, 1 "CD001", 40 volume identifier (32), 80 volume space size
in blocks (4), 128 logical block size (2), 813 creation and 830 modification date (17, digits).
ECMA-119, section 8.4, https://ecma-international.org/publications-and-standards/standards/ecma-119/
UDF: "NSR02" or "NSR03" among the volume structure descriptors from 32 KiB on, one in each 2048 bytes.
ECMA-167, part 3, section 9.1, https://ecma-international.org/publications-and-standards/standards/ecma-167/
SquashFS: 0 "hsqs", 28 s_major (2), 40 bytes_used (8).
https://www.kernel.org/doc/html/latest/filesystems/squashfs.html
EROFS at 1024: 0 0xE0F5E1E2, 12 blkszbits (1), 36 blocks (4), 48 uuid, 64 volume_name (16).
https://www.kernel.org/doc/html/latest/filesystems/erofs.html
cramfs: 0 0x28CD3D45, 4 size (4), 16 "Compressed ROMFS", 48 name (16).
https://www.kernel.org/doc/html/latest/filesystems/cramfs.html
"""

from __future__ import annotations

from imgbuild.filesystems.superblocks.base import Identity, Start, text, uuid

_DESCRIPTORS = 32 * 1024
_BLOCK = 2048
_MAX_DESCRIPTORS = 16
_DATE_DIGITS = 16


def iso9660(start: Start) -> Identity | None:
    """Look for the primary volume descriptor of ISO 9660."""
    if start.at(_DESCRIPTORS, 6) != b"\1CD001":
        return None
    size = start.number(_DESCRIPTORS + 80, 4) * start.number(_DESCRIPTORS + 128, 2)
    return Identity("iso9660", _date(start.at(_DESCRIPTORS + 830, 16)) or _date(start.at(_DESCRIPTORS + 813, 16)),
                    text(start.at(_DESCRIPTORS + 40, 32)), size, readable=True)


def _date(raw: bytes) -> str | None:
    """Return a date as blkid prints it in place of an identifier: ``2026-11-23-14-15-23-00``."""
    digits = raw.decode("ascii", errors="replace")
    if len(digits) != _DATE_DIGITS or not digits.isdecimal() or not digits.strip("0"):
        return None
    return "-".join((digits[:4], *(digits[place : place + 2] for place in range(4, _DATE_DIGITS, 2))))


def udf(start: Start) -> Identity | None:
    """Look for UDF without an ISO 9660 beside it."""
    for index in range(_MAX_DESCRIPTORS):
        mark = start.at(_DESCRIPTORS + index * _BLOCK + 1, 5)
        if mark in {b"NSR02", b"NSR03"}:
            return Identity("udf", readable=True)
        if mark not in {b"BEA01", b"BOOT2", b"TEA01", b"CD001", b"CDW02"}:
            return None
    return None


def squashfs(start: Start) -> Identity | None:
    """Look for SquashFS."""
    if start.at(0, 4) != b"hsqs" or start.number(28, 2) not in range(1, 5):
        return None
    return Identity("squashfs", size=start.number(40, 8) if start.number(28, 2) == 4 else None)  # noqa: PLR2004 - the version since 2009


def erofs(start: Start) -> Identity | None:
    """Look for EROFS."""
    bits = start.number(1024 + 12, 1)
    if start.number(1024, 4) != 0xE0F5E1E2 or bits not in range(9, 17):  # noqa: PLR2004 - the magic number
        return None
    return Identity("erofs", uuid(start.at(1024 + 48, 16)), text(start.at(1024 + 64, 16)),
                    start.number(1024 + 36, 4) << bits)


def cramfs(start: Start) -> Identity | None:
    """Look for cramfs."""
    if start.number(0, 4) != 0x28CD3D45 or start.at(16, 16) != b"Compressed ROMFS":  # noqa: PLR2004 - the magic number
        return None
    return Identity("cramfs", label=text(start.at(48, 16)), size=start.number(4, 4))
