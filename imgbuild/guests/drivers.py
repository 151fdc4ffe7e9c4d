"""Where a kernel of the guest has its drivers: the guest's tree and a kernel in, the place of each driver out.

Before the root file system is mounted the kernel has what is built in, and the modules of its initramfs; what lies in
the folder of its modules comes later. Which drivers are built in says ``modules.builtin``, for kernels before 2.6.33
the configuration alone.

The kernel's documentation, "modules.builtin", https://docs.kernel.org/kbuild/kbuild.html (read 2026-11-28)
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Literal

import msgspec

from imgbuild.guests import pe
from imgbuild.guests.osrelease import clean
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.guests.careful import Careful
    from imgbuild.guests.initramfs import Budget, Contents
    from imgbuild.guests.kernels import Kernel

Where = Literal["built in", "initramfs", "folder", "nowhere", "unseen"]

LIMIT = 4 << 20
"""Bytes read of a list of modules; a kernel of a distribution has 700 KiB of modules.dep."""

# Driver -> what the kernel's configuration calls it, and where its source is.
DRIVERS = {
    "virtio": ("VIRTIO", "virtio"), "virtio_ring": ("VIRTIO", "virtio"), "virtio_pci": ("VIRTIO_PCI", "virtio"),
    "virtio_blk": ("VIRTIO_BLK", "block"), "virtio_scsi": ("SCSI_VIRTIO", "scsi"), "virtio_net": ("VIRTIO_NET", "net"),
    "ata_piix": ("ATA_PIIX", "ata"), "ata_generic": ("ATA_GENERIC", "ata"),
}
EARLY = frozenset(DRIVERS) - {"virtio_net"}
"""What may be needed to mount the root file system."""

_HEADERS = 8192
_CONFIGURED = re.compile(r"^CONFIG_(\w+)=([ym])$", re.MULTILINE)


class Drivers(msgspec.Struct):
    """What is known of the drivers of a kernel, of those in ``DRIVERS``.

    ``built_in`` and ``folder`` (the modules on the disk) are ``None`` where they are not known. ``archives`` are the
    initramfs files that were opened; ``unseen`` says why others were not, or not to their end. ``seconds`` is how long
    that took.
    """

    kernel: Kernel
    built_in: frozenset[str] | None
    folder: frozenset[str] | None
    archives: list[Contents] = []
    unseen: str | None = None
    seconds: float = 0.0

    def early(self, driver: str) -> Where:
        """Return where the kernel has the driver before it mounts the root file system."""
        if self.built_in is not None and driver in self.built_in:
            return "built in"
        if any(driver in archive.modules_for(self.kernel.version) for archive in self.archives):
            return "initramfs"
        if self.built_in is None:
            return "unseen"
        if self.folder is not None and driver not in self.folder:
            return "nowhere"
        return "folder" if self.unseen is None else "unseen"

    def later(self, driver: str) -> Where:
        """Return where the kernel has the driver once the root file system is mounted."""
        found = self.early(driver)
        if found in {"built in", "initramfs"}:
            return found
        if self.folder is None:
            return "unseen"
        return "folder" if driver in self.folder else found if self.built_in is None else "nowhere"

    @property
    def has_initramfs(self) -> bool:
        """Whether the kernel is started with an initramfs."""
        return bool(self.kernel.initrds) or self.kernel.unified

    @property
    def host_only(self) -> bool:
        """Whether the initramfs was made for the machine that it was made on alone."""
        return any(archive.host_only for archive in self.archives)

    @property
    def builder(self) -> str | None:
        """The tool that packed the initramfs."""
        return next((archive.builder for archive in self.archives if archive.builder), None)

    @property
    def net_rules(self) -> Iterator[tuple[str, str]]:
        """The udev rules in the initramfs that tie network interfaces to addresses: its path, and theirs in it."""
        for archive in self.archives:
            for name in archive.net_rules:
                yield self.kernel.initramfs or self.kernel.image or "", name


def look(tree: GuestTree, careful: Careful, kernel: Kernel, budget: Budget | None) -> Drivers:
    """Return what is known of the kernel's drivers; without a ``budget`` no initramfs is opened."""
    folder = _folder(careful, kernel)
    found = Drivers(kernel, _built_in(careful, kernel), folder)
    if kernel.image is None:
        found.unseen = "its image and its initramfs are not among the files that were found"
    wanted = {driver for driver in EARLY - (found.built_in or frozenset()) if folder is None or driver in folder}
    for archive in _archives(tree, kernel):
        if budget is None:
            found.unseen = "initramfs files were not opened"
            break
        if found.archives and wanted <= set().union(*(seen.modules_for(kernel.version) for seen in found.archives)):
            break
        started = time.monotonic()
        _open(tree, archive, found, wanted, budget)
        found.seconds += time.monotonic() - started
    return found


