"""Whether UEFI firmware can boot a disk, and under Secure Boot: its EFI system partitions in, verdicts out.

A server made from an image has fresh NVRAM: nothing in it names a loader, so the firmware starts the fallback loader
``EFI/BOOT/BOOTX64.EFI`` (by architecture) of the EFI system partition. A vendor's loader alone is not found.

UEFI 2.10, 3.5.1.1 "Removable Media Boot Behavior" and 13.3.1 "System Partition",
https://uefi.org/specs/UEFI/2.10/03_Boot_Manager.html
shim, README.fallback, https://github.com/rhboot/shim/blob/main/README.fallback
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgbuild.guests.osrelease import clean
from imgbuild.guests.pe import read_program
from imgbuild.guests.verdicts import Verdict, best
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.filesystems.base import FileSystem
    from imgbuild.guests.blocks import Block
    from imgbuild.guests.pe import Program

# Architecture of the guest -> fallback loaders that can start it. A 32-bit system may have a 64-bit kernel.
_FALLBACKS = {
    "x86_64": ("BOOTX64.EFI",), "x86": ("BOOTIA32.EFI", "BOOTX64.EFI"), "aarch64": ("BOOTAA64.EFI",),
    "arm": ("BOOTARM.EFI",), "riscv64": ("BOOTRISCV64.EFI",), "loongarch64": ("BOOTLOONGARCH64.EFI",),
}
_ANY = tuple(dict.fromkeys(name for names in _FALLBACKS.values() for name in names))
_SHOWN = 4


class Modes(NamedTuple):
    """The verdicts on UEFI and, where it boots, on Secure Boot."""

    uefi: Verdict
    secure_boot: Verdict | None = None


class _Loader(NamedTuple):
    """A fallback loader: its path as people write it, as the file system has it, and its size in bytes."""

    title: str
    path: str
    size: int


def uefi(blocks: Sequence[Block], architecture: str | None) -> Modes:
    """Say whether UEFI firmware can boot the disk, for a guest of this architecture (``None``: not known)."""
    partitions = [block for block in blocks if block.is_esp or (block.is_fat and block.is_whole_disk)]
    found = [_look(block, architecture) for block in partitions]
    if not found:
        return Modes(_elsewhere(blocks, architecture))
    chosen = best([modes.uefi for modes in found])
    return next(modes for modes in found if modes.uefi is chosen)


def _look(block: Block, architecture: str | None) -> Modes:
    title = f"the EFI system partition ({block.title})" if block.is_esp else f"the file system on {block.title}"
    if not block.is_fat:
        held = f"{block.identity.kind}, not FAT" if block.identity is not None else "no file system"
        return Modes(Verdict(value=False, why=f"{title} holds {held}"))
    try:
        return _judge(block, title, architecture)
    except (BrokenImage, FileNotFoundError) as error:
        return Modes(Verdict(value=None, why=f"{title} cannot be read: {error}"))


def _judge(block: Block, title: str, architecture: str | None) -> Modes:
    filesystem = block.filesystem
    if filesystem is None:
        return Modes(Verdict(value=None, why=f"{title} cannot be read"))
    loaders = _find(filesystem, _ANY)
    wanted = _FALLBACKS.get(architecture, ()) if architecture is not None else _ANY
    fitting = [loader for loader in loaders if loader.title.rpartition("/")[2] in wanted]
    if not fitting:
        return Modes(Verdict(value=False, why=_missing(filesystem, title, loaders, architecture)))
    found = [_judge_loader(filesystem, block, loader) for loader in fitting]
    chosen = best([modes.uefi for modes in found])
    return next(modes for modes in found if modes.uefi is chosen)


def _judge_loader(filesystem: FileSystem, block: Block, loader: _Loader) -> Modes:
    title = f"{loader.title} on {block.title}"
    if loader.size == 0:
        return Modes(Verdict(value=False, why=f"{title} is empty"))
    program = read_program(filesystem, loader.path)
    if program is None:
        is_dos = filesystem.read(loader.path, 2) == b"MZ"
        unseen = Verdict(value=None, why=f"{title} is no PE program: who signed it cannot be seen")
        return Modes(Verdict(True if is_dos else None, title if is_dos else f"{title} is no program for UEFI"), unseen)
    expected = _machine_of(loader)
    if program.machine is not None and program.machine != expected:
        return Modes(Verdict(value=False, why=f"{title} is a program for {program.machine}, not {expected}"))
    if program.is_shim and not _has_second_stage(filesystem, loader):
        return Modes(Verdict(value=False, why=f"{title} is shim, but has no fallback program and no GRUB beside it"))
    return Modes(Verdict(value=True, why=title), _secure_boot(program, loader.title))


def _secure_boot(program: Program, title: str) -> Verdict:
    what = f"{title} (shim)" if program.is_shim else title
    if program.authorities:
        return Verdict(value=True, why=f"{what} is signed under {' and '.join(program.authorities)}")
    if program.signed:
        return Verdict(value=None, why=f"{what} is signed, but under no authority that firmware trusts as delivered")
    return Verdict(value=False, why=f"{what} is not signed")


def _has_second_stage(filesystem: FileSystem, loader: _Loader) -> bool:
    """Shim starts ``fbx64.efi`` or ``grubx64.efi`` of its own directory."""
    directory, _, name = loader.path.rpartition("/")
    suffix = name.casefold().removeprefix("boot")
    return any(entry.casefold() in {f"fb{suffix}", f"grub{suffix}"} for entry in filesystem.listdir(directory))


def _machine_of(loader: _Loader) -> str:
    name = loader.title.rpartition("/")[2]
    return next(machine for machine, names in _FALLBACKS.items() if names[0] == name)


def _find(filesystem: FileSystem, names: Sequence[str]) -> list[_Loader]:
    """Return the fallback loaders that are there; FAT does not tell capital letters from small ones."""
    directory = _child(filesystem, _child(filesystem, "/", "EFI"), "BOOT")
    found = []
    for name in names:
        path = _child(filesystem, directory, name)
        stat = filesystem.stat(path) if path is not None else None
        if path is not None and stat is not None and stat.kind == "file":
            found.append(_Loader(f"EFI/BOOT/{name}", path, stat.size))
    return found


def _child(filesystem: FileSystem, directory: str | None, name: str) -> str | None:
    stat = filesystem.stat(directory) if directory is not None else None
    if directory is None or stat is None or stat.kind != "directory":
        return None
    entries = (entry for entry in filesystem.listdir(directory) if entry.casefold() == name.casefold())
    return next((f"{directory.rstrip('/')}/{entry}" for entry in entries), None)


def _missing(filesystem: FileSystem, title: str, loaders: Sequence[_Loader], architecture: str | None) -> str:
    wanted = " or ".join(f"EFI/BOOT/{name}" for name in _FALLBACKS.get(architecture or "", ()))
    if loaders:
        return f"{title} has {loaders[0].title} only, which does not start {architecture}"
    if architecture is not None and not wanted:
        return f"{title} has no loader for {architecture}"
    efi = _child(filesystem, "/", "EFI")
    vendors = [entry for entry in filesystem.listdir(efi) if entry.casefold() != "boot"] if efi is not None else []
    instead = f", only {', '.join(f'EFI/{clean(vendor)[:40]}' for vendor in vendors[:_SHOWN])}" if vendors else ""
    return (f"{title} has no fallback loader ({wanted or 'such as EFI/BOOT/BOOTX64.EFI'}){instead}:"
            " firmware with fresh NVRAM finds nothing to start")


def _elsewhere(blocks: Sequence[Block], architecture: str | None) -> Verdict:
    """Without an EFI system partition: some firmware starts the fallback loader of any FAT, the specification not."""
    for block in blocks:
        try:
            filesystem = block.filesystem if block.is_fat else None
            loaders = _find(filesystem, _FALLBACKS.get(architecture or "", _ANY)) if filesystem is not None else []
        except (BrokenImage, FileNotFoundError):
            continue
        if loaders:
            return Verdict(value=None, why=f"{loaders[0].title} is on {block.title}, which is no EFI system partition:"
                                           " it depends on the firmware")
    return Verdict(value=False, why="there is no EFI system partition")
