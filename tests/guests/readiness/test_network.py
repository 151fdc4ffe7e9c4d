"""Readiness checks on the network."""

from __future__ import annotations

import msgspec
import pytest
from phony import DIRECTORY
from phonyguest import DEBIAN, view
from phonytrees import SYSTEMD, cloud_init, off, on

from imgbuild.guests.readiness import network

DHCP = "auto eth0\niface eth0 inet dhcp\n"
STATIC = "auto eth0\niface eth0 inet static\n  address 10.0.0.5\n"
NETPLAN, INTERFACES = "/etc/netplan/01.yaml", "/etc/network/interfaces"
IFCFG = "/etc/sysconfig/network-scripts/ifcfg-eth0"
WRITTEN = "# This file is generated from information provided by the datasource: cloud-init\n"
NO_NETWORK = {"99": "network: {config: disabled}\n"}


def netplan(body, match=""):
    return {NETPLAN: f"network:\n  ethernets:\n    eth0:\n{match}      {body}\n"}


@pytest.mark.parametrize(("says", "tree", "status", "detail"), [
    ("ifupdown asks", on("networking.service") | {INTERFACES: DHCP}, "pass", "ifupdown asks by DHCP for eth0"),
    ("netplan asks", netplan("dhcp4: true"), "pass", "netplan asks by DHCP for eth0"),
    ("network-scripts ask", on("network.service") | {IFCFG: "BOOTPROTO=dhcp\n"}, "pass",
     "network-scripts asks by DHCP for eth0"),
    ("networkd asks for all", on("systemd-networkd.service") | {"/etc/systemd/network/a.network":
     "[Match]\nType=ether\n[Network]\nDHCP=yes\n"}, "pass", "systemd-networkd asks by DHCP for every NIC"),
    ("NetworkManager by default", on("NetworkManager.service") | {"/etc/NetworkManager": DIRECTORY}, "pass",
     "NetworkManager asks by DHCP for every NIC that has no profile"),
    ("left to cloud-init", cloud_init(), "pass", "cloud-init writes DHCP at the first boot"),
    ("left to Ignition", SYSTEMD | {"/usr/bin/ignition": "x"}, "pass", "left to Ignition"),
    ("cloud-init takes its own static file back",
     cloud_init() | on("networking.service") | {INTERFACES: WRITTEN + STATIC},
     "pass", "cloud-init writes DHCP at the first boot"),
    ("static", on("networking.service") | {INTERFACES: STATIC}, "fail",
     "ifupdown gives eth0 a static address, which leaves the server without network"),
    ("static beside cloud-init", cloud_init() | netplan("addresses: [10.0.0.5/24]"), "fail",
     "netplan gives eth0 a static address, which leaves the server without network"),
    ("cloud-init may not take it back", cloud_init(**NO_NETWORK) | {INTERFACES: WRITTEN + STATIC}, "fail",
     "ifupdown gives eth0 a static address, which leaves the server without network"),
    ("static, but off", off("networking.service") | cloud_init() | {INTERFACES: STATIC}, "pass",
     "cloud-init writes DHCP at the first boot"),
    ("static, not started", on("network.service") | {IFCFG: "IPADDR=10.0.0.5\nONBOOT=no\n"}, "fail",
     "nothing asks for an address: no NIC is configured, and no agent will"),
    ("the loopback only", on("networking.service") | {INTERFACES: "auto lo\niface lo inet loopback\n"}, "fail",
     "nothing asks for an address: no NIC is configured, and no agent will"),
    ("configured but off", off("networking.service") | {INTERFACES: DHCP}, "fail",
     "nothing asks for an address: ifupdown is configured but not enabled, and no agent will"),
    ("cloud-init that leaves the network alone, and nobody else", cloud_init(**NO_NETWORK), "unknown",
     "no network configuration of a kind that is known, and no agent that would write one"),
    ("nothing known", {}, "unknown",
     "no network configuration of a kind that is known, and no agent that would write one"),
    ("netplan that cannot be read", {NETPLAN: "network: [\n"}, "unknown", None),
])
def test_dhcp(says, tree, status, detail):
    answer = network.dhcp(view(tree))
    assert answer.status == status, says
    assert detail in {None, answer.detail}, says


