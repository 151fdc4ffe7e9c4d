"""A block: a partition or a logical volume together with its bytes, and the file system in it once it is asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from imgbuild import filesystems
from imgbuild.guests.osrelease import clean
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.filesystems import Identity
    from imgbuild.filesystems.base import FileSystem
    from imgbuild.model import Partition, Problem, Volume
    from imgbuild.readers import Reader

_EFI_SYSTEM = "EFI system"
# Names of partition types without the architecture in parentheses -> where they belong.
_ROLES = {"root": "/", "Flatcar root": "/", "usr": "/usr", "Flatcar usr": "/usr", "home": "/home", "srv": "/srv",
          "var": "/var", "extended boot": "/boot"}


def _open(reader: Reader, kind: str) -> FileSystem:
    return filesystems.open_filesystem(reader, kind)


class Block(msgspec.Struct, eq=False, dict=True):
    """A partition or a logical volume, its reader, and what its superblock says of the file system in it.

    ``problems`` fills with what opening the file system objected to; ``attributes`` are those of a GPT partition.
    """

    reader: Reader
    identity: Identity | None
    partition: Partition | None = None
    volume: Volume | None = None
    problems: list[Problem] = []
    opener: Callable[[Reader, str], FileSystem] = _open
    attributes: int = 0

    @cached_property
    def filesystem(self) -> FileSystem | None:
        """The file system, opened at the first use; ``None`` where there is none that can be read."""
        if self.identity is None or not self.identity.readable:
            return None
        try:
            return self.opener(self.reader, self.identity.kind)
        except BrokenImage as broken:
            self.problems.append(broken.problem)
            return None

    @property
    def is_fat(self) -> bool:
        """Whether it holds a FAT file system."""
        return self.identity is not None and self.identity.kind.startswith(("fat", "vfat"))

    @property
    def is_esp(self) -> bool:
        """Whether the partition table calls it an EFI system partition."""
        return self.partition is not None and self.partition.type == _EFI_SYSTEM

    @property
    def is_whole_disk(self) -> bool:
        """Whether it is the disk itself, without a partition table."""
        return self.partition is not None and self.partition.index == 0

    @property
    def is_of_gpt(self) -> bool:
        """Whether it is a partition of a GPT: only there does systemd go by the types (systemd-gpt-auto-generator)."""
        return self.partition is not None and not (self.partition.type_id or "0x").startswith("0x")

    @property
    def role(self) -> str | None:
        """Where the type of the partition says that it belongs: ``/usr``, ``/home``; ``None`` where it says nothing."""
        name = self.partition.type if self.partition is not None and self.partition.type else ""
        return _ROLES.get(name.partition(" (")[0])

    @property
    def priority(self) -> int:
        """How early ChromeOS's loader and Flatcar's take this slot, 0 for never; of a GPT's bits 48 to 51."""
        return self.attributes >> 48 & 15

    @property
    def title(self) -> str:
        """What people call it: ``partition 1``, ``volume vg0/root``, ``the whole disk``."""
        if self.volume is not None:
            return f"volume {clean(self.volume.name)}"
        index = self.partition.index if self.partition is not None else 0
        return f"partition {index}" if index else "the whole disk"

    def mount(self, point: str) -> None:
        """Note where the guest mounts it."""
        if self.volume is not None:
            self.volume = msgspec.structs.replace(self.volume, mount=point)
        if self.partition is not None:
            self.partition = msgspec.structs.replace(self.partition, mount=point)
