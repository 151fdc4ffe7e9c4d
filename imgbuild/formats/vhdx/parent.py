"""The parent locator of a differencing VHDX: the metadata item in, names out. Nothing that it names is opened.

[MS-VHDX] section 2.6.2.6 "Parent Locator", https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

import struct

from imgbuild.formats.vhdx.fields import text

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


def _string(raw: bytes, offset: int, length: int) -> str:
    return text(raw[offset : offset + min(length, _MOST_BYTES)])
