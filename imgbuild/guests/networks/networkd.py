"""systemd-networkd: its ``.network`` files in, NICs out.

Files of all folders are taken in the order of their names; of one name the administrator's counts, and a link to
/dev/null or an empty file masks it. Settings of the folder ``NAME.network.d`` are added to a file's own.

systemd.network(5), https://www.freedesktop.org/software/systemd/man/latest/systemd.network.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests import inifile
from imgbuild.guests.networks.base import (
    Network,
    Nic,
    Place,
    is_virtual,
    is_written_by_cloud_init,
    line_at,
    merged_names,
)

if TYPE_CHECKING:
    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.guests.inifile import Entry
    from imgbuild.guests.networks.base import Method

FOLDERS = ("/etc/systemd/network", "/nix/var/nix/profiles/system/etc/systemd/network", "/run/systemd/network",
           "/usr/local/lib/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network")
_DHCP = frozenset({"yes", "true", "1", "on", "both", "ipv4", "v4"})
_DHCP6 = frozenset({"yes", "true", "1", "on", "both", "ipv6", "v6"})
_OTHER_MATCHES = frozenset({"Kind", "SSID", "WLANInterfaceType", "Virtualization", "Host", "Driver", "Path"})


def read(place: Place) -> Network:
    """Return what networkd would do, which is enabled: files of its alone say nothing, for systemd brings some."""
    paths = merged_names(place.tree, FOLDERS, ".network")
    nics = [nic for path in paths if (nic := _read(place.tree, path)) is not None]
    return Network("systemd-networkd", active=True, nics=tuple(nics), files=tuple(nic.path for nic in nics))


def _read(tree: GuestTree, path: str) -> Nic | None:
    if tree.readlink(path) == "/dev/null":
        return None
    text = tree.read_text(path, inifile.LIMIT) or ""
    name = path.rpartition("/")[2]
    entries = inifile.parse(text)
    for part in merged_names(tree, tuple(f"{folder}/{name}.d" for folder in FOLDERS[:3]), ".conf"):
        entries += [msgspec.structs.replace(entry, line=0)
                    for entry in inifile.parse(tree.read_text(part, inifile.LIMIT) or "")]
    return _nic(path, text, entries)


def _nic(path: str, text: str, entries: list[Entry]) -> Nic | None:
    match = {entry.key: entry.value for entry in entries if entry.section == "Match"}
    names = match.get("Name", "").split()
    wired = match.get("Type", "ether").split() in (["ether"], ["!loopback"])
    if not match or not wired or match.keys() & _OTHER_MATCHES or (names and all(is_virtual(name) for name in names)):
        return _of_every_nic(path, text, entries) if not match else None
    mac = match.get("MACAddress") or match.get("PermanentMACAddress")
    return _with_method(path, text, entries, " ".join(names) or "*", mac)


def _of_every_nic(path: str, text: str, entries: list[Entry]) -> Nic | None:
    """Return the NIC of a file without a match, which fits every one; Flatcar's own default is such a file."""
    return _with_method(path, text, entries, "*", None) if entries else None


def _with_method(path: str, text: str, entries: list[Entry], name: str, mac: str | None) -> Nic:
    method, line = _method(entries)
    dhcp = inifile.value_of(entries, "Network", "DHCP").lower()
    every = name == "*" or re.search(r"(^|\s)(\*|e\*|en\*|eth\*)(\s|$)", name) is not None
    starts = inifile.value_of(entries, "Link", "Unmanaged").lower() not in {"yes", "true", "1", "on"}
    return Nic(name, method, path, line or None, line_at(text, line or None), ipv6=dhcp in _DHCP6, mac=mac,
               every=every, starts=starts, written=is_written_by_cloud_init(path, text))


def _method(entries: list[Entry]) -> tuple[Method, int | None]:
    dhcp = inifile.last(entries, "Network", "DHCP")
    if dhcp is not None and dhcp.value.lower() in _DHCP:
        return "dhcp", dhcp.line
    for entry in entries:
        if entry.key == "Address" and entry.section in {"Network", "Address"} and "." in entry.value:
            return "static", entry.line
    return "none", None if dhcp is None else dhcp.line
