"""Which guests are on the disk: its partitions and volumes in, one joined tree for each guest out.

A guest begins at its root file system. What belongs under it is found through the guest's own fstab, then through the
types of the partitions: first join, then judge, for the files that make a root may be on a separate ``/usr``.

fstab(5), https://man7.org/linux/man-pages/man5/fstab.5.html
The Discoverable Partitions Specification, https://uapi-group.org/specifications/specs/discoverable_partitions_specification/
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests import devices, fstab, kernels, ostree, releases, subvolumes, uki
from imgbuild.guests.blocks import Block
from imgbuild.guests.careful import Careful
from imgbuild.guests.osrelease import clean
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.filesystems.base import FileSystem
    from imgbuild.guests.kernels import Kernel
    from imgbuild.guests.windows.registry import Registry
    from imgbuild.model import Problem

__all__ = ["Block", "Guest", "Layout", "assemble"]

_SELF_NAMED = ("/etc/os-release", "/usr/lib/os-release", *releases.PATHS,
               "/nix/var/nix/profiles/system", "/bin/freebsd-version")
_PROGRAMS = ("/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/bin/sh", "/usr/bin/sh")
_FLATCAR = "Flatcar root"
_KERNELS = ("/loader/entries/*", *uki.PATTERNS[:2])
_FOREIGN = frozenset({"ntfs", "exfat", "iso9660", "udf"})
_OF_WINDOWS = frozenset({"ntfs", "fat16", "fat32"})


class Guest(msgspec.Struct, dict=True):
    """One operating system on the disk: its tree, and which block is mounted where (``/`` among them).

    ``registry`` is that of a Windows; other systems have none.
    """

    tree: GuestTree
    root: Block
    mounts: dict[str, Block] = {}
    fstab: tuple[fstab.Entry, ...] = ()
    registry: Registry | None = None

    @property
    def careful(self) -> Careful:
        """The tree for lookups whose damage belongs to the root's problems."""
        return Careful(self.tree, self.root.problems)

    @cached_property
    def kernels(self) -> tuple[Kernel, ...]:
        """The installed Linux kernels, the newest first."""
        return kernels.find(self.careful)


class Layout(msgspec.Struct):
    """The guests in disk order, all blocks with their mount points noted, and what was objected to."""

    guests: tuple[Guest, ...]
    blocks: tuple[Block, ...]
    problems: tuple[Problem, ...]


def assemble(blocks: Sequence[Block]) -> Layout:
    """Find the guests among the partitions and volumes of a disk and join their file systems."""
    guests: list[Guest] = []
    for block in blocks:
        guest = _windows_at(block) or _guest_at(block, blocks)
        if guest is not None and not _belongs_to(guests, guest):
            guests.append(guest)
    for guest in reversed(guests):
        for point, block in reversed(guest.mounts.items()):  # of a block with subvolumes the first one counts
            block.mount(clean(point))
    return Layout(tuple(guests), tuple(blocks), tuple(problem for block in blocks for problem in block.problems))


def _windows_at(block: Block) -> Guest | None:
    """Return the Windows of a block: what other volumes hold has letters there, which only its registry knows."""
    if block.is_esp or block.identity is None or block.identity.kind not in _OF_WINDOWS or block.filesystem is None:
        return None
    from imgbuild.guests.windows.registry import find_registry  # noqa: PLC0415 - most guests are of another kind

    tree = GuestTree(block.filesystem)
    try:
        registry = find_registry(tree)
    except BrokenImage as broken:
        block.problems.append(broken.problem)
        return None
    return Guest(tree, block, {"/": block}, registry=registry) if registry is not None else None


def _guest_at(block: Block, blocks: Sequence[Block]) -> Guest | None:
    filesystem = _root_of(block, blocks)
    if filesystem is None:
        return None
    guest = Guest(GuestTree(filesystem), block, {"/": block})
    if block.role != "/" and not any(guest.careful.exists(path) for path in ("/etc", "/nix/var/nix/profiles/system")):
        return None
    _join_fstab(guest, blocks)
    _join_ostree(guest, blocks)
    _join_types(guest, blocks)
    return guest if _is_root(guest.careful) else None


def _root_of(block: Block, blocks: Sequence[Block]) -> FileSystem | None:
    filesystem = None if block.is_fat or _is_foreign(block) else block.filesystem
    if filesystem is None:
        return None
    others = (other.filesystem for other in blocks if other is not block and not other.is_fat)
    try:
        filesystem = subvolumes.root_of(block, blocks, lambda root: _may_be_root(root, block)) or filesystem
        return ostree.booted_root(filesystem, (other for other in others if other is not None)) or filesystem
    except BrokenImage as broken:
        block.problems.append(broken.problem)
        return filesystem


