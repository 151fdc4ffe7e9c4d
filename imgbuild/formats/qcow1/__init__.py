"""QCOW version 1, the forerunner of qcow2; ``container.py`` opens it, and qemu reads its content.

Document: "QEMU Copy-On-Write file format",
https://github.com/libyal/libqcow/blob/main/documentation/QEMU%20Copy-On-Write%20file%20format.asciidoc
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Format, opened_by

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe


def matches(probe: Probe) -> bool:
    """Say whether the file begins as a QCOW of version 1; other versions are the matter of qcow2."""
    return probe.at(0, 8) == b"QFI\xfb\0\0\0\x01"


FORMAT = Format("qcow", "QCOW version 1", ("qcow",), matches, opened_by(__name__, "open_qcow1"))
