"""What sets a guest up at its first boot: the agents that ask the cloud for name, keys and network.

cloud-init is the documents' own; the others do its work on systems that have no cloud-init.
Ignition, https://coreos.github.io/ignition/ · Afterburn, https://coreos.github.io/afterburn/ ·
coreos-cloudinit, https://www.flatcar.org/docs/latest/ · Talos' machined, https://www.talos.dev/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from imgbuild.guests.readiness.base import View

_PROGRAMS = {
    "Ignition": ("/usr/bin/ignition", "/usr/lib/dracut/modules.d/30ignition", "/usr/lib/dracut/modules.d/50ignition"),
    "Afterburn": ("/usr/bin/afterburn", "/usr/bin/coreos-metadata"),
    "coreos-cloudinit": ("/usr/bin/coreos-cloudinit",),
    "machined": ("/sbin/machined", "/usr/bin/machined"),
    "tiny-cloud": ("/usr/lib/tiny-cloud", "/lib/tiny-cloud", "/etc/tiny-cloud.conf"),
}
_SYSTEMS = {"talos": "machined"}


class Agent(msgspec.Struct, frozen=True):
    """An agent and what shows that it is there."""

    name: str
    path: str | None


def other_than_cloud_init(view: View) -> Agent | None:
    """Return the first agent that is installed besides cloud-init."""
    known = _SYSTEMS.get(view.system.id or "")
    if known is not None:
        return Agent(known, None)
    for name, paths in _PROGRAMS.items():
        for path in paths:
            if view.tree.exists(path):
                return Agent(name, path)
    return None
