"""Parallels' expandable disk (.hds, .hdd); ``container.py`` opens it, and qemu reads its content.

Document: "Parallels Expandable Image File Format", https://www.qemu.org/docs/master/interop/parallels.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Format, opened_by

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe

OLD = b"WithoutFreeSpace"
EXTENDED = b"WithouFreSpacExt"


def matches(probe: Probe) -> bool:
    """Say whether the file begins with one of the two magics."""
    return probe.head.startswith((OLD, EXTENDED))


FORMAT = Format("parallels", "Parallels disk", ("hds", "hdd"), matches, opened_by(__name__, "open_parallels"))
