r"""qcow2, versions 2 and 3: a file that begins with ``QFI\xfb``.

``container.py`` opens it, ``header.py`` and ``extensions.py`` read, ``checks.py`` judges, ``tables.py`` and ``disk.py``
give the virtual disk, ``scan.py`` finds out whether the file reaches as far as its tables say. Nothing but the file
itself is opened here: backing files (``backing.py``) and external data files are named, and the content is then not
readable.

Qcow2 Image File Format, https://www.qemu.org/docs/master/interop/qcow2.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Format, opened_by

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe

MAGIC = b"QFI\xfb"


def _matches(probe: Probe) -> bool:
    # Version 1 is the format "qcow". Versions that nobody has defined are claimed, so that they are not taken for raw.
    version = probe.at(4, 4)
    return probe.at(0, 4) == MAGIC and len(version) == 4 and int.from_bytes(version, "big") != 1  # noqa: PLR2004 - bytes


FORMAT = Format("qcow2", "QEMU qcow2", ("qcow2",), _matches, opened_by(__name__, "open_qcow2"))
