"""VHD, the disk of Virtual PC, Hyper-V and Azure: a file with a footer at its end.

Fixed disks (data, then a footer) and dynamic ones (copy of the footer, dynamic disk header, block allocation table,
blocks, footer) are read. A differencing disk is named as a problem, and read where it is given its parent
(``differencing.py``).

The virtual size is the footer's current size. Virtual PC and qemu-img (for the creators "vpc " and "qemu") take the
size of the geometry instead; where the two differ the problem ``vhd-size-differs-from-chs`` says so.

Sector bitmaps are not asked when a dynamic disk is read: the specification wants 512 zero bytes wherever a bit is 0, so
that the data alone are enough, and qemu reads it so.

``container.py`` opens it, ``footer.py`` and ``table.py`` read, ``checks.py`` weighs the two footers, ``fields.py`` is
shared with ZVHD.

"Virtual Hard Disk Image Format Specification", Microsoft, October 11, 2006.
https://www.microsoft.com/en-us/download/details.aspx?id=23850
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Format, opened_by

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe

FOOTER_SIZE = 512
OLD_FOOTER_SIZE = 511
FOOTER_COOKIE = b"conectix"


def matches(probe: Probe) -> bool:
    """Say whether a footer stands at the end of the file, or its copy at the start."""
    size = len(FOOTER_COOKIE)
    ends = (probe.at(0, size), probe.from_end(FOOTER_SIZE, size), probe.from_end(OLD_FOOTER_SIZE, size))
    return FOOTER_COOKIE in ends


FORMAT = Format("vhd", "VHD", ("vhd", "vpc"), matches, opened_by(__name__, "open_vhd"))
