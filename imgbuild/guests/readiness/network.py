"""How the guest gets an address: readiness checks on what configures its network.

All managers that are at work are asked, cloud-init last: what it writes at the first boot takes the place of what it
wrote before, and of nothing else.

"Configuring DHCP (Linux)", the page that ``lin_dhcp`` cites, names the files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests import agents, osrelease
from imgbuild.guests.readiness.base import Answer, View, failed, not_applicable, passed, place, unknown

if TYPE_CHECKING:
    from imgbuild.guests.networks import Network, Nic
    from imgbuild.model import Place

_ALIKE = {"netplan": "write dhcp4: true and take addresses, gateway4 and routes out, then netplan generate",
          "ifupdown": "write: iface {name} inet dhcp",
          "network-scripts": "set BOOTPROTO=dhcp and take IPADDR, NETMASK, PREFIX and GATEWAY out",
          "wicked": "set BOOTPROTO='dhcp' and take IPADDR out", "sysconfig": "set BOOTPROTO='dhcp' and take IPADDR out",
          "NetworkManager": "in [ipv4] write method=auto and take address1 out",
          "systemd-networkd": "in [Network] write DHCP=yes and take Address= and Gateway= out",
          "dhcpcd": "take the lines static ip_address= and static routers= out"}
_SUSE_DHCP = "/etc/sysconfig/network/dhcp"


def dhcp(view: View) -> Answer:
    """lin_dhcp: each NIC takes its address by DHCP."""
    networks = _at_work(view)
    wrong = [(network, nic) for network in networks for nic in network.nics
             if nic.method == "static" and nic.starts and not _is_rewritten(view, nic)]
    if wrong:
        network, nic = wrong[0]
        return failed(f"{network.manager} gives {nic.name} a static address, which leaves the server without network",
                      [_place(nic, f"a static address for {nic.name}") for _, nic in wrong],
                      cure=_ALIKE[network.manager].format(name=nic.name))
    for network in networks:
        if network.unread is not None:
            return unknown(f"{network.unread[0]} could not be read: {network.unread[1]}", network.unread[0])
    return _who_asks(view, networks)


def _who_asks(view: View, networks: list[Network]) -> Answer:
    """Name who asks for an address, where nobody has a static one."""
    for network in networks:
        asking = [nic for nic in network.nics if nic.method == "dhcp" and nic.starts]
        if asking:
            return passed(f"{network.manager} asks by DHCP for {_names(asking)}",
                          *dict.fromkeys(nic.path for nic in asking))
    if view.cloud_init.writes_network:
        return passed("cloud-init writes DHCP at the first boot", *_files_of_cloud_init(view))
    for network in networks:
        if network.default is not None:
            return passed(f"{network.default} asks by DHCP for every NIC that has no profile", *network.files)
    agent = agents.other_than_cloud_init(view)
    if agent is not None:
        return passed(f"left to {agent.name}", *([agent.path] if agent.path else []))
    return _nobody(view)


def _nobody(view: View) -> Answer:
    if view.cloud_init.unreadable is not None:
        return unknown(f"{view.cloud_init.unreadable.path} could not be read: {view.cloud_init.unreadable.reason}")
    found = list(view.networks)
    if not found:
        return unknown("no network configuration of a kind that is known, and no agent that would write one")
    off = [network for network in found if network.active is False]
    path = next((path for network in found for path in network.files), None)
    why = f"{off[0].manager} is configured but not enabled" if off else "no NIC is configured"
    return failed(f"nothing asks for an address: {why}, and no agent will", [place(path)] if path else [],
                  cure="enable cloud-init, or configure the first NIC for DHCP")


def bound(view: View) -> Answer:
    """lin_nic_bound: what asks for an address is not bound to the NIC of the machine that the image was built on."""
    asking = [nic for network in _at_work(view) for nic in network.nics if nic.method == "dhcp" and nic.starts]
    if not asking:
        return not_applicable("no file configures a NIC")
    free = [nic for nic in asking if not nic.mac and not nic.bound_by_place]
    if free or view.cloud_init.writes_network or any(network.default for network in _at_work(view)):
        return passed("DHCP does not depend on the old machine's NIC", *dict.fromkeys(nic.path for nic in asking))
    nic = asking[0]
    by_place = f"the name {nic.name}, which depends on the machine's slots"
    what = f"the hardware address {nic.mac}" if nic.mac else by_place
    return failed(f"DHCP is bound to {what}: a server of the cloud has another",
                  [_place(nic, f"bound to {nic.mac or nic.name}") for nic in asking],
                  cure="take HWADDR or match: macaddress out" if nic.mac else
                  "match any NIC (netplan: match: {name: 'e*'}), or start the kernel with net.ifnames=0 and use eth0")


def persistent(view: View) -> Answer:
    """lin_dhcp_persistent: the client keeps asking for an address, and does not take an old lease."""
    for network in _at_work(view):
        if network.manager == "network-scripts" and view.units.look("network").enabled:
            return _red_hat_persistent(view, network)
    if view.tree.is_file(_SUSE_DHCP):
        text = view.tree.read_text(_SUSE_DHCP, osrelease.LIMIT) or ""
        value = osrelease.parse(text).get("DHCLIENT_USE_LAST_LEASE", "").lower()
        if value == "no":
            return passed("no old lease is taken", _SUSE_DHCP)
        return failed("an old lease is taken where the server does not answer", [place(_SUSE_DHCP)],
                      cure=f'write DHCLIENT_USE_LAST_LEASE="no" in {_SUSE_DHCP}')
    return not_applicable("the manager of networks keeps asking by itself")


def _red_hat_persistent(view: View, network: Network) -> Answer:
    for nic in network.nics:
        values = osrelease.parse(view.tree.read_text(nic.path, osrelease.LIMIT) or "")
        wanted = values.get("PERSISTENT_DHCLIENT", "").lower() in {"y", "yes", "1"}
        if nic.method == "dhcp" and not wanted:
            return failed(f"the DHCP client of {nic.name} gives up where no server answers", [place(nic.path)],
                          cure=f"echo PERSISTENT_DHCLIENT=y >> {nic.path}")
    return passed("the DHCP client keeps asking", *network.files)


def ipv6(view: View) -> Answer:
    """lin_ipv6: an IPv6 address is asked for, too."""
    networks = _at_work(view)
    asking = [nic for network in networks for nic in network.nics if nic.ipv6]
    if asking:
        return passed(f"an IPv6 address is asked for: {_names(asking)}", *dict.fromkeys(nic.path for nic in asking))
    if view.cloud_init.writes_network:
        return passed("left to cloud-init, which goes by the subnet", *_files_of_cloud_init(view))
    if any(network.default for network in networks):
        return passed("asked for by default", *(path for network in networks for path in network.files))
    nics = [nic for network in networks for nic in network.nics]
    if not nics:
        return not_applicable("no file configures a NIC")
    return failed("no NIC asks for an IPv6 address", [_place(nic) for nic in nics[:1]])


def network_manager(view: View) -> Answer:
    """lin_networkmanager: NetworkManager is not beside another manager that cloud-init writes for."""
    unit = view.units.look("NetworkManager")
    if not unit.enabled or view.cloud_init.program is None:
        return not_applicable("NetworkManager is not enabled, or cloud-init not installed")
    rivals = [network.manager for network in _at_work(view)
              if network.manager in {"ifupdown", "wicked", "systemd-networkd"} and network.active]
    rivals += ["network-scripts"] if view.units.look("network").enabled else []
    if not rivals:
        return passed("NetworkManager is the system's only manager of networks", unit.path or "")
    return failed(f"NetworkManager is enabled beside {rivals[0]}", [place(unit.path or "/")],
                  cure="systemctl disable NetworkManager")


def _at_work(view: View) -> list[Network]:
    """The managers that are not seen to be off."""
    return [network for network in view.networks if network.active is not False]


def _is_rewritten(view: View, nic: Nic) -> bool:
    return nic.written and view.cloud_init.writes_network


def _files_of_cloud_init(view: View) -> list[str]:
    return [file.path for file in view.cloud_init.files[:1]]


def _names(nics: list[Nic]) -> str:
    names = list(dict.fromkeys(nic.name for nic in nics))
    return "every NIC" if "*" in names else ", ".join(names[:3]) + (" …" if len(names) > 3 else "")  # noqa: PLR2004 - three names fit a line


def _place(nic: Nic, says: str | None = None) -> Place:
    return place(nic.path, nic.line, nic.text, says)