def test_a_static_address_has_its_place_and_cure():
    answer = network.dhcp(view(on("networking.service") | {INTERFACES: STATIC}))
    assert [(at.path, at.line, at.text) for at in answer.places] == [(INTERFACES, 2, "iface eth0 inet static")]
    assert answer.cure == "write: iface eth0 inet dhcp"


def test_talos_looks_after_itself():
    system = msgspec.structs.replace(DEBIAN, id="talos")
    assert network.dhcp(view({}, system=system)).detail == "left to machined"


MAC = "      match: {macaddress: '52:54:00:00:00:01'}\n"


@pytest.mark.parametrize(("says", "tree", "status"), [
    ("bound to an address", netplan("dhcp4: true", MAC), "fail"),
    ("bound, but cloud-init writes anew", cloud_init() | netplan("dhcp4: true", MAC), "pass"),
    ("bound by a slot", on("networking.service") | {INTERFACES: DHCP.replace("eth0", "enp1s0")}, "fail"),
    ("HWADDR", on("network.service") | {IFCFG: "BOOTPROTO=dhcp\nHWADDR=52:54:00:00:00:01\n"}, "fail"),
    ("eth0", on("networking.service") | {INTERFACES: DHCP}, "pass"),
    ("a pattern", netplan("dhcp4: true", "      match: {name: 'en*'}\n"), "pass"),
    ("bound, but NetworkManager takes any other", on("NetworkManager.service") | {
        "/etc/NetworkManager/system-connections/a.nmconnection":
        "[connection]\ntype=ethernet\ninterface-name=enp1s0\n[ipv4]\nmethod=auto\n"}, "pass"),
    ("nothing", {}, "not-applicable"),
])
def test_bound(says, tree, status):
    assert network.bound(view(tree)).status == status, says


@pytest.mark.parametrize(("says", "tree", "status"), [
    ("wicked takes an old lease", {"/etc/sysconfig/network/dhcp": 'DHCLIENT_USE_LAST_LEASE="yes"\n'}, "fail"),
    ("wicked does not", {"/etc/sysconfig/network/dhcp": 'DHCLIENT_USE_LAST_LEASE="no"\n'}, "pass"),
    ("Red Hat gives up", on("network.service") | {IFCFG: "BOOTPROTO=dhcp\n"}, "fail"),
    ("Red Hat goes on", on("network.service") | {IFCFG: 'BOOTPROTO=dhcp\nPERSISTENT_DHCLIENT="y"\n'}, "pass"),
    ("others", {}, "not-applicable"),
])
def test_persistent(says, tree, status):
    assert network.persistent(view(tree)).status == status, says


@pytest.mark.parametrize(("says", "tree", "status"), [
    ("asked for", netplan("dhcp6: true"), "pass"), ("not asked for", netplan("dhcp4: true"), "fail"),
    ("left to cloud-init", cloud_init(), "pass"), ("nothing", {}, "not-applicable"),
    ("by default", on("NetworkManager.service") | {"/etc/NetworkManager": DIRECTORY}, "pass"),
])
def test_ipv6(says, tree, status):
    assert network.ipv6(view(tree)).status == status, says


BESIDE = on("NetworkManager.service", "cloud-init.service") | {"/usr/bin/cloud-init": "x"}


@pytest.mark.parametrize(("says", "tree", "status"), [
    ("alone", BESIDE, "pass"), ("beside ifupdown", BESIDE | on("networking.service") | {INTERFACES: DHCP}, "fail"),
    ("beside network-scripts", BESIDE | on("network.service"), "fail"), ("not there", {}, "not-applicable"),
])
def test_network_manager(says, tree, status):
    assert network.network_manager(view(tree)).status == status, says
