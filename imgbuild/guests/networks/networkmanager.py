"""NetworkManager: its keyfiles and its configuration in, NICs out.

Without a profile for a NIC it makes one with DHCP, unless ``no-auto-default`` forbids that.

nm-settings-keyfile(5), https://networkmanager.dev/docs/api/latest/nm-settings-keyfile.html
NetworkManager.conf(5), https://networkmanager.dev/docs/api/latest/NetworkManager.conf.html
"""

from __future__ import annotations

from imgbuild.guests import inifile
from imgbuild.guests.networks.base import (
    Network,
    Nic,
    Place,
    is_spare,
    is_written_by_cloud_init,
    line_at,
    merged_names,
)

PROFILES = ("/run/NetworkManager/system-connections", "/etc/NetworkManager/system-connections",
            "/usr/lib/NetworkManager/system-connections")
_MAIN = "/etc/NetworkManager/NetworkManager.conf"
_PARTS = ("/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d", "/usr/lib/NetworkManager/conf.d")
_WIRED = frozenset({"ethernet", "802-3-ethernet", ""})


def read(place: Place) -> Network | None:
    """Return what NetworkManager would do; ``None`` where it is not installed and has no profile."""
    unit = place.units.look("NetworkManager")
    paths = [path for path in merged_names(place.tree, PROFILES, "") if not is_spare(path.rpartition("/")[2])]
    if unit.state == "absent" and not paths:
        return None
    nics = [_nic(path, place.tree.read_text(path, inifile.LIMIT) or "") for path in paths]
    active = None if unit.state == "absent" else unit.enabled
    return Network("NetworkManager", active, tuple(nic for nic in nics if nic is not None),
                   _default(place) if unit.enabled else None, files=tuple(paths) or ((unit.path,) if unit.path else ()))


def _default(place: Place) -> str | None:
    for path in (*reversed(merged_names(place.tree, _PARTS, ".conf")), _MAIN):
        entries = inifile.parse(place.tree.read_text(path, inifile.LIMIT) or "")
        forbidden = inifile.value_of(entries, "main", "no-auto-default")
        if forbidden:
            return None if "*" in forbidden else "NetworkManager"
    return "NetworkManager"


def _nic(path: str, text: str) -> Nic | None:
    entries = inifile.parse(text)

    def value(section: str, key: str) -> str:
        return inifile.value_of(entries, section, key)

    if value("connection", "type") not in _WIRED:
        return None
    mac = value("ethernet", "mac-address") or value("802-3-ethernet", "mac-address")
    name = value("connection", "interface-name") or value("match", "interface-name")
    method = value("ipv4", "method") or "auto"
    entry = inifile.last(entries, "ipv4", "method")
    line = entry.line if entry is not None else None
    return Nic(name or "*", "static" if method == "manual" else "dhcp" if method == "auto" else "none", path, line,
               line_at(text, line), ipv6=(value("ipv6", "method") or "auto") in {"auto", "dhcp"}, mac=mac or None,
               every=not name, starts=value("connection", "autoconnect").lower() not in {"false", "no", "0"},
               written=is_written_by_cloud_init(path, text))
