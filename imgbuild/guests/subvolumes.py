"""Which subvolume a guest has at a mount point: a file system with subvolumes and mount options in, its files out.

A root lies on the default subvolume, or on the one that the kernel's command line names (``rootflags=subvol=``). Where
neither leads to a root, it is searched for: first the subvolume of which the fstab in it says that it is the root, then
those that are no snapshot. One root is taken of each file system: snapshots are states of it, no further systems.

btrfs(5), "subvol" and "subvolid", https://btrfs.readthedocs.io/en/latest/ch-mount-options.html
snapper(8), ".snapshots", http://snapper.io/manpages/snapper.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.filesystems.base import Subvolumed
from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests import devices, fstab, uki
from imgbuild.guests.careful import Careful

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgbuild.filesystems.base import FileSystem, Subvolume
    from imgbuild.guests.blocks import Block

TOP_LEVEL = 5
MAX_ROOTS = 256
"""Subvolumes that are looked into for a root; a system has about ten beside its snapshots."""

_COMMAND_LINES = ("/loader/entries/*.conf", "/grub2/grubenv", "/grub2/grub.cfg", "/grub/grub.cfg",
                  "/extlinux/extlinux.conf")
_FILES = 32
_FILE_LIMIT = 64 * 1024
# Compiled when first used: most systems need none of these.
_ROOT_FLAGS = r"(?:^|[\s\"'=])rootflags=([^\s\"']+)"
_ROOT = r"(?:^|[\s\"'])root=([^\s\"']+)"
_SNAPSHOT_PATHS = r"(?:^|/)(?:\.snapshots|timeshift-btrfs)/"


def mounted(filesystem: FileSystem, options: Sequence[str]) -> FileSystem | None:
    """Return the files that a mount with these options shows; ``None`` where the subvolume that they name is missing.

    Without such an option it is the default one; ``subvol=`` counts before ``subvolid=``.
    """
    if not isinstance(filesystem, Subvolumed):
        return filesystem
    named = dict(option.partition("=")[::2] for option in options)
    if "subvol" in named:
        return filesystem.at_path(named["subvol"])
    if named.get("subvolid", "").isdecimal():
        return filesystem.at_number(int(named["subvolid"][:20]) or TOP_LEVEL)
    return filesystem


def names_one(options: Sequence[str]) -> bool:
    """Say whether mount options name a subvolume."""
    return any(option.startswith(("subvol=", "subvolid=")) for option in options)


def root_of(block: Block, blocks: Sequence[Block], is_root: Callable[[FileSystem], bool]) -> FileSystem | None:
    """Return the files at the root of the guest on a block: of one without subvolumes, its file system."""
    filesystem = block.filesystem
    if filesystem is None or not isinstance(filesystem, Subvolumed):
        return filesystem
    for candidate in _candidates(block, filesystem, blocks):
        if is_root(candidate):
            return candidate
    return filesystem


def _candidates(block: Block, filesystem: FileSystem, blocks: Sequence[Block]) -> Iterator[FileSystem]:
    assert isinstance(filesystem, Subvolumed)  # noqa: S101 - others have one candidate
    if filesystem.number != TOP_LEVEL:
        yield filesystem
    yield from _by_command_lines(block, filesystem, blocks)
    yield filesystem
    listed = sorted(filesystem.subvolumes(), key=_order)[:MAX_ROOTS]
    opened = [(entry, found) for entry in listed if (found := filesystem.at_number(entry.number)) is not None]
    yield from (found for entry, found in opened if _says_it_is_root(found, entry))
    yield from (found for _, found in opened)


def _order(entry: Subvolume) -> tuple[bool, bool, int, int]:
    in_snapshots = re.search(_SNAPSHOT_PATHS, entry.path) is not None
    return in_snapshots, entry.is_snapshot, entry.path.count("/"), entry.number


def _says_it_is_root(filesystem: FileSystem, entry: Subvolume) -> bool:
    text = GuestTree(filesystem).read_text("/etc/fstab", fstab.LIMIT) or ""
    lines = (line for line in fstab.parse(text) if line.mount_point == "/")
    named = (option.partition("=") for line in lines for option in line.options)
    return any((key, value.strip("/")) in {("subvol", entry.path), ("subvolid", str(entry.number))}
               for key, _, value in named)


def _by_command_lines(block: Block, filesystem: FileSystem, blocks: Sequence[Block]) -> Iterator[FileSystem]:
    """Yield what boot entries name, on other file systems or in /boot of this one, where they are about this one."""
    for other in blocks:
        if other.filesystem is None:
            continue
        base = "/boot" if other is block else ""
        for line in _boot_lines(Careful(GuestTree(other.filesystem), other.problems), base):
            flags, root = re.search(_ROOT_FLAGS, line), re.search(_ROOT, line)
            if flags is None or (root is not None and devices.find(root[1], blocks) not in {block, None}):
                continue
            options = flags[1].split(",")
            found = mounted(filesystem, options) if names_one(options) else None
            if found is not None:
                yield found


def _boot_lines(tree: Careful, base: str) -> Iterator[str]:
    for pattern in _COMMAND_LINES:
        for path in tree.glob(base + pattern)[:_FILES]:
            yield from (tree.read_text(path, _FILE_LIMIT) or "").splitlines()
    yield from (image.command_line for image in uki.find(tree, base))