def _is_foreign(block: Block) -> bool:
    return block.identity is not None and block.identity.kind in _FOREIGN


def _may_be_root(filesystem: FileSystem, block: Block) -> bool:
    """Say whether a root is there, or may be: a damaged one must not be taken for another that is whole."""
    tree = Careful(GuestTree(filesystem))
    found = _is_root(tree) or tree.is_dir("/ostree/deploy")
    block.problems += (new for new in tree.problems if new not in block.problems)
    return found or bool(tree.problems)


def _is_root(tree: Careful) -> bool:
    if any(tree.exists(path) for path in _SELF_NAMED):
        return True
    return tree.is_dir("/etc") and any(tree.exists(path) for path in _PROGRAMS)


def _belongs_to(guests: Sequence[Guest], guest: Guest) -> bool:
    """Whether an earlier guest mounts this root as a part of itself, and the root's own fstab does not object."""
    taken = any(block is guest.root for other in guests for point, block in other.mounts.items() if point != "/")
    return taken and not any(entry.mount_point == "/" for entry in guest.fstab)


def _join_fstab(guest: Guest, blocks: Sequence[Block]) -> None:
    guest.fstab = fstab.parse(guest.careful.read_text("/etc/fstab", fstab.LIMIT) or "")
    names = (devices.disk_name(entry.spec) for entry in guest.fstab if entry.mount_point == "/")
    disk = next((name.disk for name in names if name is not None), 0)
    for point, entry in sorted(_places(guest.fstab), key=lambda place: place[0].count("/")):
        block = devices.find(entry.spec, blocks, disk=disk)
        if block is not None:
            _mount(guest, point, block, entry.options)


def _places(entries: Sequence[fstab.Entry]) -> Iterator[tuple[str, fstab.Entry]]:
    for entry in entries:
        if entry.mount_point is not None:
            yield entry.mount_point, entry


def _join_ostree(guest: Guest, blocks: Sequence[Block]) -> None:
    """Join the boot file system of an ostree system, which need not be in its fstab."""
    root = guest.tree.mounts["/"]
    if not isinstance(root, ostree.Subtree) or "/boot" in guest.mounts:
        return
    found = next((block for block in blocks if _has_entries(block, guest)), None)
    inside = ostree.boot_inside(root)
    if found is not None:
        _mount(guest, "/boot", found)
    elif inside is not None:
        guest.tree.mount("/boot", inside)


def _has_entries(block: Block, guest: Guest) -> bool:
    if block is guest.root or block.is_fat or block.filesystem is None:
        return False
    return Careful(GuestTree(block.filesystem), block.problems).exists("/loader/entries")


def _join_types(guest: Guest, blocks: Sequence[Block]) -> None:
    # Of the two slots that a system updates in turn, the one of higher priority boots.
    for block in sorted(blocks, key=lambda block: -block.priority):
        place = _esp_place(guest, block, blocks) if block.is_esp and block.is_of_gpt else block.role
        if place is not None and place != "/" and not guest.careful.listdir(place):
            _mount(guest, place, block)


def _esp_place(guest: Guest, esp: Block, blocks: Sequence[Block]) -> str | None:
    """Where a guest that does not say so has its EFI system partition: an empty directory made for that alone.

    As ``/boot`` it is used where it has kernels and nothing else is meant for there; Flatcar has its own there always.
    """
    is_flatcar = guest.root.partition is not None and guest.root.partition.type == _FLATCAR
    places = ["/boot"] if is_flatcar else [place for place in ("/efi", "/boot/efi") if guest.careful.is_dir(place)]
    if not places and guest.careful.is_dir("/boot") and all(block.role != "/boot" for block in blocks):
        tree = Careful(GuestTree(esp.filesystem), esp.problems) if esp.filesystem is not None else None
        places = ["/boot"] if tree is not None and any(tree.glob(pattern) for pattern in _KERNELS) else []
    return next((place for place in places if place not in guest.mounts and not guest.careful.listdir(place)), None)


def _mount(guest: Guest, point: str, block: Block, options: Sequence[str] = ()) -> None:
    again = any(block is mounted for mounted in guest.mounts.values())
    if point in guest.mounts or (again and not subvolumes.names_one(options)):
        return
    filesystem = _mounted(block, options)
    if again and filesystem is None:
        return
    guest.mounts[point] = block
    if filesystem is not None:
        guest.tree.mount(point, filesystem)


def _mounted(block: Block, options: Sequence[str]) -> FileSystem | None:
    if block.filesystem is None:
        return None
    try:
        return subvolumes.mounted(block.filesystem, options)
    except BrokenImage as broken:
        block.problems.append(broken.problem)
        return None
