"""Who logs in to a guest, and which services it has for its hypervisor: a guest as the checks see it in, facts out.

The user is the one that cloud-init, or Cloudbase-Init, makes and gives the cloud's key or password to. An agent counts
where the guest will start it: by its unit, by a rule of udev once the device is there, or as a service of Windows.

"Users and groups", https://docs.cloud-init.io/en/latest/reference/yaml_examples/user_groups.html
"username", https://cloudbase-init.readthedocs.io/en/latest/config.html
QEMU guest agent, https://www.qemu.org/docs/master/interop/qemu-ga.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.model import QEMU_AGENT
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from imgbuild.guests.readiness.base import View
    from imgbuild.model import OperatingSystem

_UNITS = (QEMU_AGENT, "qemu-ga", "qemu-ga@.service")
_UDEV_RULES = tuple(f"{folder}/udev/rules.d" for folder in ("/etc", "/usr/lib", "/lib"))
_SERVICE = "QEMU-GA"
# useradd's own form: https://man7.org/linux/man-pages/man8/useradd.8.html
# Compiled when first used: most systems need none of these.
_USER = r"[a-z_][a-z0-9_-]{0,31}"
_WINDOWS_USER = r"[A-Za-z0-9_-][A-Za-z0-9._ -]{0,19}"


def complete(system: OperatingSystem, view: View) -> OperatingSystem:
    """Return the system with its user and its agents; what cannot be read is left as it is."""
    try:
        return msgspec.structs.replace(system, default_user=_default_user(view), agents=_agents(view))
    except BrokenImage:
        return system


def _default_user(view: View) -> str | None:
    """Return the user that the agent makes; none where it does not run, or where other users are listed."""
    if view.system.type == "Windows":
        return _windows_user(view)
    if view.system.type != "Linux" or not view.cloud_init.may_run:
        return None
    users, name = (view.cloud_init.get(*keys).value for keys in (("users",), ("system_info", "default_user", "name")))
    listed = users is None or (isinstance(users, list) and "default" in users)
    return name if listed and isinstance(name, str) and re.fullmatch(_USER, name) else None


def _windows_user(view: View) -> str | None:
    from imgbuild.guests.readiness.windows_agent import user_of  # noqa: PLC0415 - for Windows alone

    name = user_of(view)
    return name if name is not None and re.fullmatch(_WINDOWS_USER, name) else None


def _agents(view: View) -> tuple[str, ...]:
    starts = _windows_starts(view) if view.system.type == "Windows" else _linux_starts(view)
    return (QEMU_AGENT,) if starts else ()


def _linux_starts(view: View) -> bool:
    """Say whether the agent is started; a unit that nothing pulls in is started by udev where a rule speaks of it."""
    unit = view.units.look(*_UNITS)
    if unit.enabled or unit.state == "static":
        return True
    return unit.state == "disabled" and any(
        "qemu-guest-agent" in name or "qemu-ga" in name for folder in _UDEV_RULES for name in view.tree.listdir(folder))


def _windows_starts(view: View) -> bool:
    from imgbuild.guests.readiness.windows_base import DISABLED, ON_DEMAND, service  # noqa: PLC0415 - as above

    key = service(view, _SERVICE)
    return key is not None and key.number("Start") not in {None, ON_DEMAND, DISABLED}
