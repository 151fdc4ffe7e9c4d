"""VDI, VirtualBox's disk.

Dynamic and static disks are read: the block map says which block of the file is which block of the disk. Undo and
differencing disks are named as a problem (``parent.py``). The disk has whole sectors, as in qemu.

``container.py`` opens it, ``header.py`` reads, ``checks.py`` judges.

"VDI file format" (VirtualBox forum, 2008), https://forums.virtualbox.org/viewtopic.php?t=8046, and the header of
block/vdi.c of qemu, whose names are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Format, opened_by

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe

SIGNATURE = b"\x7f\x10\xda\xbe"


def matches(probe: Probe) -> bool:
    """Say whether the signature stands where VDI has it."""
    return probe.at(64, 4) == SIGNATURE


FORMAT = Format("vdi", "VirtualBox disk image (VDI)", ("vdi",), matches, opened_by(__name__, "open_vdi"))
