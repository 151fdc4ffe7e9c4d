"""netplan: the YAML files of Ubuntu and Debian's cloud images in, NICs out.

Files of all folders are merged in the order of their names, key by key; a file in /run stands for one of the same name
in /etc, and that for one in /usr/lib.

Netplan YAML configuration, https://netplan.readthedocs.io/en/stable/netplan-yaml/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.guests import yamltext
from imgbuild.guests.networks.base import (
    Network,
    Nic,
    Place,
    is_written_by_cloud_init,
    line_at,
    merged_names,
)
from imgbuild.guests.yamltext import Unreadable, truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.guests.networks.base import Method

_FOLDERS = ("/run/netplan", "/etc/netplan", "/usr/lib/netplan", "/lib/netplan")
_PROGRAMS = ("/usr/sbin/netplan", "/usr/bin/netplan", "/usr/libexec/netplan/generate", "/usr/lib/netplan/generate",
             "/lib/netplan/generate")
_KINDS = ("ethernets", "bonds", "bridges", "vlans")


class _File(msgspec.Struct, frozen=True):
    path: str
    text: str
    values: dict[str, Any]


def read(place: Place) -> Network | None:
    """Return what netplan's files say; ``None`` where there are none."""
    tree = place.tree
    paths = merged_names(tree, _FOLDERS, ".yaml")
    if not paths:
        return None
    installed = any(tree.exists(path) for path in _PROGRAMS) or None
    files: list[_File] = []
    for path in paths:
        text = tree.read_text(path, yamltext.LIMIT) or ""
        values = yamltext.parse(text)
        if isinstance(values, Unreadable):
            return Network("netplan", installed, unread=(path, values.reason))
        if isinstance(values, dict) and isinstance(values.get("network"), dict):
            files.append(_File(path, text, values["network"]))
    return Network("netplan", installed, tuple(_nics(files)), _default(files), files=tuple(paths))


def _default(files: list[_File]) -> str | None:
    """Name NetworkManager where a file hands all interfaces over to it."""
    renderers = [file.values.get("renderer") for file in files]
    return "NetworkManager, to which netplan hands over" if "NetworkManager" in renderers else None


def _nics(files: list[_File]) -> Iterator[Nic]:
    for kind in _KINDS:
        merged: dict[str, dict[str, Any]] = {}
        for file in files:
            for name, about in _items(file.values.get(kind)):
                merged[name] = {**merged.get(name, {}), **about}
        for name, about in merged.items():
            yield _nic(name, about, files, kind)


def _items(table: object) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, about in table.items() if isinstance(table, dict) else ():
        if name != "renderer":
            yield str(name), about if isinstance(about, dict) else {}


def _nic(name: str, about: dict[str, Any], files: list[_File], kind: str) -> Nic:
    match = about["match"] if isinstance(about.get("match"), dict) else {}
    pattern = str(match.get("name") or match.get("driver") or ("*" if "match" in about and not match else name))
    method, key = _method(about)
    file, line = _where(files, kind, name, key)
    return Nic(pattern, method, file.path, line, line_at(file.text, line), ipv6=bool(truth(about.get("dhcp6"))),
               mac=str(match["macaddress"]) if match.get("macaddress") else None, every="*" in pattern,
               written=is_written_by_cloud_init(file.path, file.text))


def _method(about: dict[str, Any]) -> tuple[Method, str]:
    if truth(about.get("dhcp4")):
        return "dhcp", "dhcp4"
    addresses = about.get("addresses")
    given = [next(iter(entry), "") if isinstance(entry, dict) else entry
             for entry in (addresses if isinstance(addresses, list) else ())]
    if any(":" not in str(address) for address in given):
        return "static", "addresses"
    return "none", "dhcp4"


def _where(files: list[_File], kind: str, name: str, key: str) -> tuple[_File, int | None]:
    """Return the last file that speaks of an interface, by preference of this key of it, and the line."""
    speaking = [file for file in files if any(found == name for found, _ in _items(file.values.get(kind)))]
    exact = [file for file in speaking if key in dict(_items(file.values[kind]))[name]]
    file = (exact or speaking)[-1]
    return file, yamltext.line_of(file.text, kind, name, key)
