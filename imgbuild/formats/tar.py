"""Tar archives and the OVA packages among them: the ends of a file in, ``tar`` or ``ova`` out.

An OVA is a tar archive whose first entry is the OVF descriptor (DMTF DSP0243 2.1.1, section 6.4); tools that get the
order wrong exist, so the headers that lie in the head of the file are all looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.signatures import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.formats.base import Format, Probe

# A header block, 512 bytes; numbers are octal text (or binary with the first bit set)
#
#  off   hex  size  field
#    0  0x00   100  name
#  124  0x7c    12  size of the entry's data in bytes, which follows in whole blocks
#  148  0x94     8  checksum: the sum of all bytes with this field taken as spaces
#  156  0x9c     1  type flag: "0" or NUL is a file, "x" "g" "L" "K" describe the next entry
#  257 0x101     6  magic "ustar"; absent in the oldest archives
#
# tar(5), https://man.freebsd.org/cgi/man.cgi?query=tar&sektion=5

BLOCK = 512
_ENTRIES = 16


def matches_tar(probe: Probe) -> bool:
    """Say whether the file is a tar archive that is no OVA."""
    return is_header(probe.at(0, BLOCK)) and not _has_descriptor(probe)


def matches_ova(probe: Probe) -> bool:
    """Say whether the file is a tar archive with an OVF descriptor among its first entries."""
    return is_header(probe.at(0, BLOCK)) and _has_descriptor(probe)


def _has_descriptor(probe: Probe) -> bool:
    return any(name.lower().endswith(b".ovf") for name in _names(probe))


def _names(probe: Probe) -> Iterator[bytes]:
    """Yield the names of the first entries, as far as their headers lie in the head of the file."""
    offset = 0
    for _ in range(_ENTRIES):
        block = probe.at(offset, BLOCK)
        size = number(block[124:136])
        if not is_header(block) or size is None:
            return
        yield block[:100].split(b"\0", 1)[0]
        offset += BLOCK + -(-size // BLOCK) * BLOCK


def is_header(block: bytes) -> bool:
    """Say whether the block's checksum is right; signed sums are what some old archivers wrote."""
    stored = number(block[148:156])
    if len(block) < BLOCK or block[:1] == b"\0" or stored is None:
        return False
    blanked = block[:148] + b" " * 8 + block[156:]
    total = sum(blanked)
    return stored in (total, total - 256 * sum(byte > 127 for byte in blanked))  # noqa: PLR2004 - the sign bit


def number(text: bytes) -> int | None:
    """Return the number of a field, ``None`` where it holds none."""
    if text[:1] == b"\x80":
        return int.from_bytes(text[1:], "big")
    digits = text.strip(b" \0")
    return int(digits, 8) if digits and all(byte in b"01234567" for byte in digits) else None


TAR = named("tar", "tar archive", ("tar",), matches_tar, "archive",
            "the file is a tar archive, not a disk image; 'tar -xf FILE' takes the image out of it", place=(257, 8))
OVA = named("ova", "OVA package", ("ova",), matches_ova, "ova-package",
            "the file is an OVA package; 'tar -xf FILE' takes the VMDK out of it, which is what an import wants",
            place=(257, 8))
FORMATS: tuple[Format, ...] = (TAR, OVA)
