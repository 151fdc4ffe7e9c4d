"""A4 and A5: files that are, or become, something else than what they are taken for."""

from __future__ import annotations

import gzip
import struct

import qcow2_images as q
import vdi_images as vdi
import vhd_writer as vhd
import vmdk_images as vmdk
from hostile.case import Case, Content
from hostile.cases.references import PASSWD, alone, backed
from images import discs, loaders
from table_writer import Disk, Gpt, Part, boot_sector, record

MIB = 1 << 20
CLAIM, NAME, CONFLICT = ("image-claim-contradicted",), ("image-extension-contradicted",), ("image-format-conflict",)
INSIDE = ("image-disk-is-an-image",)
EVIL = backed(PASSWD)
FLAT = alone('RW 100 FLAT "/etc/passwd" 0')


def holding(data: bytes) -> bytes:
    """Return a sound qcow2 whose disk begins with ``data``."""
    builder = q.Builder(cluster_bits=16)
    for place in range(0, len(data), 1 << 16):
        builder.standard(data[place : place + (1 << 16)].ljust(1 << 16, b"\0"))
    return builder.image()


def ending(tail: bytes, size: int = MIB) -> bytes:
    """Return a sound qcow2 whose disk ends with ``tail``."""
    return holding(bytes(size - len(tail)) + tail) + bytes(1 << 16)


def partitioned() -> Disk:
    """Return a raw disk with a sound GPT."""
    return Gpt([Part(2048, 4095)]).write(Disk(8 * MIB))


def _vhdx() -> Content:
    import vhdx_writer  # noqa: PLC0415 - this case only

    return vhdx_writer.Disk().file()


CONFUSED = [
    Case("claim-raw.img", "A4", "a raw disk into which its guest wrote a qcow2 header (CVE-2024-40767)",
         lambda: EVIL, (*CLAIM, "image-backing-file"), words=("--claim", "raw")),
    Case("claim-raw-vmdk.img", "A4", "a raw disk into which its guest wrote a VMDK descriptor",
         lambda: FLAT, (*CLAIM, "image-external-extent"), words=("--claim", "raw")),
    Case("claim-raw-footer.img", "A4", "a raw disk at whose end its guest wrote a VHD footer",
         lambda: vhd.fixed(bytes(MIB)), CLAIM, words=("--claim", "raw")),
    Case("claim-qcow2.img", "A4", "a raw disk that is said to be qcow2", partitioned, CLAIM,
         words=("--claim", "qcow2")),
    Case("claim-iso.img", "A4", "a qcow2 that is said to be an ISO", q.plain, CLAIM, words=("--claim", "iso")),
    Case("claim-vhd.img", "A4", "a VHDX that is said to be a VHD", _vhdx, CLAIM, words=("--claim", "vhd")),
    Case("named.raw", "A4", "a qcow2 with a backing file, named .raw", lambda: EVIL, (*NAME, "image-backing-file")),
    Case("named.iso", "A4", "a qcow2 with a backing file, named .iso", lambda: EVIL, (*NAME, "image-backing-file")),
    Case("named-raw.qcow2", "A4", "a raw disk, named .qcow2", partitioned, NAME),
    Case("named-raw.vhd", "A4", "a raw disk, named .vhd", partitioned, NAME),
    Case("named-descriptor.qcow2", "A4", "a VMDK descriptor, named .qcow2", lambda: FLAT,
         (*NAME, "image-external-extent")),
    Case("named-qcow2.vmdk", "A4", "a qcow2, named .vmdk", q.plain, NAME),
    Case("inside-qcow2.qcow2", "A4", "a sound qcow2 whose disk begins as a qcow2 with a backing file (CVE-2026-24708)",
         lambda: holding(EVIL), INSIDE),
    Case("inside-qed.vmdk", "A4", "a sound VMDK whose disk begins as a QED", lambda: vmdk.Builder(
        [b"QED\0".ljust(4096, b"\0")]).image(), INSIDE),
    Case("inside-descriptor.qcow2", "A4", "a sound qcow2 whose disk begins as a VMDK descriptor",
         lambda: holding(FLAT), INSIDE),
    Case("inside-footer.qcow2", "A4", "a sound qcow2 whose disk ends with a VHD footer",
         lambda: ending(vhd.footer(MIB - 512)), INSIDE),
    Case("inside-vhdx.vhd", "A4", "a sound VHD whose disk begins as a VHDX",
         lambda: vhd.fixed(b"vhdxfile".ljust(MIB, b"\0")), ("image-format-conflict",)),
    Case("inside-vdi.vhd", "A4", "a sound dynamic VHD whose disk begins as a VDI",
         lambda: vhd.dynamic(vdi.vdi().ljust(2 * MIB, b"\0"), MIB), INSIDE),
    Case("inside-luks.qcow2", "A4", "a sound qcow2 whose disk is LUKS",
         lambda: holding(b"LUKS\xba\xbe\0\1".ljust(65536, b"\0")), ("ims-encrypted-content",)),
]


