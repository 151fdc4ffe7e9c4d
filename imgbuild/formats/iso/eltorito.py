"""The El Torito boot catalog: its sector in, the boot entries with their platforms out.

Documents: "El Torito" Bootable CD-ROM Format Specification 1.0, January 1995, section 2,
https://pdos.csail.mit.edu/6.828/2014/readings/boot-cdrom.pdf; platform 0xEF is from the UEFI Specification, 13.3.2.1
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgbuild.readers import problem, read_clipped

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# Entries of 32 bytes
# Validation: 0 header ID 1 · 1 platform · 28 checksum: all words add up to 0 · 30 key 55 aa
# Boot entry: 0 boot indicator 0x88 or 0 · 1 media type · 6 sector count (2) · 8 load RBA (4)
# Section header: 0 0x90, 0x91 the last · 1 platform · 2 number of entries (2)
# Extension: 0 0x44

_SECTOR = 2048
_ENTRY = 32
_BOOTABLE = 0x88
_SECTION, _LAST_SECTION, _EXTENSION = 0x90, 0x91, 0x44
_PLATFORMS = {0x00: "bios", 0x01: "ppc", 0x02: "mac", 0xEF: "uefi"}
_MEDIA = {0: "no emulation", 1: "1.2 MB floppy", 2: "1.44 MB floppy", 3: "2.88 MB floppy", 4: "hard disk"}


class Catalog(NamedTuple):
    """The boot entries in their order, and what is wrong with the catalog."""

    entries: tuple[dict[str, object], ...] = ()
    problems: tuple[Problem, ...] = ()


def read(reader: Reader, sector: int | None) -> Catalog:
    """Read the catalog at ``sector``, which the boot record names; one sector holds up to 64 entries."""
    if sector is None:
        return Catalog()
    offset = sector * _SECTOR
    raw = read_clipped(reader, offset, _SECTOR)
    if not _valid(raw[:_ENTRY]):
        return Catalog(problems=(problem(
            "iso-boot-catalog-invalid", f"the boot catalog at sector {sector} is damaged or behind the end of the file;"
                                        " no firmware can boot the disc", field="Validation Entry", offset=offset,
            raw=raw[:_ENTRY] or None),))
    return Catalog((_entry(raw[_ENTRY : 2 * _ENTRY], raw[1]), *_sections(raw)))


def _valid(raw: bytes) -> bool:
    words = sum(int.from_bytes(raw[at : at + 2], "little") for at in range(0, _ENTRY, 2))
    return len(raw) == _ENTRY and raw[0] == 1 and raw[30:32] == b"\x55\xaa" and words & 0xFFFF == 0


def _sections(raw: bytes) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    at, platform, left, last = 2 * _ENTRY, 0, 0, False
    while at + _ENTRY <= len(raw):
        entry = raw[at : at + _ENTRY]
        at += _ENTRY
        if left and entry[0] != _EXTENSION:
            entries.append(_entry(entry, platform))
            left -= 1
        elif not left and not last and entry[0] in (_SECTION, _LAST_SECTION):
            platform, left, last = entry[1], int.from_bytes(entry[2:4], "little"), entry[0] == _LAST_SECTION
        elif entry[0] != _EXTENSION:
            break
    return entries


def _entry(raw: bytes, platform: int) -> dict[str, object]:
    return {"platform": _PLATFORMS.get(platform, f"{platform:#04x}"), "bootable": raw[:1] == bytes([_BOOTABLE]),
            "media": _MEDIA.get(raw[1] & 0xF, "unknown"), "sector_count": int.from_bytes(raw[6:8], "little"),
            "load_rba": int.from_bytes(raw[8:12], "little")}
