"""VMDK, VMware's disk: sparse extents with an embedded descriptor, and descriptors of disks in several files.

A descriptor that names other files is reported and never followed (CVE-2022-47951, CVE-2024-40767), unless a person
allows it: then the parts are opened through the :class:`imgbuild.readers.Folder` of the image, and only there.

``container.py`` opens it, ``descriptor.py`` and ``header.py`` read, ``checks.py`` judges, ``grains.py`` and
``extents.py`` give the virtual disk, ``scan.py`` finds out whether the file reaches as far as its tables say.

"VMware Virtual Disk Format 1.1", VMware, 2007; with what practice adds:
https://github.com/libyal/libvmdk/blob/main/documentation/VMWare%20Virtual%20Disk%20Format%20(VMDK).asciidoc
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.formats.base import Format, opened_by

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe

SPARSE_MAGIC = b"KDMV"
ESX_MAGIC = b"COWD"
SE_MAGIC = b"\xbe\xba\xfe\xca\0\0\0\0"
_DESCRIPTOR = re.compile(rb"\s*(?:#[^\n]*\n\s*)*?(?:#[ \t]*Disk DescriptorFile|version=[123][\r\n])", re.IGNORECASE)


def matches(probe: Probe) -> bool:
    """Say whether the file begins as a sparse extent of any kind, or as a descriptor that qemu would take for one."""
    return (probe.head.startswith((SPARSE_MAGIC, ESX_MAGIC, SE_MAGIC))
            or _DESCRIPTOR.match(probe.head) is not None)


_open = opened_by(__name__, "open_vmdk")
FORMAT = Format("vmdk", "VMware virtual disk (VMDK)", ("vmdk",), matches, _open, _open)
