"""The region tables of a VHDX: an open file in, the places of the BAT and of the metadata out.

The table stands twice in the file. QEMU reads the first copy alone, Hyper-V takes the second where the first is
damaged, so two whole copies that differ are two disks in one file.

[MS-VHDX] section 2.2.3 "Region Table", https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.crc32c import checksum
from imgbuild.formats.vhdx.fields import ALIGNMENT, guid_text, number, stored_guid
from imgbuild.readers import BrokenImage, problem
from imgbuild.sizes import KIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.formats.vhdx.header import Header
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# Region table, 64 KiB, at 192 KiB and at 256 KiB
#
#  off   hex  size  field
#    0  0x00     4  Signature, always b"regi"
#    4  0x04     4  Checksum: CRC-32C of the 64 KiB
#    8  0x08     4  EntryCount, at most 2047
#   12  0x0c     4  Reserved
#   16  0x10        entries of 32 bytes: 0 Guid (16) · 16 FileOffset (8) · 24 Length (4) · 28 Required (4)
TABLES_AT = (192 * KIB, 256 * KIB)
TABLE_BYTES = 64 * KIB
MAX_ENTRIES = 2047
_SIGNATURE = b"regi"
_CHECKSUM_AT = 4
_FIELDS = {"Signature": (0, 4), "Checksum": (4, 4), "EntryCount": (8, 4)}
_ENTRIES_AT = 16
_ENTRY = struct.Struct("<16sQII")
_ENTRY_FIELDS = {"Guid": (0, 16), "FileOffset": (16, 8), "Length": (24, 4), "Required": (28, 4)}

BAT = stored_guid("2dc27766-f623-4200-9d64-115e9bfd4a08")
METADATA = stored_guid("8b7ca206-4790-4b9a-b8fe-575f050f886e")
_NAMES = {BAT: "BAT", METADATA: "metadata"}


class Region(NamedTuple):
    """An entry of the region table as it stands at byte ``at`` of the file; offset and length in bytes."""

    at: int
    raw: bytes
    guid: bytes
    file_offset: int
    length: int
    required: int

    @property
    def end(self) -> int:
        """The byte behind the region."""
        return self.file_offset + self.length

    @property
    def name(self) -> str:
        """What the region is, for people."""
        return f"{_NAMES[self.guid]} region" if self.guid in _NAMES else f"region {guid_text(self.guid)}"

    def broken(self, code: str, message: str, field: str) -> BrokenImage:
        """Return a BrokenImage with ``field`` as its evidence."""
        start, length = _ENTRY_FIELDS[field]
        return BrokenImage(problem(code, message, field=field, offset=self.at + start,
                                   raw=self.raw[start : start + length]))

    def facts(self) -> dict[str, Any]:
        """Return the fields as they are shown."""
        return {"guid": guid_text(self.guid), "file_offset": self.file_offset, "length": self.length,
                "required": bool(self.required & 1)}


def read_regions(reader: Reader) -> tuple[list[Region], list[Problem]]:
    """Return the entries of the table that counts, and what is wrong with the copies.

    Raises:
        BrokenImage: ``truncated`` where the file ends before the tables do, ``header-invalid`` where neither copy is
            whole or the table has too many entries.
    """
    copies = [reader.read_at(at, TABLE_BYTES) for at in TABLES_AT]
    same = copies[0] == copies[1]
    first = _is_whole(copies[0])
    second = first if same else _is_whole(copies[1])
    if not first and not second:
        raise _table_broken("neither of the two region tables is whole: a signature or a checksum is wrong in each",
                            0, copies[0], "Checksum")
    problems = list(_compare(copies, same=same, first=first, second=second))
    chosen = 0 if first else 1
    return list(_entries(TABLES_AT[chosen], copies[chosen])), problems


def _is_whole(raw: bytes) -> bool:
    return raw.startswith(_SIGNATURE) and checksum(raw, _CHECKSUM_AT) == number(raw[4:8])


def _compare(copies: list[bytes], *, same: bool, first: bool, second: bool) -> Iterator[Problem]:
    if not first:
        yield _table_broken("the first region table is damaged, and QEMU reads no other; the second one is used", 0,
                            copies[0], "Checksum", "checksum-mismatch").problem
    elif not second:
        yield _table_broken("the second region table is damaged; the first one is used", 1, copies[1], "Checksum",
                            "vhdx-copy-damaged").problem
    elif not same:
        yield _table_broken("the two region tables are whole, but they differ: what is read depends on the reader", 1,
                            copies[1], "Checksum", "vhdx-copies-differ").problem


def _table_broken(message: str, copy: int, raw: bytes, field: str, code: str = "header-invalid") -> BrokenImage:
    start, length = _FIELDS[field]
    return BrokenImage(problem(code, message, field=field, offset=TABLES_AT[copy] + start,
                               raw=raw[start : start + length]))


def _entries(at: int, raw: bytes) -> Iterator[Region]:
    count = number(raw[8:12])
    if count > MAX_ENTRIES:
        raise _table_broken(f"the region table has {count} entries, but {MAX_ENTRIES} are the most",
                            TABLES_AT.index(at), raw, "EntryCount")
    for start in range(_ENTRIES_AT, _ENTRIES_AT + count * _ENTRY.size, _ENTRY.size):
        entry = raw[start : start + _ENTRY.size]
        yield Region(at + start, entry, *_ENTRY.unpack(entry))


def check_regions(regions: list[Region], header: Header, file_size: int) -> None:
    """Check that the regions are known, lie in the file, and lie apart from each other, the headers and the log.

    Raises:
        BrokenImage: ``unknown-feature`` for a required region that is not known, ``truncated``, ``header-invalid``.
    """
    for region in regions:
        _check_place(region, file_size)
        if region.required & 1 and region.guid not in _NAMES:
            message = f"the file cannot be read without the {region.name}, which is not known"
            raise region.broken("unknown-feature", message, "Guid")
    _check_twins(regions)
    placed: list[tuple[int, int, Region | None]] = [(region.file_offset, region.end, region) for region in regions]
    if header.log_length:
        placed.insert(0, (header.log_offset, header.log_offset + header.log_length, None))
    for (_, end, one), (start, _, other) in pairwise(sorted(placed, key=lambda entry: entry[:2])):
        culprit = other or one
        if start < end and culprit is not None:
            names = " and the ".join(place.name if place else "log" for place in (one, other))
            raise culprit.broken("header-invalid", f"the {names} overlap in the file", "FileOffset")


def _check_place(region: Region, file_size: int) -> None:
    if region.file_offset < ALIGNMENT or region.file_offset % ALIGNMENT:
        message = f"the {region.name} is at byte {region.file_offset}; regions begin at a whole MiB behind the first"
        raise region.broken("header-invalid", message, "FileOffset")
    if not region.length or region.length % ALIGNMENT:
        message = f"the {region.name} has {region.length} bytes; regions have whole MiB"
        raise region.broken("header-invalid", message, "Length")
    if region.end > file_size:
        message = f"the {region.name} is at {region.file_offset} to {region.end}, but the file ends at {file_size}"
        raise region.broken("truncated", message, "FileOffset")


def _check_twins(regions: list[Region]) -> None:
    seen: set[bytes] = set()
    for region in regions:
        if region.guid in seen:
            raise region.broken("header-invalid", f"the {region.name} is in the table twice", "Guid")
        seen.add(region.guid)


def find_region(regions: list[Region], guid: bytes) -> Region:
    """Return the region of that GUID; BrokenImage ``header-invalid`` where the table has none."""
    for region in regions:
        if region.guid == guid:
            return region
    raise BrokenImage(problem("header-invalid", f"the region table names no {_NAMES[guid]} region, which a VHDX must"
                              " have", field="EntryCount", offset=TABLES_AT[0] + 8))
