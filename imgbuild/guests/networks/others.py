"""Managers that take DHCP for every NIC without being told: dhcpcd and ConnMan.

dhcpcd.conf(5), https://manpages.debian.org/bookworm/dhcpcd-base/dhcpcd.conf.5.en.html
connman-service.config(5), https://manpages.debian.org/bookworm/connman/connman-service.config.5.en.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.guests.networks.base import LIMIT, Network, Nic, Place, line_at

if TYPE_CHECKING:
    from collections.abc import Iterator

_DHCPCD = "/etc/dhcpcd.conf"
_INTERFACE = re.compile(r"^\s*interface\s+(\S+)")
_ADDRESS = re.compile(r"^\s*static\s+ip_address\s*=")


def read(place: Place) -> Network:
    """Return what the one of them that is enabled would do."""
    unit = place.units.look("dhcpcd", "connman")
    files = (unit.path,) if unit.path else ()
    if unit.name == "connman.service":
        return Network("ConnMan", active=True, default="ConnMan", files=files)
    text = place.tree.read_text(_DHCPCD, LIMIT) or ""
    return Network("dhcpcd", active=True, nics=tuple(_statics(text)), default="dhcpcd", files=files)


def _statics(text: str) -> Iterator[Nic]:
    name = "*"
    for number, line in enumerate(text.split("\n"), start=1):
        found = _INTERFACE.match(line)
        if found:
            name = found[1]
        elif _ADDRESS.match(line):
            yield Nic(name, "static", _DHCPCD, number, line_at(text, number), every=name == "*")
