"""What may lie in the first sectors of a file besides the format that claims it: partition tables and programs.

Detection needs it to tell a polyglot from an isohybrid, and the ISO reader to say which of the two it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe

# Master boot record: four entries of 16 bytes from 446 on (0 status, 4 type, 8 first sector, 12 sectors), then 55 aa.
# GPT header in the second sector: "EFI PART". UEFI Specification 2.10, chapter 5,
# https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html

_ENTRIES = range(446, 510, 16)
_STATUS = (0x00, 0x80)


def partition_table(probe: Probe) -> Literal["gpt", "mbr"] | None:
    """Return the kind of partition table in the first sectors; a boot sector without a partition is none."""
    if not _has_mbr(probe):
        return None
    return "gpt" if probe.at(512, 8) == b"EFI PART" or probe.at(4096, 8) == b"EFI PART" else "mbr"


def _has_mbr(probe: Probe) -> bool:
    entries = [probe.at(offset, 16) for offset in _ENTRIES]
    return (probe.at(510, 2) == b"\x55\xaa" and all(entry[0] in _STATUS for entry in entries)
            and any(entry[4] != 0 and any(entry[12:16]) for entry in entries))


def program(probe: Probe) -> Literal["elf", "pe"] | None:
    """Return the kind of program that the file begins as: an ELF or a PE (Windows, UEFI) executable."""
    if probe.at(0, 4) == b"\x7fELF":
        return "elf"
    header = int.from_bytes(probe.at(0x3C, 4), "little")
    return "pe" if probe.at(0, 2) == b"MZ" and probe.at(header, 4) == b"PE\0\0" else None
