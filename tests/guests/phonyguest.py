"""A guest in memory as readiness checks see it: ``view({"/etc/fstab": "…"})``."""

from __future__ import annotations

from phony import PhonyFileSystem
from phonydisk import part

from imgbuild.guests.layout import assemble
from imgbuild.guests.readiness import View
from imgbuild.model import Firmware, OperatingSystem

DEBIAN = OperatingSystem(type="Linux", id="debian", version="12", release="12.5", name="Debian GNU/Linux 12 (bookworm)",
                         architecture="x86_64", bits=64)


def view(tree, *, system=DEBIAN, firmware=None, others=(), damaged_later=(), initramfs=True, **about):
    """The view of a guest whose root is ``tree``; ``damaged_later`` are paths that fail once it is assembled."""
    files = {"/etc/os-release": "ID=debian\nVERSION_ID=12\n", "/bin/sh": "x"} | tree
    blocks = [part(1, files, **about), *others]
    guest = assemble(blocks).guests[0]
    if damaged_later:
        guest.tree.mount("/", PhonyFileSystem(files, damaged=damaged_later))
    return View(guest, system, blocks, firmware or Firmware(bios=True, uefi=True), initramfs)
