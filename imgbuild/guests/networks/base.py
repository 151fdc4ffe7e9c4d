"""What a guest's network configuration says, in the words that all managers share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.guests.units import Units

Method = Literal["dhcp", "static", "none"]

LIMIT = 64 * 1024
"""Bytes read of any configuration file."""
MOST_FILES = 128
"""Files read of one folder."""

# Names that a machine's slots or firmware give to a NIC, so that another machine has another. Their scheme:
# https://www.freedesktop.org/software/systemd/man/latest/systemd.net-naming-scheme.html
_BY_PLACE = r"en[ospxvb]\w*|p\d+p\d+|em\d+|ib[ospx]\w+"
_VIRTUAL = ("docker", "veth", "ve-", "vb-", "vt-", "virbr", "dummy", "tun", "tap", "wg", "wl", "wwan", "ppp", "sit",
            "6rd-", "host0")
_SPARE = ("~", ".bak", ".orig", ".old", ".save", ".rpmnew", ".rpmorig", ".rpmsave", ".dpkg-dist", ".dpkg-new",
          ".dpkg-old", ".swp", ".scpmbackup")


class Nic(msgspec.Struct, frozen=True):
    """How one interface, or every one that a pattern fits, takes its address.

    Attributes:
        name: The interface or the pattern, as the configuration names it.
        method: ``dhcp``, ``static`` or ``none``, for IPv4.
        path: The file that says so, ``line`` (from 1) and ``text`` the place in it.
        ipv6: Whether it asks for an IPv6 address, too.
        mac: The hardware address that it is bound to.
        every: Whether it fits a NIC of whatever name.
        starts: Whether it is brought up by itself.
        written: Whether cloud-init wrote the file, and so will write it anew.
    """

    name: str
    method: Method
    path: str
    line: int | None = None
    text: str | None = None
    ipv6: bool = False
    mac: str | None = None
    every: bool = False
    starts: bool = True
    written: bool = False

    @property
    def bound_by_place(self) -> bool:
        """Whether its name depends on the machine's slots."""
        return not self.every and re.fullmatch(_BY_PLACE, self.name) is not None


class Network(msgspec.Struct, frozen=True):
    """What one manager of networks says.

    Attributes:
        manager: Its name.
        active: Whether it is at work; ``None`` where that cannot be seen.
        nics: The interfaces of its configuration.
        default: What gives every other NIC an address by DHCP though no file says so; ``None`` where nothing does.
        unread: A file that could not be read, and why.
    """

    manager: str
    active: bool | None
    nics: tuple[Nic, ...] = ()
    default: str | None = None
    unread: tuple[str, str] | None = None
    files: tuple[str, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """Where to look: the guest's files and its services."""

    tree: GuestTree
    units: Units


def is_virtual(name: str) -> bool:
    """Say whether an interface is none of the machine's NICs by its name: loopback, bridges, tunnels, wireless."""
    return name == "lo" or name.startswith(_VIRTUAL)


def is_spare(name: str) -> bool:
    """Say whether a file is a copy that editors and package managers leave."""
    return name.startswith(".") or name.endswith(_SPARE)


def is_written_by_cloud_init(path: str, text: str) -> bool:
    """Say whether cloud-init wrote a file: its name or its first lines say so."""
    return "cloud-init" in path.rpartition("/")[2] or "cloud-init" in text[:512]


def line_at(text: str, line: int | None) -> str | None:
    """Return a line of a text by its number."""
    return None if line is None else text.split("\n")[line - 1]


def merged_names(tree: GuestTree, folders: tuple[str, ...], ending: str) -> list[str]:
    """Return the paths of the files of several folders in the order of their names; an earlier folder's one counts."""
    found: dict[str, str] = {}
    for folder in folders:
        for name in tree.listdir(folder)[:MOST_FILES]:
            if name.endswith(ending) and not name.startswith("."):
                found.setdefault(name, f"{folder}/{name}")
    return [found[name] for name in sorted(found)]
