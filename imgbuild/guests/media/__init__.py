"""Installation media: the volume descriptor and the tree of a disc in, the system that it installs out.

The name of the volume speaks first (``volume.py``): its maker chose it, boot loaders go by it, and it names the system
most exactly. Files on the disc (``files.py``) add what the name leaves out; where the name says nothing they speak for
it, if the disc boots and they are of one mind. Windows is told by the images that Setup installs (``windows.py``). A
disc that is known to be something else, a seed or a set of drivers, installs nothing (``others.py``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from imgbuild.guests.elf import Machine
from imgbuild.guests.media import files, others, volume, windows
from imgbuild.guests.media.disc import Disc
from imgbuild.guests.media.systems import more_exact, of_same_release

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from imgbuild.filesystems.base import FileSystem
    from imgbuild.model import OperatingSystem

INSTALLER, LIVE = "installation medium", "live medium"
_LIVE_NAME = re.compile(r"(?<![a-z])(?:d-)?live", re.IGNORECASE)
_LIVE_FILES = ("/casper", "/live/filesystem.squashfs", "/LiveOS/squashfs.img", "/arch/x86_64/airootfs.sfs", "/Live")
_LOADERS = {"bootx64.efi": Machine("x86_64", 64), "bootaa64.efi": Machine("aarch64", 64)}


class Medium(NamedTuple):
    """What a disc is: the system that it installs, what people call such a disc, and what Windows Setup offers."""

    system: OperatingSystem | None = None
    kind: str | None = None
    images: tuple[dict[str, object], ...] = ()


def examine(header: Mapping[str, Any], opener: Callable[[], FileSystem | None]) -> Medium:
    """Return what a disc is by the facts of its descriptors and by the files of the tree that ``opener`` opens."""
    disc = Disc(opener)
    found = windows.identify(disc)
    if found is not None and found.system is not None:
        return Medium(_marked(found.system), INSTALLER, found.images)
    system = _identify(header, disc)
    if system is None:
        return Medium(None, others.kind_of(header, disc))
    return Medium(_marked(_with_machine(system, disc)), LIVE if _is_live(header, disc) else INSTALLER)


def _is_live(header: Mapping[str, Any], disc: Disc) -> bool:
    """Say whether the disc runs the system itself; most such discs can install it as well."""
    if _LIVE_NAME.search(str(header.get("volume_id"))):
        return True
    return not disc.is_there("/images/pxeboot") and any(disc.is_there(path) for path in _LIVE_FILES)


def _marked(system: OperatingSystem) -> OperatingSystem:
    return msgspec.structs.replace(system, source=f"{INSTALLER}, {system.source}")


def _identify(header: Mapping[str, Any], disc: Disc) -> OperatingSystem | None:
    system = volume.identify(header)
    if system is None and not header.get("boot_platforms"):
        return None  # files about a system on a disc that does not boot: a copy of packages, a backup
    seen = list(files.sightings(disc))
    if system is None:
        system = seen[0] if seen else files.by_menu(disc)
        if not all(of_same_release(system, other) for other in seen[1:] if system is not None):
            return None
    for other in seen:
        if system is not None and of_same_release(system, other):
            system = more_exact(system, other)
    return _with_release(system, files.plain_release(disc)) if system is not None else None


def _with_release(system: OperatingSystem, release: str | None) -> OperatingSystem:
    if release is None or system.release is not None or not release.startswith(f"{system.version}."):
        return system
    return msgspec.structs.replace(system, release=release, name=(system.name or "").replace(
        system.version or "", release, 1))


def _with_machine(system: OperatingSystem, disc: Disc) -> OperatingSystem:
    """Add the machine by the one loader for UEFI, where neither name nor files say it; 32 bit media have none."""
    if system.architecture is not None:
        return system
    there = {name.lower() for name in disc.names("/EFI/BOOT")}
    machines = [machine for name, machine in _LOADERS.items() if name in there]
    if len(machines) != 1 or "bootia32.efi" in there:
        return system
    return msgspec.structs.replace(system, architecture=machines[0].architecture, bits=machines[0].bits)