def iso(system_area: bytes, **options: object) -> bytes:
    """Return a small disc with this system area."""
    return discs.disc(discs.primary(), discs.terminator(), system_area=system_area, **options)


def hybrid_gpt() -> bytes:
    """Return a disc with a protective MBR and a GPT header, as xorriso writes an isohybrid for UEFI."""
    table = Gpt([Part(34, 60)]).write(Disk(24 * discs.SECTOR))
    return iso(table.read_at(0, 16384)[:16384])


def over(below: bytes, place: int, above: bytes) -> bytes:
    return below[:place].ljust(place, b"\0") + above + below[place + len(above):]


def sealed_tar(name: bytes) -> bytes:
    """Return a tar archive with one empty file of this name."""
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"0" * 11 + b"\0" + b"0" * 11 + b"\0"
                      + b" " * 8 + b"0").ljust(257, b"\0") + b"ustar\x0000"
    block = block.ljust(512, b"\0")
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


POLYGLOTS = [
    Case("iso-qcow2.iso", "A5", "a qcow2 header in the system area of an ISO", lambda: iso(EVIL[:512]), CONFLICT),
    Case("iso-qcow1.iso", "A5", "a QCOW 1 header in the system area of an ISO",
         lambda: iso(b"QFI\xfb\0\0\0\1".ljust(512, b"\0")), CONFLICT),
    Case("iso-qed.iso", "A5", "a QED header in the system area of an ISO", lambda: iso(b"QED\0"), CONFLICT),
    Case("iso-vmdk.iso", "A5", "a sparse VMDK header in the system area of an ISO",
         lambda: iso(vmdk.plain().image()[:512]), CONFLICT),
    Case("iso-descriptor.iso", "A5", "a VMDK descriptor in the system area of an ISO", lambda: iso(FLAT), CONFLICT),
    Case("iso-vdi.iso", "A5", "a VDI header in the system area of an ISO", lambda: iso(vdi.vdi()[:512]), CONFLICT),
    Case("iso-vhdx.iso", "A5", "a VHDX signature in the system area of an ISO", lambda: iso(b"vhdxfile"), CONFLICT),
    Case("iso-vhd.iso", "A5", "a VHD footer at the end of an ISO",
         lambda: iso(b"") + vhd.footer(24 * discs.SECTOR), CONFLICT),
    Case("iso-dmg.iso", "A5", "a DMG trailer at the end of an ISO",
         lambda: iso(b"") + (b"koly" + struct.pack(">II", 4, 512)).ljust(512, b"\0"), CONFLICT),
    Case("iso-parallels.iso", "A5", "a Parallels header in the system area of an ISO",
         lambda: iso(b"WithouFreSpacExt"), CONFLICT),
    Case("iso-luks.iso", "A5", "a LUKS header in the system area of an ISO", lambda: iso(b"LUKS\xba\xbe\0\1"),
         CONFLICT),
    Case("iso-gzip.iso", "A5", "gzip in the system area of an ISO", lambda: iso(gzip.compress(b"x", mtime=0)),
         CONFLICT),
    Case("iso-zip.iso", "A5", "zip in the system area of an ISO", lambda: iso(b"PK\x03\x04"), CONFLICT),
    Case("iso-tar.iso", "A5", "a tar header in the system area of an ISO", lambda: iso(sealed_tar(b"x")), CONFLICT),
    Case("iso-elf.iso", "A5", "a program (ELF) in the system area of an ISO",
         lambda: iso(b"\x7fELF\2\1\1".ljust(64, b"\0")), CONFLICT),
    Case("iso-pe.iso", "A5", "a program (PE) in the system area of an ISO", lambda: iso(loaders.efi_program()),
         CONFLICT),
    Case("iso-hybrid-mbr.iso", "A5", "a legitimate isohybrid: ISO and MBR", lambda: iso(discs.mbr(sectors=32))),
    Case("iso-hybrid-gpt.iso", "A5", "a legitimate isohybrid: ISO, MBR and GPT", hybrid_gpt),
    Case("iso-hybrid-qcow2.iso", "A5", "an isohybrid with a qcow2 header in the boot code",
         lambda: iso(over(discs.mbr(sectors=32), 0, EVIL[:440])), CONFLICT),
    Case("mbr-vhd.img", "A5", "a partitioned disk, and the footer of another VHD at its end",
         lambda: over(discs.mbr(), 512, bytes(MIB - 512)) + vhd.footer(512 * MIB), CONFLICT),
    Case("mbr-qcow2.img", "A5", "a qcow2 header, and a partition table in the same sector",
         lambda: over(EVIL, 446, discs.mbr()[446:]), CONFLICT),
    Case("mbr-vmdk.img", "A5", "a VMDK header, and a partition table in the same sector",
         lambda: over(vmdk.plain().image(), 446, discs.mbr()[446:]), CONFLICT),
    Case("qcow2-vhd.img", "A5", "qcow2 at the start, a VHD footer at the end", lambda: EVIL + vhd.footer(len(EVIL)),
         CONFLICT),
    Case("vmdk-vhd.img", "A5", "VMDK at the start, a VHD footer at the end",
         lambda: vmdk.plain().image() + vhd.footer(MIB), CONFLICT),
    Case("qcow2-vdi.img", "A5", "one header that is qcow2 and VDI", lambda: over(q.plain(), 64, b"\x7f\x10\xda\xbe"),
         CONFLICT),
    Case("qcow2-tar.img", "A5", "a tar archive whose first name is a qcow2 header",
         lambda: sealed_tar(b"QFI\xfb\0\0\0\2"), CONFLICT),
    Case("qcow2-dmg.img", "A5", "qcow2 at the start, a DMG trailer at the end",
         lambda: q.plain() + (b"koly" + struct.pack(">II", 4, 512)).ljust(512, b"\0"), CONFLICT),
    Case("gzip-vhd.img", "A5", "gzip at the start, a VHD footer at the end",
         lambda: gzip.compress(bytes(4096), mtime=0).ljust(4096, b"\0") + vhd.footer(4096), CONFLICT),
    Case("vhd-mbr-qcow2.img", "A5", "a fixed VHD whose disk begins as a qcow2",
         lambda: vhd.fixed(EVIL.ljust(MIB, b"\0")), CONFLICT),
    Case("script-cloop.img", "A5", "a shell script that qemu takes for a disk",
         lambda: b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount /dev/cloop $1\nexit\n".ljust(4096, b"\0"),
         ("image-foreign-format",)),
    Case("descriptor-mbr.img", "A5", "a VMDK descriptor, and a partition table in its first sector",
         lambda: over(b"# Disk DescriptorFile\n" + b"#" * 400 + b"\n" + FLAT, 446,
                      boot_sector(record(0x83, 1, 8))[446:]), CONFLICT),
]

CASES = [*CONFUSED, *POLYGLOTS]
