"""ISO 9660 and UDF disc: a file with volume descriptors from sector 16 on.

``container.py`` opens it, ``descriptors.py`` reads ISO 9660, ``eltorito.py`` its boot catalog, ``udf.py`` UDF. The disk
in an ISO is the file itself. Documents: ECMA-119 (ISO 9660), ECMA-167 and UDF for bridge disc, "El Torito" for the boot
catalog, UEFI chapter 5 for the partition table of an isohybrid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Format, opened_by

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe

SECTOR = 2048
FIRST_SECTOR = 16

# Recognition sequence of UDF, sectors behind the ISO 9660 descriptors: 1 identifier (5): "BEA01", "NSR02" or "NSR03",
# "TEA01". ECMA-167, 3rd edition, June 1997, part 2, section 9.
_REVISIONS = {b"NSR02": "NSR02", b"NSR03": "NSR03"}
_IDENTIFIERS = (b"CD001", b"BEA01", b"NSR02", b"NSR03", b"TEA01", b"BOOT2", b"CDW02")


def matches(probe: Probe) -> bool:
    """Say whether a volume descriptor of ISO 9660, or the recognition sequence of UDF alone, is at sector 16."""
    sectors = probe.head[FIRST_SECTOR * SECTOR :]
    return sectors[1:6] == b"CD001" or (sectors[1:6] == b"BEA01" and udf_revision(sectors) is not None)


def udf_revision(sectors: bytes) -> str | None:
    """Return the identifier of the sequence, which ends at the first sector that holds no known descriptor."""
    for offset in range(0, len(sectors), SECTOR):
        identifier = sectors[offset + 1 : offset + 6]
        if identifier in _REVISIONS or identifier not in _IDENTIFIERS:
            return _REVISIONS.get(identifier)
    return None


FORMAT = Format("iso", "ISO 9660 disc image", ("iso",), matches, opened_by(__name__, "open_iso"))
