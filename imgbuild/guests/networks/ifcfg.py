"""The ``ifcfg`` files of Red Hat's and SUSE's systems in, NICs out: the same files in two folders and two dialects.

Red Hat: "/usr/share/doc/initscripts/sysconfig.txt", read by the service ``network`` and by NetworkManager,
https://github.com/fedora-sysv/initscripts/blob/main/doc/sysconfig.txt
SUSE: ifcfg(5) of wicked, https://manpages.opensuse.org/Leap-15.6/wicked/ifcfg.5.en.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.guests import osrelease
from imgbuild.guests.networks.base import (
    LIMIT,
    MOST_FILES,
    Network,
    Nic,
    Place,
    is_spare,
    is_virtual,
    is_written_by_cloud_init,
    line_at,
)

if TYPE_CHECKING:
    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.guests.networks.base import Method

RED_HAT = "/etc/sysconfig/network-scripts"
SUSE = "/etc/sysconfig/network"
_BY_MAC = re.compile(r"[a-z-]*id-([0-9a-fA-F:]{17})")  # SUSE 10: ifcfg-eth-id-00:16:3e:…
_NO = frozenset({"no", "false", "0", "off", "manual"})


def read_red_hat(place: Place) -> Network | None:
    """Return what Red Hat's files say; ``None`` where there are none."""
    nics = _nics(place.tree, RED_HAT)
    if not nics:
        return None
    network, manager = place.units.look("network"), place.units.look("NetworkManager")
    both_absent = network.state == manager.state == "absent"
    return Network("network-scripts", None if both_absent else network.enabled or manager.enabled, nics,
                   files=tuple(nic.path for nic in nics))


def read_suse(place: Place) -> Network | None:
    """Return what SUSE's files say; ``None`` where there are none."""
    nics = _nics(place.tree, SUSE)
    if not nics:
        return None
    service = place.units.look("wicked", "network")
    return Network("wicked" if service.name.startswith("wicked") else "sysconfig",
                   None if service.state == "absent" else service.enabled, nics, files=tuple(nic.path for nic in nics))


def _nics(tree: GuestTree, folder: str) -> tuple[Nic, ...]:
    paths = [f"{folder}/{name}" for name in tree.listdir(folder)
             if name.startswith("ifcfg-") and not is_spare(name) and not is_virtual(name.removeprefix("ifcfg-"))]
    return tuple(_nic(path, tree.read_text(path, LIMIT) or "") for path in paths[:MOST_FILES])


def _nic(path: str, text: str) -> Nic:
    values = osrelease.parse(text)
    named = path.rpartition("/ifcfg-")[2]
    by_mac = _BY_MAC.fullmatch(named)
    method, key = _method(values)
    line = _line_of(text, key)
    return Nic(values.get("DEVICE") or values.get("NAME") or named, method, path, line, line_at(text, line),
               ipv6=_asks_for_ipv6(values), mac=values.get("HWADDR") or (by_mac[1] if by_mac else None),
               starts=_starts(values), written=is_written_by_cloud_init(path, text))


def _starts(values: dict[str, str]) -> bool:
    return not {values.get("ONBOOT", "").lower(), values.get("STARTMODE", "").lower()} & _NO


def _method(values: dict[str, str]) -> tuple[Method, str]:
    way = values.get("BOOTPROTO", "").lower()
    if way.startswith(("dhcp", "bootp", "auto")) and way != "dhcp6":
        return "dhcp", "BOOTPROTO"
    address = next((key for key in values if re.fullmatch(r"IPADDR\w*", key) and ":" not in values[key]
                    and values[key]), None)
    if address is not None and not any(key in values for key in ("MASTER", "BRIDGE", "SLAVE")):
        return "static", address
    return "none", "BOOTPROTO"


def _asks_for_ipv6(values: dict[str, str]) -> bool:
    if "STARTMODE" in values:  # wicked's "dhcp" is both
        return values.get("BOOTPROTO", "").lower() in {"dhcp6", "dhcp"}
    return "yes" in {values.get(key, "").lower() for key in ("DHCPV6C", "IPV6_AUTOCONF", "IPV6INIT")}


def _line_of(text: str, key: str) -> int | None:
    lines = text.split("\n")
    found = [number for number, line in enumerate(lines, start=1) if line.strip().startswith(f"{key}=")]
    return found[-1] if found else None
