"""ZVHD2, the vendor's disk in blocks that are compressed one by one: a file with a header page at both ends.

Header page, a record for each block that is not zero, the header page again, index, bitmap, and as the last 4096 bytes
the footer page: the header with all its fields filled in, which is the truth on everything but the format.

``index.py`` finds the record of a block; header page and records are those of ZVHD.

Layout: src/zvhd2.c of the vendor's public block driver, https://github.com/huaweicloud/ims-qemu-img.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Format, opened_by
from imgbuild.formats.zvhd import plausible

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe

COOKIE = b"z2strm"


def matches(probe: Probe) -> bool:
    """Say whether the file begins with a ZVHD2 header page."""
    return plausible(probe.head, COOKIE)


FORMAT = Format("zvhd2", "ZVHD2", ("zvhd2",), matches, opened_by(__name__, "open_zvhd2"))
