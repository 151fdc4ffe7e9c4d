"""OVA packages for tests, as VirtualBox and VMware write them: descriptor first, disks, then the manifest."""

from __future__ import annotations

import hashlib
import io
import tarfile

ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<{p}Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns="http://schemas.dmtf.org/ovf/envelope/1">
  <{p}References>{files}</{p}References>
  <{p}DiskSection><{p}Info>Virtual disks</{p}Info>{disks}</{p}DiskSection>
  <{p}VirtualSystem {a}id="box"><{p}OperatingSystemSection {a}id="96"/></{p}VirtualSystem>
</{p}Envelope>
"""
STREAM = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"


def descriptor(disks: dict[str, tuple[int, int]], *, prefix: str = "", unit: str | None = None) -> bytes:
    """Return a descriptor of disks: the name of the file -> its size and the capacity, in units if one is given."""
    a = "ovf:"
    files = "".join(f'<{prefix}File {a}id="file{at}" {a}href="{name}" {a}size="{size}"/>'
                    for at, (name, (size, _)) in enumerate(disks.items()))
    units = f' {a}capacityAllocationUnits="{unit}"' if unit else ""
    listed = "".join(f'<{prefix}Disk {a}diskId="vmdisk{at}" {a}fileRef="file{at}" {a}capacity="{capacity}"{units}'
                     f' {a}format="{STREAM}"/>' for at, (_, capacity) in enumerate(disks.values()))
    return ENVELOPE.format(p=prefix, a=a, files=files, disks=listed).encode()


def manifest(entries: dict[str, bytes], algorithm: str = "SHA256") -> bytes:
    """Return a manifest as ovftool writes it."""
    return "".join(f"{algorithm}({name})= {hashlib.new(algorithm.lower(), data).hexdigest()}\n"
                   for name, data in entries.items()).encode()


def package(entries: dict[str, bytes], kind: int = tarfile.USTAR_FORMAT) -> bytes:
    """Return a tar archive of these entries, in their order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for name, data in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()
