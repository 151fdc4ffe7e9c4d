"""Architecture and bits of a guest: the head of one of its programs in, the contract's words out.

The programs of the userland decide, not the kernel: a 32-bit system under a 64-bit kernel is a 32-bit system.

ELF identification and header, as far as it is read:

    off   hex  size  field
      0  0x00     4  e_ident[EI_MAG0..3], 7F then "ELF"
      4  0x04     1  e_ident[EI_CLASS], 1 = 32-bit, 2 = 64-bit
      5  0x05     1  e_ident[EI_DATA], 1 = little-endian, 2 = big-endian
     16  0x10     2  e_type, 2 = ET_EXEC, 3 = ET_DYN
     18  0x12     2  e_machine

System V Application Binary Interface, chapter 4 "Object Files", http://www.sco.com/developers/gabi/latest/ch4.eheader.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from imgbuild.guests.careful import Careful

_HEAD = 64
_PROGRAM_TYPES = (2, 3)
_BYTE_ORDERS: dict[int, Literal["little", "big"]] = {1: "little", 2: "big"}
_BITS = {1: 32, 2: 64}

# e_machine -> the word, by class and byte order where the machine comes in several.
_MACHINES = {
    (3, 32, "little"): "x86",  # EM_386
    (6, 32, "little"): "x86",  # EM_486, as some old compilers wrote
    (62, 64, "little"): "x86_64",  # EM_X86_64
    (62, 32, "little"): "x86_64",  # the x32 ABI
    (183, 64, "little"): "aarch64",  # EM_AARCH64
    (183, 64, "big"): "aarch64_be",
    (40, 32, "little"): "arm",  # EM_ARM
    (40, 32, "big"): "armeb",
    (20, 32, "big"): "ppc",  # EM_PPC
    (21, 64, "big"): "ppc64",  # EM_PPC64
    (21, 64, "little"): "ppc64le",
    (22, 64, "big"): "s390x",  # EM_S390
    (22, 32, "big"): "s390",
    (243, 64, "little"): "riscv64",  # EM_RISCV
    (243, 32, "little"): "riscv32",
    (258, 64, "little"): "loongarch64",  # EM_LOONGARCH
    (8, 64, "little"): "mips64el",  # EM_MIPS
    (8, 64, "big"): "mips64",
    (8, 32, "little"): "mipsel",
    (8, 32, "big"): "mips",
    (43, 64, "big"): "sparc64",  # EM_SPARCV9
    (50, 64, "little"): "ia64",  # EM_IA_64
    (0x9026, 64, "little"): "alpha",  # unofficial, but what Linux uses
    (0x9916, 64, "little"): "sw_64",  # Sunway, as binutils has it
}

# The first two are neighbours in one package, so most often in one block of a disk that is compressed.
_PROGRAMS = (
    "/usr/bin/env", "/usr/bin/expr", "/bin/sh", "/bin/bash", "/bin/busybox", "/sbin/init",
    "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/usr/bin/ls", "/bin/ls", "/bin/mount", "/sbin/ldconfig",
    "/nix/var/nix/profiles/system/sw/bin/sh", "/var/guix/profiles/system/profile/bin/sh",
)
_LOADERS = ("/lib64/ld-*", "/lib/ld-*", "/libexec/ld-*")


class Machine(NamedTuple):
    """What a program was built for."""

    architecture: str
    bits: int


def read_machine(head: bytes) -> Machine | None:
    """Return what the ELF program with this head (20 bytes or more) was built for; ``None`` for anything else."""
    if len(head) < 20 or head[:4] != b"\x7fELF":  # noqa: PLR2004 - the head up to and with e_machine
        return None
    bits, order = _BITS.get(head[4]), _BYTE_ORDERS.get(head[5])
    if bits is None or order is None:
        return None
    kind, machine = struct.unpack_from("<HH" if order == "little" else ">HH", head, 16)
    word = _MACHINES.get((machine, bits, order))
    return Machine(word, bits) if word and kind in _PROGRAM_TYPES else None


def machine_of(tree: Careful) -> Machine | None:
    """Return the machine that two programs of the guest agree on; of a sole one its own, ``None`` where none can tell.

    One program alone can be a stray: an emulator's, or one that was copied from another machine.
    """
    seen: dict[str, Machine] = {}
    for path in _PROGRAMS:
        place = tree.resolve(path)
        machine = read_machine(tree.read(place, _HEAD)) if place is not None and place not in seen else None
        if machine is not None and place is not None:
            if machine in seen.values():
                return machine
            seen[place] = machine
    found = list(seen.values()) or [machine for pattern in _LOADERS for path in tree.glob(pattern)
                                    if (machine := read_machine(tree.read(path, _HEAD)))][:1]
    return found[0] if len(found) == 1 else None
