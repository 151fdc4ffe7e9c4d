"""The parent of a differencing VHDX: the metadata items in, names and identity out. Nothing that it names is opened.

The parent is known by the DataWriteGuid of its header, which is renewed before anything in it changes: the locator has
it as ``parent_linkage``, and while disks are merged the next one as ``parent_linkage2``.

[MS-VHDX] section 2.6.2.6 "Parent Locator", https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING

from imgbuild.formats.parents import Parent, beside
from imgbuild.formats.vhdx import metadata
from imgbuild.formats.vhdx.fields import GUID_BYTES, guid_text, quoted, stored_guid, text
from imgbuild.readers import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.formats.base import Container
    from imgbuild.formats.vhdx.metadata import Item
    from imgbuild.formats.vhdx.parameters import Parameters
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# Parent locator header
#
#  off   hex  size  field
#    0  0x00    16  LocatorType
#   16  0x10     2  Reserved
#   18  0x12     2  KeyValueCount
#   20  0x14        entries of 12 bytes: 0 KeyOffset (4) · 4 ValueOffset (4) · 8 KeyLength (2) · 10 ValueLength (2);
#                   offsets count from the start of the item, keys and values are UTF-16
_COUNT_AT = 18
_ENTRIES_AT = 20
_ENTRY = struct.Struct("<IIHH")
_MOST_PAIRS = 32
_MOST_BYTES = 2048

VHDX_LOCATOR = stored_guid("b04aefb7-d19e-4a81-b789-25b8e9445913")
LINKAGES = ("parent_linkage", "parent_linkage2")
PATHS = ("relative_path", "absolute_win32_path", "volume_path")
"""The keys under which the parent may be named, the order in which they are tried."""


def read_locator(raw: bytes) -> dict[str, str]:
    """Return the keys and values of a parent locator as the image has them: quote them before they are shown.

    What points out of the item is left out, and so is all that follows the 32nd pair.
    """
    count = int.from_bytes(raw[_COUNT_AT : _COUNT_AT + 2], "little")
    pairs = {}
    for number in range(min(count, _MOST_PAIRS)):
        entry = raw[_ENTRIES_AT + number * _ENTRY.size :][: _ENTRY.size]
        if len(entry) < _ENTRY.size:
            break
        key_offset, value_offset, key_length, value_length = _ENTRY.unpack(entry)
        key = _string(raw, key_offset, key_length)
        if key:
            pairs[key] = _string(raw, value_offset, value_length)
    return pairs


def parent_name(locator: dict[str, str]) -> str | None:
    """Return the name of the parent, ``None`` where the locator gives none."""
    return next((locator[key] for key in PATHS if locator.get(key)), None)


def parent_of(items: dict[bytes, Item], parameters: Parameters, objection: Problem,
              join: Callable[[Reader], None]) -> Parent | None:
    """Return the parent that the locator names; ``None`` without a locator, and for one of a type that is not known."""
    item = items.get(metadata.PARENT_LOCATOR)
    if item is None or item.raw[:GUID_BYTES] != VHDX_LOCATOR:
        return None
    locator = read_locator(item.raw)
    names = tuple(beside(locator[key], "\\") for key in PATHS if locator.get(key))
    linkages = [locator[key] for key in LINKAGES if key in locator]
    return Parent(names, frozenset({"vhdx"}), objection, partial(_fits, item, linkages, parameters), join)


def _fits(item: Item, linkages: list[str], delta: Parameters, parent: Container, _time: int) -> Iterator[Problem]:
    found = getattr(parent, "data_write_guid", None)
    if found is not None and guid_text(found) not in [linkage.strip("{}").lower() for linkage in linkages]:
        wanted = " or ".join(map(quoted, linkages)) or "none"
        yield problem("parent-mismatch", f"its DataWriteGuid is {guid_text(found)}, but the delta was made over a state"
                      f" with {wanted}", field=item.name, offset=item.at, raw=item.raw)
    sector = parent.header.get("logical_sector_size", delta.logical_sector_size)
    if sector != delta.logical_sector_size:
        yield problem("parent-mismatch", f"its sectors have {sector} bytes, those of the delta"
                      f" {delta.logical_sector_size}", field="Logical Sector Size")


def _string(raw: bytes, offset: int, length: int) -> str:
    return text(raw[offset : offset + min(length, _MOST_BYTES)])
