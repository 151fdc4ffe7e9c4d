"""Whether a BIOS can boot a disk: its first sector and what that one leads to in, a verdict out.

A BIOS runs the first sector when it ends in 55 AA. That code either loads its own next stage (GRUB's core image, in
the gap behind the sector, or on GPT in the BIOS boot partition) or starts the first sector of the active partition.

    boot sector                       off   hex  size  field, little-endian
    GRUB 2, boot.img (EB 63)           92  0x5C     8  kernel_sector, where the core image starts
    GRUB legacy, stage1 (EB 48)        68  0x44     4  stage2_sector, where the next stage starts
    any                               510  0x1FE    2  signature, 55 AA

GNU GRUB manual, "BIOS installation", https://www.gnu.org/software/grub/manual/grub/html_node/BIOS-installation.html
GRUB, boot.S, https://git.savannah.gnu.org/cgit/grub.git/tree/grub-core/boot/i386/pc/boot.S
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from imgbuild.guests.verdicts import Verdict
from imgbuild.readers import BrokenImage, read_clipped
from imgbuild.volumes.types import BIOS_BOOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.guests.blocks import Block
    from imgbuild.model import Partition
    from imgbuild.readers import Reader
    from imgbuild.volumes.base import PartitionTable

SECTOR = 512
X86 = frozenset({"x86_64", "x86"})

_FREEBSD_BOOT = "83BD6B9D-7F41-11DC-BE0B-001560B84F0F"
_CODE_AREA = 440
_GRUB_2, _GRUB_LEGACY = b"\xeb\x63", b"\xeb\x48"


class Code(msgspec.Struct, frozen=True):
    """Boot code by name, and what it does: load its own next stage, start the active partition, or nothing.

    ``loads`` is the file that it looks for in the root of its own partition.
    """

    name: str
    kind: Literal["grub", "whole", "chain", "freebsd", "none", "unknown"]
    loads: str | None = None


_NONE = Code("no boot code", "none")
_UNKNOWN = Code("boot code that is not known", "unknown")

# What is found anywhere in the sector -> what it is; the first counts.
_MARKS = (
    (b"GRUB", Code("GRUB boot code", "grub")),
    (b"isolinux.bin missing", Code("ISOLINUX hybrid boot code", "whole")),
    (b"BOOTMGR", Code("Windows boot code (BOOTMGR)", "whole", "bootmgr")),
    (b"NTLDR", Code("Windows boot code (NTLDR)", "whole", "ntldr")),
    (b"SYSLINUX", Code("SYSLINUX boot code", "whole")),
    (b"EXTLINUX", Code("EXTLINUX boot code", "whole")),
    (b"LILO", Code("LILO boot code", "whole")),
    (b"Boot loader too large", Code("FreeBSD boot code", "freebsd")),
    (b"This is not a bootable disk", Code("only the notice of mkfs that it cannot boot", "none")),
    (b"Missing operating system", Code("generic boot code", "chain")),
    (b"Missing OS", Code("SYSLINUX's generic boot code", "chain")),
    (b"Error loading operating system", Code("generic boot code", "chain")),
)
# What the sector starts with: messages are translated in some editions of Windows; parted's code has none.
_BEGINNINGS = (
    (bytes.fromhex("33c08ed0bc007c"), Code("Windows' generic boot code", "chain")),
    (bytes.fromhex("fab800108ed0bc00b0"), Code("parted's generic boot code", "chain")),
)


def bios(disk: Reader, table: PartitionTable | None, architecture: str | None,
         blocks: Sequence[Block] = ()) -> Verdict:
    """Say whether a BIOS can boot the disk, for a guest of this architecture (``None``: not known).

    ``blocks`` are the partitions with their files: Windows writes its boot code to every volume that it formats, but
    the program that this loads to one of them.
    """
    if architecture is not None and architecture not in X86:
        return Verdict(value=False, why=f"{architecture} machines have no BIOS")
    try:
        return _judge(disk, table, blocks)
    except BrokenImage as broken:
        return Verdict(value=None, why=f"the boot code cannot be read: {broken.problem.message}")


def classify(sector: bytes) -> Code:
    """Return what the boot sector of a disk or a partition holds."""
    if len(sector) < SECTOR or sector[510:512] != b"\x55\xaa" or not any(sector[:_CODE_AREA]):
        return _NONE
    marked = (code for mark, code in _MARKS if mark in sector)
    begun = (code for start, code in _BEGINNINGS if sector.startswith(start))
    return next(marked, None) or next(begun, None) or _UNKNOWN


def _judge(disk: Reader, table: PartitionTable | None, blocks: Sequence[Block]) -> Verdict:
    sector = read_clipped(disk, 0, SECTOR)
    code = classify(sector)
    if code.kind == "grub":
        return _grub(disk, table, sector)
    if code.kind == "chain":
        return _chain(disk, table, code, blocks)
    if code.kind == "freebsd":
        return _in_partition(disk, table, _FREEBSD_BOOT, code, "FreeBSD boot partition")
    answers = {"whole": True, "none": False, "unknown": None}
    return Verdict(answers[code.kind], f"{code.name} in sector 0")


def _grub(disk: Reader, table: PartitionTable | None, sector: bytes) -> Verdict:
    """GRUB's first sector is worth something with the core image that it loads."""
    code, start = Code("GRUB boot code", "grub"), _core_sector(sector)
    if start == 0 and table is not None and table.kind == "gpt":
        return _in_partition(disk, table, BIOS_BOOT, code, "BIOS boot partition")
    if start == 0:
        return Verdict(value=True, why="GRUB boot code in sector 0")
    core = read_clipped(disk, start * SECTOR, SECTOR)
    where = f"sector {start}{_owner(table, start * SECTOR)}"
    if not any(core) or core.startswith(b"EFI PART"):
        return Verdict(value=False, why=f"GRUB boot code in sector 0, but its core image is missing at {where}")
    if _is_core(core):
        return Verdict(value=True, why=f"GRUB boot code in sector 0, its core image from {where} on")
    return Verdict(value=None, why=f"GRUB boot code in sector 0; what is at {where} does not look like its core image")


