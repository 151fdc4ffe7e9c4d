"""What Windows does with further disks and with the clock.

    SYSTEM, the control set, Services, partmgr, Parameters: SanPolicy
    Control, TimeZoneInformation: RealTimeIsUniversal

SAN policy: 1 all disks online, 2 those on shared buses offline, 3 all offline, 4 internal ones offline. Without one a
client has all online, and a server those on shared buses offline, to which virtio disks count.
https://learn.microsoft.com/windows-hardware/customize/desktop/unattend/microsoft-windows-partitionmanager-sanpolicy
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.readiness.base import failed, passed, place
from imgbuild.guests.readiness.windows_base import below, control_set, value_at

if TYPE_CHECKING:
    from imgbuild.guests.readiness.base import Answer, View

ONLINE_ALL = 1

_PARTITION_MANAGER = "Services\\partmgr\\Parameters"
_TIME_ZONE = "Control\\TimeZoneInformation"
_SAN_CURE = "diskpart, then san policy=onlineall"
_CLOCK_CURE = ("reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\TimeZoneInformation /v RealTimeIsUniversal"
               " /t REG_DWORD /d 1 /f")


def san_policy(view: View) -> Answer:
    """win_san: new data disks come online."""
    key = below(control_set(view), _PARTITION_MANAGER)
    policy = key.number("SanPolicy") if key is not None else None
    if key is not None and policy is not None:
        if policy == ONLINE_ALL:
            return passed("new disks come online (SanPolicy is 1)", key.path)
        return failed(f"new disks stay offline (SanPolicy is {policy}, not 1)", [value_at(key, "SanPolicy", policy)],
                      cure=_SAN_CURE)
    if not (view.system.variant or "Server").startswith(("Server", "Nano")):
        return passed("new disks come online: no SanPolicy is set, and a client has them online")
    return failed("new disks may stay offline: no SanPolicy is set, and a server keeps those on shared buses offline",
                  [place(f"{control_set(view).path}\\{_PARTITION_MANAGER}")], cure=_SAN_CURE)


def clock(view: View) -> Answer:
    """win_clock: the hardware's clock is taken for UTC, as the cloud sets it."""
    key = below(control_set(view), _TIME_ZONE)
    value = key.number("RealTimeIsUniversal") if key is not None else None
    if key is not None and value == 1:
        return passed("the hardware's clock is taken for UTC", key.path)
    path = f"{control_set(view).path}\\{_TIME_ZONE}\\RealTimeIsUniversal"
    return failed("the hardware's clock is taken for local time", [place(path)], cure=_CLOCK_CURE)
