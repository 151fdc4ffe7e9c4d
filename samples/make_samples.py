"""Make the small images of this folder anew: ``python3 samples/make_samples.py [FOLDER]``.

Nothing needs root; the programs are e2fsprogs', dosfstools', mtools', fdisk's sfdisk, xorriso and qemu-img. The same
versions of them give the same bytes: identifiers and times are fixed, owners and modes are set. The files of ``zvhd/``
were written by the vendor's own driver and are not made here; see the README there.
"""

from __future__ import annotations

import struct
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from images import disks, isos  # noqa: E402 - found by the line above
from images import filesystems as fs  # noqa: E402
from images.run import EPOCH, run  # noqa: E402

VHD_EPOCH = 946_684_800  # 2000-01-01 00:00:00 UTC, from which a VHD counts its seconds


def debian(target: Path, work: Path) -> None:
    """Write a 2 GiB cloud disk: BIOS boot partition with a core image, ESP, ext4 root with the traces of Debian 12."""
    disk = work / "debian.raw"
    disks.debian_cloud(disk, work, mib=2048, ballast=4096)
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", disk, target)


def installer(target: Path, work: Path) -> None:
    """Write an installer's ISO with El Torito entries for BIOS and UEFI."""
    isos.build("hybrid", work, payload=10_000, efi_kib=64, padding=False).rename(target)


def data_disk(target: Path, work: Path) -> None:
    """Write a fixed VHD with a FAT file system on the whole disk and no system on it."""
    files = {"readme.txt": b"data only\n"}
    disk = fs.fat(work / "data.raw", 0.25, files, bits=12, label="DATA", identifier="DA7A-0001")
    run("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size=on", disk, target)
    data = target.read_bytes()
    target.write_bytes(data[:-512] + steady_footer(data[-512:]))


def steady_footer(footer: bytes) -> bytes:
    """Return the VHD footer with a fixed time (byte 24), identifier (byte 68) and their checksum (byte 64)."""
    fixed = bytearray(footer)
    struct.pack_into(">I", fixed, 24, EPOCH - VHD_EPOCH)
    struct.pack_into(">I16s", fixed, 64, 0, b"imgbuild sample!")
    struct.pack_into(">I", fixed, 64, ~sum(fixed) & 0xFFFFFFFF)
    return bytes(fixed)


def overlay(target: Path, _: Path) -> None:
    """Write a qcow2 that depends on another file: the image that nobody should open unseen."""
    backing = ("-u", "-b", "/etc/passwd", "-F", "raw")
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=512", *backing, target, "16M")


SAMPLES = {
    "debian-12-tiny.qcow2": debian,
    "debian-12.11-netinst-tiny.iso": installer,
    "data-disk.vhd": data_disk,
    "overlay.qcow2": overlay,
}


def main(folder: Path) -> None:
    """Make all samples in ``folder`` and say how large they are."""
    for name, make in SAMPLES.items():
        with tempfile.TemporaryDirectory() as work:
            make(folder / name, Path(work))
        print(f"{name}: {(folder / name).stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
