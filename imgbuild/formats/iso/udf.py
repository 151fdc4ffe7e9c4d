"""UDF on a disc image: the recognition sequence and the anchor in, revision, volume name and extent out.

Documents: ECMA-167, 3rd edition, June 1997 (parts 2 and 3), https://ecma-international.org/publications-and-standards/standards/ecma-167/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgbuild.formats.iso import SECTOR, udf_revision
from imgbuild.readers import read_clipped

if TYPE_CHECKING:
    from imgbuild.readers import Reader

# A descriptor tag, 16 bytes: 0 identifier (2) · 4 checksum: the sum of the other 15 bytes · 12 the sector it is in (4)
# Anchor (identifier 2) in sector 256: 16 length and 20 sector of the main descriptor sequence
# Primary volume descriptor (1): 24 volume identifier, 32 bytes: character size in bits, text, length in the last byte
# Partition descriptor (5): 188 starting location (4) · 192 length (4), in sectors
# Terminating descriptor (8)

_ANCHOR = 256
_MAX_SEQUENCE = 32
_PRIMARY_TAG, _ANCHOR_TAG, _PARTITION_TAG, _TERMINATOR_TAG = 1, 2, 5, 8


class Disc(NamedTuple):
    """A UDF volume: its recognition identifier, its name, and where its partition ends in bytes (0: unknown)."""

    revision: str
    volume_id: str | None = None
    end: int = 0


def read(reader: Reader, sectors: bytes) -> Disc | None:
    """Return the UDF volume that ``sectors``, those from 16 on, announce; ``None`` where they announce none."""
    revision = udf_revision(sectors)
    if revision is None:
        return None
    name, end = None, 0
    for descriptor in _sequence(reader):
        tag = int.from_bytes(descriptor[:2], "little")
        if tag == _TERMINATOR_TAG:
            break
        if tag == _PRIMARY_TAG:
            name = name or _name(descriptor[24:56])
        elif tag == _PARTITION_TAG:
            blocks = sum(int.from_bytes(descriptor[at : at + 4], "little") for at in (188, 192))
            end = max(end, blocks * SECTOR)
    return Disc(revision, name, end)


def _sequence(reader: Reader) -> list[bytes]:
    """Return the sectors of the main descriptor sequence whose tags are sound."""
    anchor = read_clipped(reader, _ANCHOR * SECTOR, SECTOR)
    if not _sound(anchor) or int.from_bytes(anchor[:2], "little") != _ANCHOR_TAG:
        return []
    length = min(int.from_bytes(anchor[16:20], "little"), _MAX_SEQUENCE * SECTOR)
    raw = read_clipped(reader, int.from_bytes(anchor[20:24], "little") * SECTOR, length)
    sectors = [raw[offset : offset + SECTOR] for offset in range(0, len(raw), SECTOR)]
    return [sector for sector in sectors if _sound(sector)]


def _sound(descriptor: bytes) -> bool:
    tag = descriptor[:16]
    return len(descriptor) == SECTOR and tag[4] == (sum(tag) - tag[4]) & 0xFF and any(tag)


def _name(field: bytes) -> str | None:
    """Return a string of ECMA-167 7.2.12 with OSTA compressed Unicode: 8 or 16 bits for each character."""
    text = field[1 : max(1, min(field[-1], len(field) - 1))]
    words = text.decode("utf-16-be", "replace") if field[0] == 16 else text.decode("latin-1")  # noqa: PLR2004 - bits
    return words.strip("\0 ") or None
