"""What firmware looks for: boot code in sector 0, a core image in the BIOS boot partition, a PE program on the ESP.

None of it runs; it has the marks of the real thing where readers look for them.
"""

from __future__ import annotations

import struct

PE_X86_64, PE_AARCH64 = 0x8664, 0xAA64
SBAT = (
    b"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
    b"grub,3,Free Software Foundation,grub,2.06,https://www.gnu.org/software/grub/\n"
)


def boot_sector(core_lba: int) -> bytes:
    """Return the first 440 bytes of GRUB's boot.img: jump, place of the core image (0x5C), messages (0x180)."""
    code = bytearray(440)
    code[0:3] = b"\xeb\x63\x90"
    code[0x5A:0x5C] = b"\x00\x80"
    struct.pack_into("<Q", code, 0x5C, core_lba)
    code[0x64] = 0xFF
    code[0x65:0x67] = b"\xfa\xeb"
    messages = b"GRUB \0Geom\0Hard Disk\0Read\0 Error\r\n\0"
    code[0x180 : 0x180 + len(messages)] = messages
    return bytes(code)


def core_image(lba: int, sectors: int = 40) -> bytes:
    """Return a core image that starts at ``lba``: GRUB's first sector with its block list at the end, then more."""
    first = bytearray(512)
    first[0:4] = b"\x52\xe8\x28\x01"
    messages = b"loading\0.\0\r\n\0Geom\0Read\0 Error\0"
    first[0x170 : 0x170 + len(messages)] = messages
    struct.pack_into("<QHH", first, 0x1F4, lba + 1, sectors - 1, 0x820)
    rest = b"".join(struct.pack("<I", (value * 2654435761) & 0xFFFFFFFF) for value in range(256))
    return bytes(first) + (rest * sectors)[: (sectors - 1) * 512]


def efi_program(machine: int = PE_X86_64) -> bytes:
    """Return an unsigned PE32+ program of the EFI application subsystem with a .text and an .sbat section."""
    sections = ((b".text", b"\xf4\xeb\xfd".ljust(512, b"\0")), (b".sbat", SBAT.ljust(512, b"\0")))
    headers_size = 512
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 512, 512, 0, 0x1000, 0x1000)
    optional += struct.pack("<QIIHHHHHHIIIIHH", 0, 0x1000, 512, 0, 0, 0, 0, 0, 0, 0, 0x3000, headers_size, 0, 10, 0)
    optional += struct.pack("<QQQQII", 0, 0, 0, 0, 0, 16) + bytes(16 * 8)
    coff = struct.pack("<HHIIIHH", machine, len(sections), 0, 0, 0, len(optional), 0x206)
    table, body = b"", b""
    for index, (name, data) in enumerate(sections):
        place = headers_size + len(body)
        fields = (len(data), 0x1000 * (index + 1), len(data), place, 0, 0, 0, 0, 0x60000020)
        table += name.ljust(8, b"\0") + struct.pack("<IIIIIIHHI", *fields)
        body += data
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)
    return (dos.ljust(0x80, b"\0") + b"PE\0\0" + coff + optional + table).ljust(headers_size, b"\0") + body
