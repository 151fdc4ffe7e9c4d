"""What the Windows checks share: the guest's registry, its services, and places in it as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.readiness.base import place
from imgbuild.readers import broken

if TYPE_CHECKING:
    from imgbuild.guests.readiness.base import View
    from imgbuild.guests.windows.hives import Key
    from imgbuild.guests.windows.registry import Registry
    from imgbuild.model import Place

BOOT, SYSTEM, AUTOMATIC, ON_DEMAND, DISABLED = range(5)
"""When a service or driver starts, https://learn.microsoft.com/windows-hardware/drivers/install/specifying-driver-load-order"""


def registry_of(view: View) -> Registry:
    """Return the guest's registry."""
    if view.guest.registry is None:
        raise broken("hive-damaged", "the guest has no registry")
    return view.guest.registry


def control_set(view: View) -> Key:
    """Return the control set that the next start uses; without one nothing that it holds can be seen."""
    found = registry_of(view).control_set
    if found is None:
        raise broken("hive-damaged", "the registry hive SYSTEM is not there, or selects no control set")
    return found


def below(key: Key | None, path: str) -> Key | None:
    """Return the key at a path below another one."""
    for name in path.split("\\"):
        key = key.key(name) if key is not None else None
    return key


def service(view: View, name: str) -> Key | None:
    """Return the key of a service or driver."""
    return below(control_set(view), f"Services\\{name}")


def software(view: View, path: str) -> Key | None:
    """Return a key of SOFTWARE, ``None`` also where the guest has no such hive."""
    hive = registry_of(view).software
    return below(hive.root, path) if hive is not None else None


def value_at(key: Key, name: str, value: object = None, says: str | None = None) -> Place:
    r"""Return the place of a value: ``SYSTEM\ControlSet001\Services\viostor\Start``, with ``Start = 3``."""
    shown = name if value is None else f"{name} = {value}"
    return place(f"{key.path}\\{name}", text=shown, says=says)