def _core_sector(sector: bytes) -> int:
    """Where GRUB's first sector finds the next stage, in sectors of 512 bytes; 0 where it does not say."""
    if sector.startswith(_GRUB_2):
        return int.from_bytes(sector[0x5C:0x64], "little")
    return int.from_bytes(sector[0x44:0x48], "little") if sector.startswith(_GRUB_LEGACY) else 0


def _is_core(first: bytes) -> bool:
    """Every next stage of GRUB, old or new, starts with a sector that can report disk errors in these words."""
    return b"Geom" in first and b"Read" in first


def _in_partition(disk: Reader, table: PartitionTable | None, type_id: str, code: Code, title: str) -> Verdict:
    parts = [part for part in table.partitions if part.type_id == type_id] if table is not None else []
    if not parts:
        return Verdict(value=False, why=f"{code.name} in sector 0, but there is no {title} for the rest of it")
    full = next((part for part in parts if any(read_clipped(disk, part.start, SECTOR))), None)
    if full is None:
        return Verdict(value=False, why=f"{code.name} in sector 0, but its core image is missing:"
                                        f" {title} {parts[0].index} is empty")
    return Verdict(value=True, why=f"{code.name} in sector 0, its core image in {title} {full.index}")


def _chain(disk: Reader, table: PartitionTable | None, code: Code, blocks: Sequence[Block]) -> Verdict:
    active = next((part for part in table.partitions if part.bootable), None) if table is not None else None
    if active is None:
        return Verdict(value=False, why=f"{code.name} in sector 0, but no partition is marked active for it to start")
    started = classify(read_clipped(disk, active.start, SECTOR))
    answers = {"grub": True, "whole": True, "none": False}
    why = f"{code.name} in sector 0 starts partition {active.index}, which has {started.name} in its first sector"
    if started.loads is not None and _lacks(blocks, active, started.loads):
        return Verdict(value=False, why=f"{why}, but no {started.loads} for it to load")
    return Verdict(answers.get(started.kind), why)


def _lacks(blocks: Sequence[Block], part: Partition, name: str) -> bool:
    """Say whether a file is seen not to be in the root of a partition."""
    held = (block for block in blocks if block.partition is not None and block.partition.index == part.index)
    filesystem = next((block.filesystem for block in held), None)
    if filesystem is None:
        return False
    try:
        return not any(entry.casefold() == name for entry in filesystem.listdir("/"))
    except BrokenImage:
        return False


def _owner(table: PartitionTable | None, offset: int) -> str:
    inside = (part for part in (table.partitions if table is not None else ()) if _holds(part, offset))
    part = next(inside, None)
    return f" (partition {part.index})" if part is not None else ""


def _holds(part: Partition, offset: int) -> bool:
    return part.start <= offset < part.start + part.size
