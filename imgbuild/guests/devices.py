"""Which block an fstab means: the first field of an entry in, a block of this image out.

An image is one disk; ``/dev/sdb1`` is on another one. The letter of the guest's root says which disk this one is.

fstab(5), "the first field", https://man7.org/linux/man-pages/man5/fstab.5.html
udev, 60-persistent-storage.rules, https://github.com/systemd/systemd/blob/main/rules.d/60-persistent-storage.rules.in
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgbuild.guests.blocks import Block

_LETTERED = re.compile(r"/dev/(?:sd|hd|vd|xvd)([a-z])(\d*)")
_NUMBERED = re.compile(r"/dev/(?:nvme(\d+)n1|mmcblk(\d+))(?:p(\d+))?")
_PERSISTENT = re.compile(r"/dev/disk/by-(?:id|path)/.+-part(\d+)")
_TAG = re.compile(r"(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)|/dev/disk/by-(uuid|label|partuuid|partlabel)/(.*)", re.DOTALL)
_HEX = re.compile(r"\\x([0-9a-fA-F]{2})")


class DiskName(NamedTuple):
    """A kernel name taken apart: the number of the disk from 0 on, the number of the partition (0: the whole disk)."""

    disk: int
    partition: int


def disk_name(spec: str) -> DiskName | None:
    """Return what ``/dev/sda2``, ``/dev/nvme0n1p2`` and their like name; ``None`` for anything else."""
    lettered, numbered = _LETTERED.fullmatch(spec), _NUMBERED.fullmatch(spec)
    if lettered:
        return DiskName(ord(lettered[1]) - ord("a"), int(lettered[2] or 0))
    if numbered:
        return DiskName(int(numbered[1] or numbered[2]), int(numbered[3] or 0))
    return None


def find(spec: str, blocks: Sequence[Block], *, disk: int = 0) -> Block | None:
    """Return the block that ``spec`` names, where this image is disk number ``disk``; ``None`` where none does."""
    tag, name, persistent = _TAG.fullmatch(spec), disk_name(spec), _PERSISTENT.fullmatch(spec)
    if tag:
        kind, value = (tag[1], tag[2].strip("\"'")) if tag[1] else (tag[3].upper(), _plain(tag[4]))
        return _first(blocks, lambda block: _same(kind, _tags(block).get(kind), value))
    if name:
        return _by_number(blocks, name.partition) if name.disk == disk else None
    if persistent:
        return _by_number(blocks, int(persistent[1]))
    return _first(blocks, lambda block: spec in _volume_paths(block))


def _first(blocks: Sequence[Block], test: Callable[[Block], bool]) -> Block | None:
    return next((block for block in blocks if test(block)), None)


def _by_number(blocks: Sequence[Block], number: int) -> Block | None:
    return _first(blocks, lambda block: block.partition is not None and block.partition.index == number)


def _tags(block: Block) -> dict[str, str | None]:
    tags = {"UUID": block.identity.uuid, "LABEL": block.identity.label} if block.identity is not None else {}
    if block.partition is not None:
        tags |= {"PARTUUID": block.partition.partuuid, "PARTLABEL": block.partition.name}
    return tags


def _same(kind: str, known: str | None, wanted: str) -> bool:
    if not known or not wanted:
        return False
    return known.casefold() == wanted.casefold() if kind.endswith("UUID") else known == wanted


def _volume_paths(block: Block) -> tuple[str, ...]:
    if block.volume is None or "/" not in block.volume.name:
        return ()
    group, _, name = block.volume.name.partition("/")
    return f"/dev/{group}/{name}", f"/dev/mapper/{group.replace('-', '--')}-{name.replace('-', '--')}"


def _plain(name: str) -> str:
    """Undo udev's escapes in a link name, a backslash, an x and two hexadecimal digits."""
    return _HEX.sub(lambda match: chr(int(match[1], 16)), name)
