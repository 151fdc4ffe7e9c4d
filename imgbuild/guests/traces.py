"""Systems whose root cannot be read: the boot files and partition types of a disk in, what is certain of them out.

Asked in this order, where no root was found: unified kernel images on the EFI system and extended boot partitions
(of several the one that systemd-boot starts), the menu of Talos, which has its root in a squashfs, a repository of
composefs (bootc without ostree; the version is inside and stays unknown), VMware's boot bank. A partition type that
only one other system has names that system, beside others too; its version stays unknown.

UAPI.5 Unified Kernel Image, https://uapi-group.org/specifications/specs/unified_kernel_image/
bootc, "composefs backend", https://bootc-dev.github.io/bootc/experimental-composefs.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests import bls, linux, names, uki
from imgbuild.guests.bootentries import LIMIT
from imgbuild.guests.careful import Careful
from imgbuild.guests.osrelease import clean
from imgbuild.model import OperatingSystem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgbuild.guests.blocks import Block

# Types of partitions that one system alone has -> its id and name. Solaris' own are shared with ZFS on Linux.
_TYPES = {
    "FreeBSD": ("freebsd", "FreeBSD"), "FreeBSD data": ("freebsd", "FreeBSD"), "FreeBSD UFS": ("freebsd", "FreeBSD"),
    "FreeBSD ZFS": ("freebsd", "FreeBSD"), "FreeBSD boot": ("freebsd", "FreeBSD"),
    "OpenBSD": ("openbsd", "OpenBSD"), "OpenBSD data": ("openbsd", "OpenBSD"),
    "NetBSD": ("netbsd", "NetBSD"), "NetBSD FFS": ("netbsd", "NetBSD"), "NetBSD LFS": ("netbsd", "NetBSD"),
}
_TALOS = r"[AB] - Talos (v\d\S*)"
_MENU = "/grub/grub.cfg"
_LOADER_CONF = "/loader/loader.conf"
_COMPOSEFS = ("/composefs/images", "/composefs/objects", "/state/deploy")
_BOOT_BANK = r"^build=(\d+\.\d+\.\d+)-(\S+)"


def find(blocks: Sequence[Block], *, beside: bool = False) -> list[OperatingSystem]:
    """Return the systems of a disk that no root was found for; ``beside`` others, those of partition types alone."""
    if beside:
        return _by_types(blocks)
    trees = [(block, Careful(GuestTree(block.filesystem), block.problems)) for block in blocks
             if block.filesystem is not None]
    first = _unified(trees) or _by_menu(trees) or _by_composefs(trees) or _by_boot_bank(trees)
    return ([first] if first is not None else []) + _by_types(blocks)


def _by_types(blocks: Iterable[Block]) -> list[OperatingSystem]:
    types = (block.partition.type for block in blocks if block.partition is not None)
    named = dict.fromkeys(_TYPES[name] for name in types if name in _TYPES)
    return [_system("Other", word, None, name, None) for word, name in named]


def _unified(trees: Sequence[tuple[Block, Careful]]) -> OperatingSystem | None:
    boots = [tree for block, tree in trees if block.is_fat or block.role == "/boot"]
    images = {image.path: image for tree in boots for image in uki.find(tree)}
    conf = next((text for tree in boots if (text := tree.read_text(_LOADER_CONF, bls.LIMIT))), "")
    menu = bls.for_systemd_boot([uki.as_entry(image) for image in images.values()], conf)
    chosen = images[menu.default.source] if menu.default is not None else None
    system = linux.from_os_release(chosen.os_release, clean(chosen.path)) if chosen is not None else None
    if chosen is None or system is None:
        return None
    bits = {"x86_64": 64, "aarch64": 64, "riscv64": 64, "loongarch64": 64}.get(chosen.machine or "")
    kernels = (clean(chosen.uname),) if chosen.uname else ()
    return msgspec.structs.replace(system, architecture=chosen.machine if bits else None, bits=bits, kernels=kernels)


def _by_menu(trees: Sequence[tuple[Block, Careful]]) -> OperatingSystem | None:
    from imgbuild.guests import grubcfg  # noqa: PLC0415 - most disks have a guest, and no need of this

    for _, tree in trees:
        menu = grubcfg.parse(tree.read_text(_MENU, LIMIT) or "", source=_MENU)
        match = re.match(_TALOS, menu.default.title) if menu is not None and menu.default is not None else None
        if match:
            version = clean(match[1])
            return _system("Linux", "talos", version, f"Talos ({version})", _MENU)
    return None


def _by_composefs(trees: Sequence[tuple[Block, Careful]]) -> OperatingSystem | None:
    if not any(all(tree.is_dir(path) for path in _COMPOSEFS) for _, tree in trees):
        return None
    entries = [bls.parse_entry(tree.read_text(path, bls.LIMIT) or "", path)
               for _, tree in trees for path in tree.glob("/loader/entries/*.conf")]
    chosen = bls.for_systemd_boot(entries, "").default
    title = clean(chosen.title) if chosen is not None else ""
    return _system("Linux", names.identify(title), None, title or "a bootc system on composefs",
                   clean(chosen.source) if chosen is not None else None)


def _by_boot_bank(trees: Sequence[tuple[Block, Careful]]) -> OperatingSystem | None:
    for block, tree in trees:
        paths = tree.glob("/[Bb][Oo][Oo][Tt].[Cc][Ff][Gg]") if block.is_fat else []
        for path in paths:
            text = tree.read_text(path, LIMIT) or ""
            build = re.search(_BOOT_BANK, text, re.MULTILINE)
            if build and "ESXi" in text:
                name = f"VMware ESXi {build[1]}"
                return msgspec.structs.replace(_system("Other", "esxi", build[1], name, path),
                                               release=f"{build[1]}-{clean(build[2])}")
    return None


def _system(kind: str, word: str | None, version: str | None, name: str, source: str | None) -> OperatingSystem:
    release = version if version and "." in version else None
    return OperatingSystem(type=kind, id=word, version=version, release=release, name=name, architecture=None,
                           bits=None, source=source)
