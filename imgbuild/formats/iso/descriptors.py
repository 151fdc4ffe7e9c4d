"""The volume descriptors of ISO 9660: sectors from 16 on in, an :class:`Area` out.

Document: ECMA-119, 4th edition, June 2019, section 9, https://ecma-international.org/publications-and-standards/standards/ecma-119/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.formats.iso import FIRST_SECTOR, SECTOR
from imgbuild.readers import problem, read_clipped

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# A volume descriptor, one sector of 2048 bytes; "both" is the number little-endian, then again big-endian
#
#  off   hex  size  field
#    0  0x00     1  Volume Descriptor Type: 0 boot record, 1 primary, 2 supplementary, 3 partition, 255 terminator
#    1  0x01     5  Standard Identifier "CD001"
#    6  0x06     1  Volume Descriptor Version
#    7  0x07    32  Boot System Identifier (boot record) · 71 where the El Torito catalog is (4)
#    8  0x08    32  System Identifier · 40 Volume Identifier (32)
#   80  0x50     8  Volume Space Size in logical blocks (both)
#   88  0x58    32  Escape Sequences (supplementary)
#  120  0x78     4  Volume Set Size (both) · 124 Volume Sequence Number (both)
#  128  0x80     4  Logical Block Size (both)
#  132  0x84     8  Path Table Size in bytes (both)
#  156  0x9c    34  Directory Record for the root: 2 location of the extent (both) · 10 data length (both)
#  190  0xbe   128  Volume Set Identifier · 318 Publisher · 446 Data Preparer · 574 Application, 128 each
#  813 0x32d    17  Volume Creation Date and Time · 830 Modification · 847 Expiration · 864 Effective

_MAX_DESCRIPTORS = 32
_BLOCK_SIZES = (512, 1024, 2048)
_BOOT, _PRIMARY, _SUPPLEMENTARY, _TERMINATOR = 0, 1, 2, 255
_JOLIET = (b"%/@", b"%/C", b"%/E")
_ROCK_RIDGE = b"SP\x07\x01\xbe\xef"
_TEXTS = (("system_id", 8, 32), ("volume_id", 40, 32), ("volume_set_id", 190, 128), ("publisher_id", 318, 128),
          ("preparer_id", 446, 128), ("application_id", 574, 128))
_DATES = (("creation_date", 813), ("modification_date", 830), ("expiration_date", 847), ("effective_date", 864))
_PAIRS = (("Volume Space Size", 80, 4), ("Volume Set Size", 120, 2), ("Volume Sequence Number", 124, 2),
          ("Logical Block Size", 128, 2), ("Path Table Size", 132, 4))


class Area:
    """What the descriptors say.

    Attributes:
        facts: The fields of the primary descriptor; empty where there is none that can be read.
        problems: What is wrong with them.
        boot_catalog: The sector of the boot catalog, if a boot record names one.
        recognition: The sectors from 16 on; behind the descriptors UDF announces itself in them.
        end: The end of the volume in bytes, 0 where it is unknown.
        space_size: The bytes of the field that gives the end; ``space_size_offset`` is where they are in the file.
    """

    def __init__(self, sectors: bytes) -> None:
        self.facts: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self.boot_catalog: int | None = None
        self.recognition = sectors
        self.end = 0
        self.space_size = b""
        self.space_size_offset = 0


def read(reader: Reader) -> Area:
    """Read the descriptors up to the terminator, at most 32 of them."""
    sectors = read_clipped(reader, FIRST_SECTOR * SECTOR, _MAX_DESCRIPTORS * SECTOR)
    area = Area(sectors)
    joliet = False
    for offset in range(0, len(sectors), SECTOR):
        descriptor = sectors[offset : offset + SECTOR]
        if descriptor[1:6] != b"CD001" or len(descriptor) < SECTOR:
            _unterminated(area, offset)
            break
        kind = descriptor[0]
        if kind == _PRIMARY and not area.facts:
            _primary(reader, area, descriptor, FIRST_SECTOR * SECTOR + offset)
        elif kind == _SUPPLEMENTARY:
            joliet = joliet or descriptor[88:91] in _JOLIET
        elif kind == _BOOT and descriptor[7:30] == b"EL TORITO SPECIFICATION":
            area.boot_catalog = int.from_bytes(descriptor[71:75], "little")
        elif kind == _TERMINATOR:
            break
    if area.facts:
        area.facts["joliet"] = joliet
    elif sectors[1:6] == b"CD001" and not area.problems:
        area.problems.append(problem("iso-header-invalid", "there is no primary volume descriptor that can be read;"
                                                           " every ISO 9660 volume has one", field="Volume Descriptor"))
    return area


def _unterminated(area: Area, offset: int) -> None:
    if offset:
        area.problems.append(problem("iso-header-invalid", "the volume descriptors do not end with a terminator"
                                                           " (type 255)", field="Volume Descriptor Type",
                                     offset=FIRST_SECTOR * SECTOR + offset))


def _primary(reader: Reader, area: Area, descriptor: bytes, offset: int) -> None:
    block_size = int.from_bytes(descriptor[128:130], "little")
    if block_size not in _BLOCK_SIZES:
        area.problems.append(problem("iso-header-invalid", f"the logical block size is {block_size};"
                                                           " 512, 1024 and 2048 are allowed",
                                     field="Logical Block Size", offset=offset + 128, raw=descriptor[128:132]))
        return
    blocks = int.from_bytes(descriptor[80:84], "little")
    area.facts = {**{name: _text(descriptor[at : at + size]) for name, at, size in _TEXTS},
                  "volume_space_size": blocks, "logical_block_size": block_size,
                  **{name: _date(descriptor[at : at + 17]) for name, at in _DATES},
                  "rock_ridge": _has_rock_ridge(reader, descriptor, block_size)}
    area.end = blocks * block_size
    area.space_size, area.space_size_offset = descriptor[80:88], offset + 80
    area.problems += _disagreements(descriptor, offset)


def _disagreements(descriptor: bytes, offset: int) -> list[Problem]:
    """Return a problem for each number whose two byte orders differ: readers of either kind would see other discs."""
    found = []
    for name, at, size in _PAIRS:
        little = int.from_bytes(descriptor[at : at + size], "little")
        big = int.from_bytes(descriptor[at + size : at + 2 * size], "big")
        if little != big:
            found.append(problem("iso-fields-disagree", f"{name} is {little} in little-endian and {big} in big-endian;"
                                                        " both must be the same", field=name, offset=offset + at,
                                 raw=descriptor[at : at + 2 * size]))
    return found


def _has_rock_ridge(reader: Reader, descriptor: bytes, block_size: int) -> bool:
    """Look into the first record of the root directory: its system use area begins with SP and names the extension."""
    location = int.from_bytes(descriptor[158:162], "little")
    record = read_clipped(reader, location * block_size, 255)
    use = record[34 : record[0]] if record else b""
    return use.startswith(_ROCK_RIDGE) and (b"PX" in use or b"RR" in use)


def _text(raw: bytes) -> str | None:
    """Return the text of a field; what ISO 9660 does not allow there is kept as long as it is ASCII or Latin-1."""
    return raw.split(b"\0", 1)[0].decode("latin-1").strip() or None


def _date(raw: bytes) -> str | None:
    """Return a date as ISO 8601 with its offset in quarters of an hour, ``None`` where none is recorded."""
    digits = raw[:16].decode("latin-1")
    if not (digits.isascii() and digits.isdigit()) or digits[:8] == "00000000":
        return None
    offset = int.from_bytes(raw[16:17], "big", signed=True)
    hours, quarters = divmod(abs(offset), 4)
    zone = f"{'-' if offset < 0 else '+'}{hours:02}:{quarters * 15:02}"
    return (f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:10]}:{digits[10:12]}:{digits[12:14]}"
            f".{digits[14:16]}{zone}")
