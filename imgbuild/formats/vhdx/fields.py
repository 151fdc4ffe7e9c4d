"""How VHDX writes numbers, GUIDs and text, and how they are shown. All numbers are little-endian.

"[MS-VHDX]: Virtual Hard Disk v2 (VHDX) File Format",
https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

from imgbuild.sizes import MIB

ALIGNMENT = MIB
"""Regions, the log and blocks begin at multiples of this, and the first of these bytes belong to the headers."""

GUID_BYTES = 16
NO_GUID = bytes(GUID_BYTES)
_SHOWN_CHARACTERS = 120


def number(raw: bytes) -> int:
    """Return a number as it is stored."""
    return int.from_bytes(raw, "little")


def stored_guid(text: str) -> bytes:
    """Return a GUID as it is stored: the first three parts little-endian."""
    a, b, c, d, e = text.split("-")
    return b"".join(bytes.fromhex(part)[::-1] for part in (a, b, c)) + bytes.fromhex(d + e)


def guid_text(raw: bytes) -> str:
    """Return a stored GUID as people write it, in lower case."""
    first = (raw[3::-1], raw[5:3:-1], raw[7:5:-1], raw[8:10], raw[10:16])
    return "-".join(part.hex() for part in first)


def text(raw: bytes) -> str:
    """Return UTF-16 up to its first NUL; what is no character becomes U+FFFD."""
    return raw.decode("utf-16-le", "replace").partition("\0")[0]


def quoted(words: str) -> str:
    """Return words out of an image in quotes, everything that is not printable escaped, at most 120 characters."""
    return repr(words if len(words) <= _SHOWN_CHARACTERS else words[: _SHOWN_CHARACTERS - 1] + "…")
