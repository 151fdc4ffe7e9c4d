"""ISO images like those of installers: BIOS and UEFI hybrid, UEFI only, data only, and a NoCloud seed."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from images import filesystems as fs
from images import loaders
from images.run import EPOCH, run

if TYPE_CHECKING:
    from pathlib import Path

TOOLS = ("xorriso", "mkfs.vfat", "mmd", "mcopy")
_BIOS = (
    "-b",
    "isolinux/isolinux.bin",
    "-c",
    "isolinux/boot.cat",
    "-no-emul-boot",
    "-boot-load-size",
    "4",
    "-boot-info-table",
)
_UEFI = ("-e", "boot/grub/efi.img", "-no-emul-boot")
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "hybrid": ("Debian 12.11.0 amd64 n", (*_BIOS, "-eltorito-alt-boot", *_UEFI, "-isohybrid-gpt-basdat")),
    "uefi": ("UEFI_ONLY", _UEFI),
    "data": ("DATA_ONLY", ()),
}


def build(kind: str, folder: Path, *, payload: int = 200_000, efi_kib: int = 256, padding: bool = True) -> Path:
    """Make the image ``kind`` in ``folder`` and return its path.

    The kernel in it has ``payload`` bytes, the FAT image for UEFI ``efi_kib`` KiB; ``padding`` is the usual 300 KiB.
    """
    label, options = KINDS[kind]
    options = options if padding else (*options, "-no-pad")
    content = folder / f"{kind}.content"
    for name, data in _files(payload).items():
        place = content / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    (content / "boot/grub").mkdir(parents=True)
    fs.fat(folder / "efi.img", efi_kib / 1024, {"EFI/BOOT/BOOTX64.EFI": loaders.efi_program()}, bits=12, label="EFI")
    (folder / "efi.img").rename(content / "boot/grub/efi.img")
    return _master(folder / f"{kind}.iso", label, options, content)


def seed(folder: Path) -> Path:
    """Make a NoCloud seed."""
    content = folder / "seed.content"
    content.mkdir()
    (content / "user-data").write_text("#cloud-config\n")
    (content / "meta-data").write_text("instance-id: i\n")
    return _master(folder / "seed.iso", "cidata", (), content)


def _files(payload: int) -> dict[str, bytes]:
    noise = random.Random("kernel").randbytes  # noqa: S311 - ballast, no secret
    return {
        ".disk/info": b'Debian GNU/Linux 12.11.0 "Bookworm" - Official amd64 NETINST with firmware 20250517-09:52\n',
        "install.amd/vmlinuz": noise(payload),
        "install.amd/initrd.gz": noise(payload),
        "isolinux/isolinux.bin": noise(24576),
        "EFI/boot/bootx64.efi": loaders.efi_program(),
    }


def _master(target: Path, label: str, options: tuple[str, ...], content: Path) -> Path:
    for path in [*content.rglob("*"), content]:
        os.utime(path, (EPOCH, EPOCH))
    run("xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-joliet-long", "-V", label, "-o", target, *options, content)
    return target
