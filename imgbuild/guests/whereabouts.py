"""Whether what a guest names is on this disk: a name out of fstab or a boot entry in, the block or its absence out.

An identifier that no block of the disk has is elsewhere, on another disk or gone, but only where all of the disk was
seen: behind encryption, RAID or what cannot be read there may be anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from imgbuild.guests import devices
from imgbuild.readers import BrokenImage, read_clipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.guests.blocks import Block
    from imgbuild.guests.layout import Guest

Where = Literal["here", "elsewhere", "unseen", "no device"]

_HIDING = frozenset({"luks", "md", "zfs", "bitlocker", "verity"})
# Compiled when first used: most systems need none of these.
_TAG = r"(?s)(?:UUID|LABEL|PARTUUID|PARTLABEL)=.+|/dev/disk/by-(?:uuid|label|partuuid|partlabel)/.+"
_ARRAY = r"/dev/md(?:\d+|_d\d+.*|/.+)"
_VOLUME = r"/dev/(?!(?:disk|mapper|md|zvol|block|char|pts|net|shm|loop|fd|input|bus)/)[\w.+-]+/[\w.+-]+"
_MAPPED = r"/dev/mapper/((?:[\w.+]|--)+)-(?:[\w.+]|--)+"
_DATA_TYPES = frozenset({"Linux filesystem", "Linux", "root", "usr", "home", "srv", "var", "Linux RAID", "Linux LVM",
                         "Microsoft basic data"})
_BLANK = 72 * 1024
"""Bytes from the start in which all but the rarest file systems have their superblock."""


class Found(msgspec.Struct, frozen=True):
    """Where a name leads; ``block`` is what it names on this disk."""

    where: Where
    block: Block | None = None


def locate(spec: str, guest: Guest, blocks: Sequence[Block]) -> Found:
    """Return where ``spec`` leads in a guest; a network share, a file or a pseudo file system is no device."""
    own = own_disk(guest)
    block = devices.find(spec, blocks, disk=own)
    if block is not None:
        return Found("here", block)
    name = devices.disk_name(spec)
    if name is not None:
        whole = name.partition == 0 and name.disk == own
        return Found("here" if whole else "elsewhere")
    if not re.fullmatch(_TAG, spec):
        return Found(_where_is_volume(spec, guest, blocks))
    return Found("unseen" if hides_something(blocks) else "elsewhere")


def own_disk(guest: Guest) -> int:
    """Return the number of this disk in the guest: the one that its fstab has the root on, else the first."""
    names = (devices.disk_name(entry.spec) for entry in guest.fstab if entry.mount_point == "/")
    return next((name.disk for name in names if name is not None), 0)


def hides_something(blocks: Sequence[Block]) -> bool:
    """Say whether a file system may be on the disk that was not seen."""
    return any(_hides(block, blocks) for block in blocks)


def _hides(block: Block, blocks: Sequence[Block]) -> bool:
    if block.identity is None:
        return block.volume is not None or (_is_for_data(block) and not _is_blank(block))
    if block.identity.kind == "lvm2":
        return not any(other.volume is not None for other in blocks)
    return block.identity.kind in _HIDING


def _is_for_data(block: Block) -> bool:
    name = block.partition.type if block.partition is not None else None
    return name is None or name.partition(" (")[0] in _DATA_TYPES


def _is_blank(block: Block) -> bool:
    try:
        return not any(read_clipped(block.reader, 0, _BLANK))
    except BrokenImage:
        return False


def _where_is_volume(spec: str, guest: Guest, blocks: Sequence[Block]) -> Where:
    """Return where a volume or an array is that this disk does not show."""
    if not spec.startswith("/dev/"):
        return "no device"
    plain, mapped = re.fullmatch(_VOLUME, spec), re.fullmatch(_MAPPED, spec)
    if not (plain or mapped or re.fullmatch(_ARRAY, spec)) or hides_something(blocks):
        return "unseen"
    if mapped and spec.rpartition("/")[2] in (guest.careful.read_text("/etc/crypttab", 1 << 16) or ""):
        return "unseen"
    return "elsewhere"
