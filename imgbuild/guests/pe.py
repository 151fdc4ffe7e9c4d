"""What a UEFI program is: a file on the EFI system partition in, machine, signers and whether it is shim out.

Only headers, the certificate table (64 KiB at most) and small sections are read; all offsets are checked.

    off          size  field, little-endian
      0 0x00        2  "MZ"
     60 0x3C        4  e_lfanew, where the PE header is
    PE header:
      0 0x00        4  "PE", two zeros
      4 0x04        2  Machine
      6 0x06        2  NumberOfSections
     20 0x14        2  SizeOfOptionalHeader
     24 0x18        2  Magic, 0x10B = PE32, 0x20B = PE32+
    optional header: the data directories start at 96 (PE32) or 112 (PE32+), 8 bytes each; the fifth is the certificate
    table: offset in the file, size. Their number is in the four bytes before them.
    section header, 40 bytes: Name 8, VirtualSize 4, VirtualAddress 4, SizeOfRawData 4, PointerToRawData 4, …

Microsoft, "PE Format", https://learn.microsoft.com/windows/win32/debug/pe-format
UEFI 2.10, 32.2.4 "Code Definitions" on WIN_CERTIFICATE, https://uefi.org/specs/UEFI/2.10/32_Secure_Boot_and_Driver_Signing.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.base import FileSystem

MACHINES = {0x8664: "x86_64", 0x014C: "x86", 0xAA64: "aarch64", 0x01C2: "arm", 0x01C4: "arm", 0x5064: "riscv64",
            0x6264: "loongarch64"}

# The certificate authorities that firmware trusts as delivered.
_AUTHORITIES = (b"Microsoft Corporation UEFI CA 2011", b"Microsoft UEFI CA 2023",
                b"Microsoft Windows Production PCA 2011", b"Windows UEFI CA 2023")
_SHIM_MARKS = (b"UEFI SHIM", b"\nshim,")

_HEADERS = 4096
_CERTIFICATES = 64 * 1024
_SMALL_SECTION = 1024
_MOST_SECTIONS = 32
_DIRECTORIES = {0x10B: 96, 0x20B: 112}
_SECURITY = 4
_SECTION = struct.Struct("<8sIIII16x")


class Program(msgspec.Struct, frozen=True):
    """A UEFI program; ``machine`` is ``None`` for one that is not known, ``authorities`` are those that signed it."""

    machine: str | None
    signed: bool
    authorities: tuple[str, ...]
    is_shim: bool


class Section(msgspec.Struct, frozen=True):
    """A section: its name, its size in memory and its offset in the file, in bytes."""

    name: str
    size: int
    offset: int


def read_program(filesystem: FileSystem, path: str) -> Program | None:
    """Return what the program is, or ``None`` where it is no PE program.

    Raises:
        BrokenImage: The file system is damaged at this place.
    """
    head = filesystem.read(path, _HEADERS)
    start = _start_of(head)
    if start is None:
        return None
    certificates = _certificates(filesystem, path, head, start)
    names = tuple(name.decode("ascii") for name in _AUTHORITIES if name in certificates)
    # Sections that are short enough to hold no more than a few lines of text.
    small = (section for section in read_sections(head) if 0 < section.size <= _SMALL_SECTION)
    is_shim = any(mark in filesystem.read(path, section.size, section.offset)
                  for section in small for mark in _SHIM_MARKS)
    return Program(machine_of(head), signed=bool(certificates), authorities=names, is_shim=is_shim)


def machine_of(head: bytes) -> str | None:
    """Return the machine of the PE program that begins with ``head``, or ``None`` where it is none that is known."""
    start = _start_of(head)
    return MACHINES.get(int.from_bytes(head[start + 4 : start + 6], "little")) if start is not None else None


def read_sections(head: bytes) -> Iterator[Section]:
    """Yield the sections of the PE program that begins with ``head``, as far as their headers are in it."""
    start = _start_of(head)
    if start is None:
        return
    count, optional = (int.from_bytes(head[at : at + 2], "little") for at in (start + 6, start + 20))
    for number in range(min(count, _MOST_SECTIONS)):
        at = start + 24 + optional + number * _SECTION.size
        if at + _SECTION.size > len(head):
            return
        name, size, _, _, offset = _SECTION.unpack_from(head, at)
        yield Section(name.rstrip(b"\0").decode("latin-1"), size, offset)


def _start_of(head: bytes) -> int | None:
    start = int.from_bytes(head[60:64], "little")
    is_program = head[:2] == b"MZ" and head[start : start + 4] == b"PE\0\0" and len(head) >= start + 26
    return start if is_program else None


def _certificates(filesystem: FileSystem, path: str, head: bytes, start: int) -> bytes:
    """Return the certificate table, clipped; empty where the program is not signed."""
    magic = int.from_bytes(head[start + 24 : start + 26], "little")
    directories = start + 24 + _DIRECTORIES.get(magic, _HEADERS)
    if len(head) < directories + 8 * (_SECURITY + 1) or head[directories - 4] <= _SECURITY:
        return b""
    offset, size = struct.unpack_from("<II", head, directories + 8 * _SECURITY)
    return filesystem.read(path, min(size, _CERTIFICATES), offset) if offset and size else b""
