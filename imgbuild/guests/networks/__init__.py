"""Who brings a guest's network up, and how: files and services in, one :class:`Network` for each manager out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.networks.base import Network, Nic, Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.guests.units import Units

__all__ = ["Network", "Nic", "read"]


def read(tree: GuestTree, units: Units) -> tuple[Network, ...]:
    """Return what each manager that the guest has would do; lookups raise BrokenImage where they are damaged."""
    place = Place(tree, units)
    return tuple(network for manager in _MANAGERS if (network := manager(place)) is not None)


# Each reader is imported where there is something for it to read: most guests have one manager, and an import takes
# half a millisecond.


def _netplan(place: Place) -> Network | None:
    if not any(place.tree.is_dir(path) for path in ("/etc/netplan", "/usr/lib/netplan", "/run/netplan")):
        return None
    from imgbuild.guests.networks import netplan  # noqa: PLC0415 - see above

    return netplan.read(place)


def _ifupdown(place: Place) -> Network | None:
    if not place.tree.is_dir("/etc/network"):
        return None
    from imgbuild.guests.networks import ifupdown  # noqa: PLC0415 - see above

    return ifupdown.read(place)


def _red_hat(place: Place) -> Network | None:
    if not place.tree.is_dir("/etc/sysconfig/network-scripts"):
        return None
    from imgbuild.guests.networks import ifcfg  # noqa: PLC0415 - see above

    return ifcfg.read_red_hat(place)


def _suse(place: Place) -> Network | None:
    if not place.tree.is_dir("/etc/sysconfig/network"):
        return None
    from imgbuild.guests.networks import ifcfg  # noqa: PLC0415 - see above

    return ifcfg.read_suse(place)


def _networkmanager(place: Place) -> Network | None:
    if not any(place.tree.is_dir(path) for path in ("/etc/NetworkManager", "/usr/lib/NetworkManager")):
        return None
    from imgbuild.guests.networks import networkmanager  # noqa: PLC0415 - see above

    return networkmanager.read(place)


def _networkd(place: Place) -> Network | None:
    if not place.units.look("systemd-networkd").enabled:
        return None
    from imgbuild.guests.networks import networkd  # noqa: PLC0415 - see above

    return networkd.read(place)


def _other(place: Place) -> Network | None:
    if not place.units.look("dhcpcd", "connman").enabled:
        return None
    from imgbuild.guests.networks import others  # noqa: PLC0415 - see above

    return others.read(place)


_MANAGERS: tuple[Callable[[Place], Network | None], ...] = (
    _netplan, _ifupdown, _red_hat, _suse, _networkmanager, _networkd, _other)
