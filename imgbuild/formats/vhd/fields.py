"""How VHD, ZVHD and ZVHD2 write checksums, times, versions and identifiers, and how they are shown.

The two Z formats took their header fields over from VHD (in the other byte order), so all of them meet here.
"Virtual Hard Disk Image Format Specification", Microsoft, October 11, 2006, section "Hard Disk Footer Format".
https://www.microsoft.com/en-us/download/details.aspx?id=23850
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECTOR = 512
CHECKSUM_AT = 64
"""Where the checksum stands in a footer, in bytes."""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_LARGEST_GEOMETRY = 65535 * 16 * 255


def checksum(raw: bytes, at: int = CHECKSUM_AT) -> int:
    """Return the ones' complement of the sum of all bytes, those of the checksum field at ``at`` left out."""
    return ~(sum(raw) - sum(raw[at : at + 4])) & 0xFFFFFFFF


def checksum_text(value: int) -> str:
    """Return a checksum as it is written: ``0xffffe375``."""
    return f"0x{value:08x}"


def time_text(seconds: int) -> str:
    """Return a time stamp (seconds since 2000-01-01, 32 bits) in ISO 8601."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def unix_time(seconds: int) -> int:
    """Return a time stamp (seconds since 2000-01-01) in seconds since 1970."""
    return int(_EPOCH.timestamp()) + seconds


def version_text(version: int) -> str:
    """Return a version (major in the upper 16 bits, minor in the lower) as ``1.0``."""
    return f"{version >> 16}.{version & 0xFFFF}"


def name_text(raw: bytes) -> str:
    """Return a name of four characters without its padding; what cannot be printed is escaped."""
    return shown(raw.rstrip(b"\0 ").decode("latin-1"))


def shown(text: str) -> str:
    """Return text out of an image with everything that is not printable escaped, without quotes around it."""
    return repr(text)[1:-1]


def uuid_text(raw: bytes) -> str:
    """Return 16 bytes as an UUID, in the order in which they stand."""
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def chs_size(cylinders: int, heads: int, sectors_per_track: int) -> int | None:
    """Return the size in bytes that the geometry gives, or ``None`` where it gives none.

    The largest geometry (65535 x 16 x 255) stands for "too large for a geometry" and, since writers that count on
    the current size put it into every disk, for "do not look here" as well. Its 127.5 GiB are no size.
    """
    sectors = cylinders * heads * sectors_per_track
    return None if sectors in {0, _LARGEST_GEOMETRY} else sectors * SECTOR
