"""What holds further volumes: LVM2, Linux software RAID, LUKS, dm-verity, dm-integrity, VDO, bcache, Stratis, GELI.

LVM2: "LABELONE" in one of the first four sectors, with "LVM2 001" at 24 and the identifier where 20 says.
LUKS: 0 "LUKS" 0xBA 0xBE, 6 version (2, big-endian), 24 label of version 2 (48), 168 uuid (40, text).
https://gitlab.com/cryptsetup/cryptsetup/-/wikis/Specification and https://gitlab.com/cryptsetup/LUKS2-docs
md: 0xA92B4EFC, little-endian. Versions 1.1, 1.2 and 1.0 at 0, at 4 KiB, and 8 to 12 KiB before the end; 16 set_uuid,
32 set_name (32), 80 size in sectors (8). Version 0.90 64 to 128 KiB before the end; 20, 52, 56, 60 set_uuid0 to 3.
https://raid.wiki.kernel.org/index.php/RAID_superblock_formats
dm-verity: 0 "verity" 0 0, 16 uuid. https://gitlab.com/cryptsetup/cryptsetup/-/wikis/DMVerity
dm-integrity: 0 "integrt" 0. https://www.kernel.org/doc/html/latest/admin-guide/device-mapper/dm-integrity.html
VDO: 0 "dmvdo001", 40 uuid. https://www.kernel.org/doc/html/latest/admin-guide/device-mapper/vdo.html
bcache at 4096: 8 offset, 8 in sectors (8), 24 magic, 40 uuid, 72 label (32). The first bcachefs had the same magic.
https://github.com/torvalds/linux/blob/v6.1/include/uapi/linux/bcache.h
Stratis: 516 a magic of 16 bytes, 532 sectors (8), 544 pool (32 digits), 576 device (32 digits).
https://stratis-storage.github.io/StratisSoftwareDesign.pdf
GELI: "GEOM::ELI" begins the last sector, of 512 or 4096 bytes.
https://cgit.freebsd.org/src/tree/sys/geom/eli/g_eli.h
"""

from __future__ import annotations

import struct

from imgbuild.filesystems.superblocks.base import Identity, Start, text, uuid

_SECTOR = 512
_MD_MAGIC = 0xA92B4EFC
_MD_OLD_RESERVED = 64 * 1024
_BCACHE = bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81")
_STRATIS = b"!Stra0tis\x86\xff\x02^\x41rh"
_GELI = b"GEOM::ELI".ljust(16, b"\0")
_LVM_GROUPS = (6, 4, 4, 4, 4, 4, 6)


def lvm2(start: Start) -> Identity | None:
    """Look for the label of an LVM2 physical volume."""
    for place in range(0, 4 * _SECTOR, _SECTOR):
        if start.at(place, 8) == b"LABELONE" and start.at(place + 24, 8) == b"LVM2 001":
            header = place + min(start.number(place + 20, 4), _SECTOR)
            return Identity("lvm2", _dashed(start.at(header, 32)), size=start.number(header + 32, 8) or None)
    return None


def _dashed(raw: bytes) -> str | None:
    letters, groups = text(raw, "ascii") or "", []
    for length in _LVM_GROUPS:
        groups.append(letters[:length])
        letters = letters[length:]
    return "-".join(groups) if all(groups) else None


def luks(start: Start) -> Identity | None:
    """Look for LUKS of version 1 or 2."""
    version = start.number(6, 2, "big")
    if start.at(0, 6) != b"LUKS\xba\xbe" or version not in {1, 2}:
        return None
    label = text(start.at(24, 48)) if version == 2 else None  # noqa: PLR2004 - version 1 has none
    return Identity("luks", text(start.at(168, 40)), label)


def raid(start: Start) -> Identity | None:
    """Look for a member of a Linux software RAID; its superblock may be at the end."""
    sectors = start.size // _SECTOR
    ends = ((sectors - 16) & ~7) * _SECTOR if sectors > 16 else 0  # noqa: PLR2004 - 8 KiB, by 4 KiB
    for place in dict.fromkeys((0, 4096, ends)):
        if start.number(place, 4) == _MD_MAGIC and start.number(place + 4, 4) == 1:
            return Identity("md", uuid(start.at(place + 16, 16)), text(start.at(place + 32, 32)))
    old = start.size // _MD_OLD_RESERVED * _MD_OLD_RESERVED - _MD_OLD_RESERVED
    if old >= 0 and start.number(old, 4) == _MD_MAGIC and start.number(old + 4, 4) == 0:
        words = struct.unpack("<4I", start.at(old + 20, 4) + start.at(old + 52, 12))
        return Identity("md", uuid(struct.pack(">4I", *words)))
    return None


def verity(start: Start) -> Identity | None:
    """Look for the hash tree of dm-verity."""
    return Identity("verity", uuid(start.at(16, 16))) if start.at(0, 8) == b"verity\0\0" else None


def integrity(start: Start) -> Identity | None:
    """Look for dm-integrity, which has no identifier."""
    return Identity("integrity") if start.at(0, 8) == b"integrt\0" else None


def vdo(start: Start) -> Identity | None:
    """Look for a volume of VDO."""
    return Identity("vdo", uuid(start.at(40, 16))) if start.at(0, 8) == b"dmvdo001" else None


def bcache(start: Start) -> Identity | None:
    """Look for a device of bcache, be it the cache or what is cached."""
    if start.at(4096 + 24, 16) != _BCACHE or start.number(4096 + 8, 8) != 4096 // _SECTOR:
        return None
    return Identity("bcache", uuid(start.at(4096 + 40, 16)), text(start.at(4096 + 72, 32)))


def stratis(start: Start) -> Identity | None:
    """Look for a device of a Stratis pool; the identifier is the device's."""
    if start.at(_SECTOR + 4, 16) != _STRATIS:
        return None
    digits = text(start.at(_SECTOR + 64, 32), "ascii") or ""
    groups = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return Identity("stratis", "-".join(groups), size=start.number(_SECTOR + 20, 8) * _SECTOR)


def geli(start: Start) -> Identity | None:
    """Look for a provider that FreeBSD encrypts."""
    end = start.size // _SECTOR * _SECTOR
    marks = (start.at(end - sector, 16) for sector in (_SECTOR, 4096))
    return Identity("geli") if _GELI in marks else None
