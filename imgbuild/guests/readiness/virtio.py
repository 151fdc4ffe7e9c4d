"""Whether the kernel that boots reaches its disk and network: readiness checks on its drivers.

The cloud gives disk and network as virtio devices. The disk's driver must be built into the kernel or lie in the
initramfs, for what lies on the disk comes too late; the network's can come later. The kernel that boots by default
decides. Installing Native KVM Drivers, OTC (source otc-kvm of the rules).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.readiness import repair
from imgbuild.guests.readiness.base import Answer, View, failed, not_applicable, passed, place, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.guests.drivers import Drivers
    from imgbuild.model import Place

DISK = ("virtio", "virtio_ring", "virtio_pci", "virtio_blk")
"""Without these the root file system is not found. The first two are in every kernel that has the others."""
SCSI = ("virtio_scsi",)
IDE = ("ata_piix", "ata_generic")
_CORE = frozenset(DISK[:2])

_OF_THE_CLOUD = frozenset({"x86_64", "x86", "aarch64", "arm", None})
_WITH_IDE = frozenset({"x86_64", "x86", None})


def virtio(view: View) -> Answer:
    """lin_virtio: the drivers of the disk are there when it is mounted, and that of the network after it."""
    first = _first(view, _OF_THE_CLOUD)
    if isinstance(first, Answer):
        return first
    missing = _missing(first, DISK)
    if missing:
        return failed(_lacks(first, missing), _places(first),
                      cure=repair.add_drivers(view, first, [*missing, "virtio_net", "virtio_scsi"]))
    network = first.later("virtio_net")
    if network == "nowhere":
        return failed(f"kernel {_name(first)} has no driver virtio_net: its network is not found", _places(first),
                      cure="install a kernel with virtio_net, such as the distribution's own")
    if network == "unseen" or _unseen(first, DISK):
        return unknown(first.unseen or _no_lists(first))
    return passed(_has(first, (*DISK, "virtio_net")) + _others(view, DISK), *_files(first))


def scsi(view: View) -> Answer:
    """lin_virtio_scsi: the driver of disks on the virtio SCSI bus is there when they are mounted."""
    return _all_of(view, SCSI, _OF_THE_CLOUD)


def ide(view: View) -> Answer:
    """lin_ide: the kernel can drive IDE disks, which the first start of a regular import has."""
    first = _first(view, _WITH_IDE)
    if isinstance(first, Answer):
        return first
    there = [driver for driver in IDE if first.early(driver) in {"built in", "initramfs"}]
    if there:
        return passed(_has(first, there), *_files(first))
    if _unseen(first, IDE):
        return unknown(first.unseen or _no_lists(first))
    return failed(f"neither {' nor '.join(IDE)} is built into kernel {_name(first)} or in its initramfs",
                  _places(first), cure=_ide_cure(view, first))


def _ide_cure(view: View, first: Drivers) -> str | None:
    """Return what puts the drivers in, where the kernel has any: kernels made for clouds have none."""
    there = [driver for driver in IDE if first.early(driver) == "folder"]
    return repair.add_drivers(view, first, there) if there else None


def _all_of(view: View, drivers: Sequence[str], machines: frozenset[str | None]) -> Answer:
    first = _first(view, machines)
    if isinstance(first, Answer):
        return first
    missing = _missing(first, drivers)
    if missing:
        return failed(_lacks(first, missing), _places(first), cure=repair.add_drivers(view, first, missing))
    if _unseen(first, drivers):
        return unknown(first.unseen or _no_lists(first))
    return passed(_has(first, drivers) + _others(view, drivers), *_files(first))


def _first(view: View, machines: frozenset[str | None]) -> Drivers | Answer:
    """Return the drivers of the kernel that boots, or why there is no answer."""
    if view.system.architecture not in machines:
        return not_applicable(f"no document speaks of it for {view.system.architecture}")
    if not view.drivers:
        return unknown("no kernel was found")
    return view.drivers[0]


def _missing(found: Drivers, wanted: Sequence[str]) -> list[str]:
    """Return the drivers that are not there early; of the core, those that the kernel has as modules."""
    places = {driver: found.early(driver) for driver in wanted}
    return [driver for driver, where in places.items()
            if where == "folder" or (where == "nowhere" and driver not in _CORE)]


def _unseen(found: Drivers, wanted: Sequence[str]) -> bool:
    return any(found.early(driver) == "unseen" for driver in wanted)


def _no_lists(found: Drivers) -> str:
    return f"what is built into kernel {_name(found)} is not known: it has neither modules.builtin nor a configuration"


def _lacks(found: Drivers, missing: Sequence[str]) -> str:
    names = f"{', '.join(missing[:-1])} and {missing[-1]} are" if len(missing) > 1 else f"{missing[0]} is"
    if not found.has_initramfs:
        return f"{names} not built into kernel {_name(found)}, which has no initramfs"
    made = "; it is a host-only image, with the drivers of the machine that made it" if found.host_only else ""
    return f"{names} neither built into kernel {_name(found)} nor in its initramfs{made}"


def _has(found: Drivers, drivers: Sequence[str]) -> str:
    built = [driver for driver in drivers if found.early(driver) == "built in"]
    packed = [driver for driver in drivers if found.early(driver) == "initramfs"]
    later = [driver for driver in drivers if driver not in {*built, *packed} and found.later(driver) == "folder"]
    parts = [f"{', '.join(built)} built in" if built else "", f"{', '.join(packed)} in its initramfs" if packed else "",
             f"{', '.join(later)} among its modules" if later else ""]
    return f"kernel {_name(found)} has {', '.join(filter(None, parts))}"


def _others(view: View, drivers: Sequence[str]) -> str:
    lacking = [_name(found) for found in view.drivers[1:] if _missing(found, drivers)]
    return f"; other kernels lack them: {', '.join(lacking[:4])}" if lacking else ""


def _name(found: Drivers) -> str:
    return found.kernel.version or found.kernel.image or "without a version"


def _files(found: Drivers) -> tuple[str, ...]:
    return tuple(filter(None, (found.kernel.initramfs or found.kernel.image,)))


def _places(found: Drivers) -> list[Place]:
    return [place(path) for path in _files(found)]
