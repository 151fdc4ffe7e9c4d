"""Boot sectors and next stages with the marks of the real ones, and UEFI programs with headers like real ones."""

from __future__ import annotations

import struct


def sector(code=b"", *, signed=True):
    return code.ljust(510, b"\0")[:510] + (b"\x55\xaa" if signed else b"\0\0")


def grub(core=1):
    """GRUB 2's boot.img; its core image is at this sector."""
    code = bytearray(sector(b"\xeb\x63\x90"))
    code[0x5C:0x64] = core.to_bytes(8, "little")
    code[0x180:0x1A2] = b"GRUB \0Geom\0Hard Disk\0Read\0 Error\r\n"
    return bytes(code[:510]) + b"\x55\xaa"


def grub_legacy(stage2=1):
    code = bytearray(sector(b"\xeb\x48\x90"))
    code[0x44:0x48] = stage2.to_bytes(4, "little")
    code[0x17F:0x1A0] = b"GRUB \0Geom\0Hard Disk\0Read\0 Error\0"
    return bytes(code[:510]) + b"\x55\xaa"


DISKBOOT = b"\x52\x56\xbe\x1b\x81\xe8".ljust(0x11B, b"\x90")
DISKBOOT += b"loading\0.\0\r\n\0Geom\0Read\0 Error\0".ljust(0xE5, b"\0")
SYSLINUX_MBR = sector(b"\x33\xc0\xfa\x8e\xd8" + b"Missing operating system.\r\n")
GPTMBR = sector(b"\x33\xc0\xfa\x8e\xd8" + b"Missing OS\r\n")
WINDOWS_MBR = sector(bytes.fromhex("33c08ed0bc007c8ec08ed8be007cbf0006") + b"Ungueltige Partitionstabelle")
PARTED_MBR = sector(bytes.fromhex("fab800108ed0bc00b0b800008ed88ec0fbbe007cbf0006b90002f3a4ea210600"))
ISOHYBRID = sector(b"\x33\xed" + bytes(30) + b"isolinux.bin missing or corrupt.\r\n")
LILO = sector(b"\xfa\xeb\x7c\x6c\x6a\x62LILO")
EXTLINUX_VBR = sector(b"\xeb\x58\x90EXTLINUX")
BOOTMGR_VBR = sector(b"\xeb\x52\x90NTFS    " + bytes(200) + b"\r\nBOOTMGR is missing")
MKFS_VBR = sector(b"\xeb\x3c\x90mkfs.fat" + bytes(80) + b"This is not a bootable disk.  Please insert")
UNKNOWN = sector(b"\xfa\x31\xc0\x8e\xd8 my own")


def program(machine=0x8664, *, certificates=b"", sections=(), plus=True):
    """A PE program: headers, sections of ``(name, content)``, and a certificate table at its end."""
    magic, directories = (0x20B, 112) if plus else (0x10B, 96)
    optional = bytearray(directories + 16 * 8)
    struct.pack_into("<H", optional, 0, magic)
    struct.pack_into("<I", optional, directories - 4, 16)
    body, headers, at = b"", b"", 1024
    for name, content in sections:
        headers += struct.pack("<8sIIII16x", name, len(content), 0, len(content), at)
        body += content
        at += len(content)
    if certificates:
        struct.pack_into("<II", optional, directories + 8 * 4, at, len(certificates))
    coff = struct.pack("<HHIIIHH", machine, len(sections), 0, 0, 0, len(optional), 0x22)
    stub = (b"MZ".ljust(60, b"\0") + (128).to_bytes(4, "little")).ljust(128, b"\0")
    head = stub + b"PE\0\0" + coff + optional + headers
    return head.ljust(1024, b"\0") + body + certificates


def certificates(*names):
    """A certificate table as far as it is looked at: the names stand in it as they do in DER."""
    strings = b"".join(b"\x13" + bytes((len(name),)) + name for name in names)
    return b"\x00\x06\x00\x00\x00\x02\x02\x00\x30\x82" + strings


MICROSOFT = certificates(b"Microsoft Corporation UEFI CA 2011")
SBAT = b"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\nshim,4,UEFI shim,shim,1,https://x\n"
SHIM = program(certificates=MICROSOFT, sections=((b".text", b"\x90" * 2048), (b".sbat", SBAT)))
OLD_SHIM = program(certificates=MICROSOFT, sections=((b"/14", b"UEFI SHIM\n$Version: 15 $\n"),))
