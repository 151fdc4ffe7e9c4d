"""VHDX, the disk of Hyper-V since 2012: a file that begins with ``vhdxfile``.

Fixed and dynamic disks are read. A differencing disk is named as a problem, and read where it is given its parent. A
log that must be replayed is replayed in memory: the content is then what it will be after the repair.

``container.py`` opens it; ``header.py``, ``log.py``, ``regions.py``, ``metadata.py`` with ``parameters.py`` and
``parent.py``, and ``bat.py`` with ``differences.py`` are the structures in the order in which they lead to each other.

"[MS-VHDX]: Virtual Hard Disk v2 (VHDX) File Format",
https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Format, opened_by

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe

SIGNATURE = b"vhdxfile"


def matches(probe: Probe) -> bool:
    """Say whether the file begins as VHDX does."""
    return probe.head.startswith(SIGNATURE)


FORMAT = Format("vhdx", "Hyper-V virtual disk v2 (VHDX)", ("vhdx", "avhdx"), matches, opened_by(__name__, "open_vhdx"))
