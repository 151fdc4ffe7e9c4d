"""Whether Windows finds its disk and its NIC in the cloud: virtio drivers, and tools of other platforms.

A driver of the disk has to be started by the boot loader: its service has Start 0. Where Windows installed it without
the device, ``StartOverride`` beside it takes that back, and the start ends in INACCESSIBLE_BOOT_DEVICE.

    SYSTEM, the control set, Services, viostor: Start, ImagePath, and the key StartOverride with the value 0

https://learn.microsoft.com/windows-hardware/drivers/install/specifying-driver-load-order
Drivers of virtio-win, https://github.com/virtio-win/kvm-guest-drivers-windows
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.guests.osrelease import clean
from imgbuild.guests.readiness.base import failed, passed, place
from imgbuild.guests.readiness.windows_base import BOOT, DISABLED, registry_of, service, value_at

if TYPE_CHECKING:
    from imgbuild.guests.readiness.base import Answer, View
    from imgbuild.model import Place

UVP = "/Program Files (x86)/virtio/bin/version"
LEAST_UVP = (2, 5, 0)

_DISK, _SCSI, _NIC = "viostor", "vioscsi", "netkvm"
_FOREIGN = {"Citrix": "XenTools", "VMware": "VMware Tools"}
_FOLDERS = ("/Program Files", "/Program Files (x86)")
_CURE = ("install virtio-win-guest-tools.exe of the virtio-win ISO with the devices present, or sc.exe config"
         " viostor start= boot and reg delete HKLM\\SYSTEM\\CurrentControlSet\\Services\\viostor\\StartOverride /f")
_NUMBERS = re.compile(r"\d{1,4}(?:\.\d{1,6})+")


def virtio(view: View) -> Answer:
    """win_virtio: the drivers of disk and NIC are there and will be started; UVP VMTools bring them, too."""
    tools = view.tree.read_text(UVP, 4096)
    if tools is not None:
        return _uvp(tools)
    wrong = [*_disk(view, _DISK), *_nic(view)]
    if wrong:
        return failed(wrong[0].says or "", wrong, cure=_CURE)
    scsi = "" if not _disk(view, _SCSI) else f"; {_SCSI}, for disks on a SCSI bus, is not ready"
    return passed(f"{_DISK} is started at boot, and {_NIC} is there{scsi}", _file(view, _DISK), _file(view, _NIC))


def _uvp(written: str) -> Answer:
    number = _NUMBERS.search(written)
    shown = clean(written.strip())[:40]
    if number is not None and tuple(map(int, number[0].split("."))) < LEAST_UVP:
        return failed(f"UVP VMTools are older than 2.5.0: {shown}", [place(UVP, 1, shown)],
                      cure="install UVP VMTools 2.5.0 or later")
    return passed(f"UVP VMTools are installed: {shown}", UVP)


def _disk(view: View, name: str) -> list[Place]:
    """Return what keeps the boot loader from starting a driver."""
    key = service(view, name)
    if key is None or not view.tree.is_file(_file(view, name)):
        return [_missing(view, name, registered=key is not None)]
    start, override = key.number("Start"), key.key("StartOverride")
    if start != BOOT:
        return [value_at(key, "Start", start, f"the driver {name} is not started at boot (Start is {start}, not 0)")]
    taken_back = override.number("0") if override is not None else None
    if override is not None and taken_back not in {None, BOOT}:
        return [value_at(override, "0", taken_back, f"the driver {name} is not started at boot: StartOverride takes"
                                                    f" Start back to {taken_back}")]
    return []


def _nic(view: View) -> list[Place]:
    key = service(view, _NIC)
    if key is None or not view.tree.is_file(_file(view, _NIC)):
        return [_missing(view, _NIC, registered=key is not None)]
    if key.number("Start") == DISABLED:
        return [value_at(key, "Start", DISABLED, f"the driver {_NIC} is disabled")]
    return []


def _missing(view: View, name: str, *, registered: bool) -> Place:
    path = _file(view, name)
    there = view.tree.is_file(path)
    why = "no service starts it" if there else "only its service is there" if registered else "not installed"
    return place(path, says=f"the virtio driver {name} is missing: {why}")


def _file(view: View, name: str) -> str:
    return f"{registry_of(view).root}/System32/drivers/{name}.sys"


def foreign_tools(view: View) -> Answer:
    """win_pv: tools of other platforms are removed; they hold the places of the drivers."""
    paths = [f"{folder}/{vendor}/{product}" for folder in _FOLDERS for vendor, product in _FOREIGN.items()]
    found = [path for path in paths if view.tree.is_dir(path)]
    if not found:
        return passed("no tools of Citrix or VMware are left")
    names = " and ".join(dict.fromkeys(path.rpartition("/")[2] for path in found))
    return failed(f"{names} are left of another platform", [place(path) for path in found],
                  cure="uninstall them under Settings, Apps, then restart")