class _Archive(msgspec.Struct, frozen=True):
    """Where an initramfs is: a file of the guest and the bytes of it, in bytes from its start."""

    path: str
    offset: int
    size: int


def _archives(tree: GuestTree, kernel: Kernel) -> Iterator[_Archive]:
    """Yield the initramfs files of a kernel, the main one first; a unified kernel image has it as a section."""
    for path in reversed(kernel.initrds):
        stat = tree.stat(path)
        yield _Archive(path, 0, stat.size if stat is not None else 0)
    if kernel.unified and kernel.image is not None:
        for section in pe.read_sections(tree.read(kernel.image, _HEADERS) or b""):
            if section.name == ".initrd":
                yield _Archive(kernel.image, section.offset, section.size)


def _open(tree: GuestTree, archive: _Archive, found: Drivers, wanted: set[str], budget: Budget) -> None:
    from imgbuild.guests import initramfs  # noqa: PLC0415 - only where an archive is opened

    path = clean(archive.path)
    try:
        seen = initramfs.scan(
            lambda offset, length: tree.read(archive.path, min(length, archive.size - offset),
                                             archive.offset + offset) or b"",
            archive.size, wanted, budget, release=found.kernel.version)
    except BrokenImage as broken:
        found.unseen = f"{path} cannot be read: {broken.problem.message}"
        return
    found.archives.append(seen)
    if seen.trouble is not None:
        found.unseen = f"{path} cannot be unpacked: {seen.trouble}"
    elif seen.nested is not None:
        found.unseen = f"{path} has its files in {clean(seen.nested)}, which was not opened"


def _built_in(tree: Careful, kernel: Kernel) -> frozenset[str] | None:
    if kernel.modules and tree.exists(f"{kernel.modules}/modules.builtin"):
        return _listed(tree.read(f"{kernel.modules}/modules.builtin", LIMIT))
    places = [f"/boot/config-{kernel.version}", f"/usr/lib/kernel/config-{kernel.version}", f"{kernel.modules}/config"]
    text = next((text for place in places if (text := tree.read_text(place, LIMIT)) is not None), None)
    if text is None:
        return None
    options = dict(_CONFIGURED.findall(text))
    return frozenset(driver for driver, (option, _) in DRIVERS.items() if options.get(option) == "y")


def _folder(tree: Careful, kernel: Kernel) -> frozenset[str] | None:
    if kernel.modules is None:
        return None
    listed = tree.read(f"{kernel.modules}/modules.dep", LIMIT)
    if listed:
        return _listed(listed)
    kinds = sorted({kind for _, kind in DRIVERS.values()})
    names = [name for kind in kinds for name in tree.listdir(f"{kernel.modules}/kernel/drivers/{kind}")]
    return _listed("".join(f"/{name}" for name in names).encode())


def _listed(paths: bytes) -> frozenset[str]:
    """Return the drivers among the paths of modules; looking for each is faster than taking a long list apart."""
    return frozenset(driver for driver in DRIVERS
                     if any(f"/{word}.ko".encode() in paths for word in {driver, driver.replace("_", "-")}))
