"""Which firmware can boot the disk: what the other modules found in, the contract's ``Firmware`` out.

The modes are a set: cloud images of today boot both ways. ``None`` means that it could not be seen. An ISO image is
booted through its El Torito catalog and nothing else.

"El Torito" Bootable CD-ROM Format Specification 1.0, section 2.1,
https://pdos.csail.mit.edu/6.828/2014/readings/boot-cdrom.pdf
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.guests import bootcode, loaders
from imgbuild.model import Firmware

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgbuild.guests.blocks import Block
    from imgbuild.readers import Reader
    from imgbuild.volumes.base import PartitionTable


def boot_modes(disk: Reader, table: PartitionTable | None, blocks: Sequence[Block], *,
               container: Mapping[str, Any] | None = None, architecture: str | None = None) -> Firmware:
    """Return the boot modes of a disk for a guest of this architecture (``None``: not known).

    ``container`` holds the facts of the container's header; an ISO's say for which platforms it has boot images.
    """
    platforms = (container or {}).get("boot_platforms")
    if isinstance(platforms, (list, tuple)):
        return _disc_modes([str(platform) for platform in platforms])
    bios = bootcode.bios(disk, table, architecture, blocks)
    uefi, secure_boot = loaders.uefi(blocks, architecture)
    why = (bios.why, uefi.why) if secure_boot is None else (bios.why, uefi.why, secure_boot.why)
    return Firmware(bios=bios.value, uefi=uefi.value, secure_boot=secure_boot.value if secure_boot else None, why=why)


def _disc_modes(platforms: Sequence[str]) -> Firmware:
    named = f"El Torito boot images: {', '.join(platforms)}" if platforms else "there is no El Torito boot image"
    return Firmware(bios="bios" in platforms, uefi="uefi" in platforms, why=(named,))
