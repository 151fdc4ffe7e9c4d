"""The metadata region of a VHDX: its table in, the parameters of the disk out.

[MS-VHDX] section 2.6 "Metadata Region", https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.formats.vhdx.fields import guid_text, number, stored_guid
from imgbuild.readers import BrokenImage, problem
from imgbuild.sizes import KIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.formats.vhdx.regions import Region
    from imgbuild.readers import Reader

# Metadata table, 64 KiB, at the start of the region
#
#  off   hex  size  field
#    0  0x00     8  Signature, always b"metadata"
#    8  0x08     2  Reserved
#   10  0x0a     2  EntryCount, at most 2047
#   12  0x0c    20  Reserved
#   32  0x20        entries of 32 bytes: 0 ItemId (16) · 16 Offset in the region (4), 64 KiB or more · 20 Length (4) ·
#                   24 flags (4): 0 IsUser, 1 IsVirtualDisk, 2 IsRequired · 28 Reserved (4)
TABLE_BYTES = 64 * KIB
MAX_ENTRIES = 2047
MAX_ITEM_BYTES = MIB
_SIGNATURE = b"metadata"
_HEAD_BYTES = 32
_ENTRY = struct.Struct("<16sIII4x")
_ENTRY_FIELDS = {"ItemId": (0, 16), "Offset": (16, 4), "Length": (20, 4), "flags": (24, 4)}
_IS_USER = 1 << 0
_IS_REQUIRED = 1 << 2

# The known items, section 2.6.2
#
#  File Parameters          8  BlockSize (4) · flags (4): 0 LeaveBlockAllocated, 1 HasParent
#  Virtual Disk Size        8  bytes, a multiple of the logical sector size, at most 64 TiB
#  Virtual Disk ID         16  GUID ("Page 83 Data" in the first edition)
#  Logical Sector Size      4  512 or 4096
#  Physical Sector Size     4  512 or 4096
#  Parent Locator              see parent.py
FILE_PARAMETERS = stored_guid("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
VIRTUAL_DISK_SIZE = stored_guid("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
VIRTUAL_DISK_ID = stored_guid("beca12ab-b2e6-4523-93ef-c309e000c746")
LOGICAL_SECTOR_SIZE = stored_guid("8141bf1d-a96f-4709-ba47-f233a8faab5f")
PHYSICAL_SECTOR_SIZE = stored_guid("cda348c7-445d-4471-9cc9-e9885251c556")
PARENT_LOCATOR = stored_guid("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")

_LENGTHS = {FILE_PARAMETERS: 8, VIRTUAL_DISK_SIZE: 8, VIRTUAL_DISK_ID: 16, LOGICAL_SECTOR_SIZE: 4,
            PHYSICAL_SECTOR_SIZE: 4}
_NAMES = {FILE_PARAMETERS: "File Parameters", VIRTUAL_DISK_SIZE: "Virtual Disk Size",
          VIRTUAL_DISK_ID: "Virtual Disk ID", LOGICAL_SECTOR_SIZE: "Logical Sector Size",
          PHYSICAL_SECTOR_SIZE: "Physical Sector Size", PARENT_LOCATOR: "Parent Locator"}


class Entry(NamedTuple):
    """An entry of the metadata table as it stands at byte ``at`` of the file; ``offset`` counts from the region."""

    at: int
    raw: bytes
    item_id: bytes
    offset: int
    length: int
    flags: int

    @property
    def name(self) -> str:
        """What the item is, for people."""
        return f"item {_NAMES.get(self.item_id) or guid_text(self.item_id)}"

    @property
    def known(self) -> bytes | None:
        """The GUID of an item that is known, ``None`` for all others; what users add may have any GUID."""
        return self.item_id if self.item_id in _NAMES and not self.flags & _IS_USER else None

    def broken(self, code: str, message: str, field: str) -> BrokenImage:
        """Return a BrokenImage with ``field`` of the entry as its evidence."""
        start, length = _ENTRY_FIELDS[field]
        return BrokenImage(problem(code, message, field=field, offset=self.at + start,
                                   raw=self.raw[start : start + length]))


class Item(NamedTuple):
    """The bytes of a metadata item, which stand at byte ``at`` of the file."""

    name: str
    at: int
    raw: bytes

    def broken(self, code: str, message: str) -> BrokenImage:
        """Return a BrokenImage with the item as its evidence."""
        return BrokenImage(problem(code, message, field=self.name, offset=self.at, raw=self.raw))


def read_items(reader: Reader, region: Region) -> dict[bytes, Item]:
    """Return the known metadata items by GUID.

    Raises:
        BrokenImage: ``header-invalid`` where there is no metadata table, an item is outside of the region, over another
            one, twice there or of a wrong length; ``unknown-feature`` for a required item that is not known.
    """
    entries = list(_entries(reader, region))
    for entry in entries:
        _check_entry(entry, region)
    _check_apart(entries)
    items = {}
    for entry in entries:
        if entry.known is not None:
            at = region.file_offset + entry.offset
            items[entry.known] = Item(_NAMES[entry.known], at, reader.read_at(at, entry.length))
    return items


def find_item(items: dict[bytes, Item], guid: bytes) -> Item:
    """Return the item of that GUID; BrokenImage ``header-invalid`` where there is none."""
    if guid not in items:
        raise BrokenImage(problem("header-invalid", f"the metadata has no item {_NAMES[guid]}, which a VHDX must"
                                  " have", field=_NAMES[guid]))
    return items[guid]


def _entries(reader: Reader, region: Region) -> Iterator[Entry]:
    at = region.file_offset
    table = reader.read_at(at, TABLE_BYTES)
    count = number(table[10:12])
    if not table.startswith(_SIGNATURE):
        raise BrokenImage(problem("header-invalid", f"the metadata region begins with {table[:8]!r}, but it must begin"
                                  f" with {_SIGNATURE!r}", field="Signature", offset=at, raw=table[:8]))
    if count > MAX_ENTRIES:
        raise BrokenImage(problem("header-invalid", f"the metadata table has {count} entries, but {MAX_ENTRIES} are the"
                                  " most", field="EntryCount", offset=at + 10, raw=table[10:12]))
    for start in range(_HEAD_BYTES, _HEAD_BYTES + count * _ENTRY.size, _ENTRY.size):
        raw = table[start : start + _ENTRY.size]
        yield Entry(at + start, raw, *_ENTRY.unpack(raw))


def _check_entry(entry: Entry, region: Region) -> None:
    if entry.known is None and entry.flags & _IS_REQUIRED:
        message = f"the file cannot be read without the {entry.name}, which is not known"
        raise entry.broken("unknown-feature", message, "ItemId")
    if entry.known is not None and entry.length != _LENGTHS.get(entry.item_id, entry.length):
        message = f"the {entry.name} has {entry.length} bytes, but it must have {_LENGTHS[entry.item_id]}"
        raise entry.broken("header-invalid", message, "Length")
    if entry.length > MAX_ITEM_BYTES:
        raise entry.broken("header-invalid", f"the {entry.name} has {entry.length} bytes, but 1 MiB is the most",
                           "Length")
    if entry.length and (entry.offset < TABLE_BYTES or entry.offset + entry.length > region.length):
        message = (f"the {entry.name} is at {entry.offset} to {entry.offset + entry.length}, but items lie between"
                   f" {TABLE_BYTES} and {region.length}")
        raise entry.broken("header-invalid", message, "Offset")


def _check_apart(entries: list[Entry]) -> None:
    seen: set[tuple[bytes, int]] = set()
    for entry in entries:
        key = entry.item_id, entry.flags & _IS_USER
        if key in seen:
            raise entry.broken("header-invalid", f"the {entry.name} is in the metadata table twice", "ItemId")
        seen.add(key)
    for one, other in pairwise(sorted((entry for entry in entries if entry.length), key=lambda entry: entry.offset)):
        if one.offset + one.length > other.offset:
            raise other.broken("header-invalid", f"the {one.name} and the {other.name} overlap", "Offset")
