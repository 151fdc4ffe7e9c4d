"""What each manager of networks would do with a guest's files."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phony import DIRECTORY, Link, PhonyFileSystem
from tools import needs

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests import networks
from imgbuild.guests.units import Units

LIB, WANTS = "/usr/lib/systemd/system", "/etc/systemd/system/multi-user.target.wants"
UNIT = "[Install]\nWantedBy=multi-user.target\n"
BASE = {"/usr/lib/systemd/systemd": "x", "/etc/machine-id": "", "/usr/sbin/netplan": "x"}


def on(*names):
    return BASE | {f"{LIB}/{name}.service": UNIT for name in names} | {
        f"{WANTS}/{name}.service": Link(f"{LIB}/{name}.service") for name in names}


def read(tree):
    guest = GuestTree(PhonyFileSystem(tree))
    return networks.read(guest, Units(guest))


def told(tree):
    """Manager, name and method of each NIC."""
    return [(network.manager, nic.name, nic.method) for network in read(tree) for nic in network.nics]


def only(tree):
    return next(nic for network in read(tree) for nic in network.nics)


NETPLAN = [
    ("dhcp4: true", "dhcp"), ("dhcp4: yes", "dhcp"), ("dhcp4: 'on'", "dhcp"), ("dhcp4: no", "none"),
    ("dhcp4: no\n      addresses: [10.0.0.5/24]", "static"), ("addresses: [10.0.0.5/24]", "static"),
    ("addresses:\n      - 10.0.0.5/24:\n          label: x", "static"), ("addresses: ['fd00::1/64']", "none"),
    ("dhcp4: true\n      addresses: [10.0.0.5/24]", "dhcp"), ("dhcp6: true", "none"), ("{}", "none"),
]


@pytest.mark.parametrize(("body", "method"), NETPLAN)
def test_netplan(body, method):
    text = f"network:\n  version: 2\n  ethernets:\n    eth0:\n      {body}\n" if body != "{}" else (
        "network:\n  ethernets:\n    eth0: {}\n")
    assert told(BASE | {"/etc/netplan/a.yaml": text}) == [("netplan", "eth0", method)]


@needs("netplan")
@pytest.mark.parametrize(("body", "method"), [case for case in NETPLAN if case[0] != "{}"])
def test_netplan_itself_agrees(body, method, tmp_path):
    file = tmp_path / "etc/netplan/a.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"network:\n  version: 2\n  ethernets:\n    eth0:\n      {body}\n")
    file.chmod(0o600)
    subprocess.run(["netplan", "generate", "--root-dir", tmp_path], check=True, capture_output=True)
    made = (tmp_path / "run/systemd/network/10-netplan-eth0.network").read_text()
    assert ("DHCP=yes" in made or "DHCP=ipv4" in made) == (method == "dhcp")
    assert method != "static" or "Address=10.0.0.5/24" in made


def test_netplan_merges_files_in_the_order_of_their_names():
    tree = BASE | {"/usr/lib/netplan/00-x.yaml": "network: {ethernets: {e: {dhcp4: true}}}",
                   "/etc/netplan/50-y.yaml": "network: {ethernets: {e: {dhcp4: false, addresses: [10.0.0.1/8]}}}"}
    assert told(tree) == [("netplan", "e", "static")]
    assert only(tree).path == "/etc/netplan/50-y.yaml"
    tree["/etc/netplan/00-x.yaml"] = "network: {}"
    tree["/etc/netplan/50-y.yaml"] = "network: {}"
    assert told(tree) == []


def test_netplan_names_and_bounds():
    text = ("network:\n  ethernets:\n    all:\n      match: {name: 'en*'}\n      dhcp4: true\n      dhcp6: true\n"
            "    one:\n      match:\n        macaddress: 52:54:00:00:00:01\n      dhcp4: true\n")
    every, one = read(BASE | {"/etc/netplan/50-cloud-init.yaml": text})[0].nics
    assert (every.name, every.every, every.ipv6, every.line, every.text) == ("en*", True, True, 5, "      dhcp4: true")
    assert (one.mac, one.every, one.line, one.written) == ("52:54:00:00:00:01", False, 10, True)


def test_netplan_that_hands_over():
    assert read(BASE | {"/etc/netplan/01.yaml": "network:\n  renderer: NetworkManager\n"})[0].default


def test_netplan_that_cannot_be_read():
    assert read(BASE | {"/etc/netplan/a.yaml": "network: [\n"})[0].unread[0] == "/etc/netplan/a.yaml"


IFACE = "auto lo\niface lo inet loopback\n"


@pytest.mark.parametrize(("says", "text", "expected"), [
    ("DHCP", "auto eth0\niface eth0 inet dhcp\n", [("eth0", "dhcp", True)]),
    ("hot plug", "allow-hotplug ens3\niface ens3 inet dhcp\n", [("ens3", "dhcp", True)]),
    ("static", "auto eth0\niface eth0 inet static\n  address 10.0.0.5\n", [("eth0", "static", True)]),
    ("by hand", "auto eth0\niface eth0 inet manual\n", [("eth0", "none", True)]),
    ("not started", "iface eth0 inet dhcp\n", [("eth0", "dhcp", False)]),
    ("the loopback only", "", []), ("a comment", "# iface eth0 inet static\n", []),
    ("too short", "iface eth0 inet\niface\nauto\n", []),
])
def test_ifupdown(says, text, expected):
    nics = [nic for network in read(BASE | {"/etc/network/interfaces": IFACE + text}) for nic in network.nics]
    assert [(nic.name, nic.method, nic.starts) for nic in nics] == expected, says


def test_ifupdown_joins_lines():
    text = "# a comment \\\nauto \\\n eth0\niface eth0 \\\n inet \\\n dhcp\nauto eth1\niface eth1 inet static \\"
    nics = [nic for network in read(BASE | {"/etc/network/interfaces": text}) for nic in network.nics]
    assert [(nic.name, nic.method, nic.starts, nic.line) for nic in nics] == [
        ("eth0", "dhcp", True, 4), ("eth1", "static", True, 8)]


def test_ifupdown_follows_its_includes():
    tree = on("networking") | {
        "/etc/network/interfaces": "source /etc/network/interfaces.d/*\nsource-directory more\n",
        "/etc/network/interfaces.d/50-cloud-init": "auto eth0\niface eth0 inet dhcp\niface eth0 inet6 auto\n",
        "/etc/network/more/eth1": "auto eth1\niface eth1 inet static\n",
        "/etc/network/more/x.bak": "iface y inet dhcp\n"}
    network = read(tree)[0]
    assert network.active
    assert [(nic.name, nic.path, nic.line, nic.ipv6, nic.written) for nic in network.nics] == [
        ("eth0", "/etc/network/interfaces.d/50-cloud-init", 2, True, True),
        ("eth1", "/etc/network/more/eth1", 2, False, False)]


def test_ifupdown_that_includes_all_again_and_again_ends():
    parts = {f"/etc/network/more/{number}": "source /etc/network/more/*\nauto lo\n" for number in range(300)}
    assert read(BASE | parts | {"/etc/network/interfaces": "source /etc/network/more/*\n" * 40})[0].nics == ()


def test_ifupdown_that_includes_itself_ends():
    assert read(BASE | {"/etc/network/interfaces": "source /etc/network/interfaces\n" * 3})[0].nics == ()


IFCFG = "/etc/sysconfig/network-scripts/ifcfg-eth0"


@pytest.mark.parametrize(("text", "method", "mac", "starts"), [
    ("DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n", "dhcp", None, True),
    ("BOOTPROTO='dhcp'\nONBOOT=no\n", "dhcp", None, False),
    ("BOOTPROTO=static\nIPADDR=10.0.0.5\n", "static", None, True),
    ("BOOTPROTO=none\nIPADDR0=10.0.0.5\nHWADDR=52:54:00:00:00:01\n", "static", "52:54:00:00:00:01", True),
    ("BOOTPROTO=none\nMASTER=bond0\nSLAVE=yes\n", "none", None, True), ("", "none", None, True),
])
def test_network_scripts(text, method, mac, starts):
    nic = only(on("network") | {IFCFG: text})
    assert (nic.name, nic.method, nic.mac, nic.starts) == ("eth0", method, mac, starts)


def test_spare_files_and_the_loopback_are_passed_over():
    tree = on("network") | {f"{IFCFG}.bak": "IPADDR=1.2.3.4\n", "/etc/sysconfig/network-scripts/ifcfg-lo": "IPADDR=1\n"}
    assert told(tree) == []


@pytest.mark.parametrize(("text", "method", "starts"), [
    ("BOOTPROTO='dhcp'\nSTARTMODE='auto'\n", "dhcp", True), ("BOOTPROTO='dhcp4'\nSTARTMODE='off'\n", "dhcp", False),
    ("BOOTPROTO='static'\nIPADDR='10.0.0.5/24'\nSTARTMODE='auto'\n", "static", True),
])
def test_wicked(text, method, starts):
    nic = only(on("wicked") | {"/etc/sysconfig/network/ifcfg-eth0": text})
    assert (nic.method, nic.starts) == (method, starts)


def test_suse_10_binds_by_name():
    nic = only(BASE | {"/etc/sysconfig/network/ifcfg-eth-id-00:16:3e:00:00:01": "BOOTPROTO='dhcp'\n"})
    assert nic.mac == "00:16:3e:00:00:01"


PROFILE = "/etc/NetworkManager/system-connections/a.nmconnection"


@pytest.mark.parametrize(("says", "text", "expected"), [
    ("DHCP", "[connection]\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=auto\n", ("eth0", "dhcp", False)),
    ("static", "[connection]\ntype=ethernet\n[ipv4]\nmethod=manual\naddress1=10.0.0.5/24\n", ("*", "static", True)),
    ("without a method", "[connection]\ntype=802-3-ethernet\n", ("*", "dhcp", True)),
    ("off", "[connection]\ntype=ethernet\n[ipv4]\nmethod=disabled\n", ("*", "none", True)),
])
def test_networkmanager(says, text, expected):
    nic = only(on("NetworkManager") | {PROFILE: text})
    assert (nic.name, nic.method, nic.every) == expected, says


def test_networkmanager_details():
    text = ("[connection]\ntype=ethernet\nautoconnect=false\n[ethernet]\nmac-address=52:54:00:00:00:01\n"
            "[ipv6]\nmethod=ignore\n")
    nic = only(on("NetworkManager") | {PROFILE: text})
    assert (nic.mac, nic.starts, nic.ipv6) == ("52:54:00:00:00:01", False, False)
    assert told(on("NetworkManager") | {PROFILE: "[connection]\ntype=wifi\n"}) == []


@pytest.mark.parametrize(("says", "tree", "default"), [
    ("by itself", {}, "NetworkManager"),
    ("forbidden", {"/etc/NetworkManager/conf.d/x.conf": "[main]\nno-auto-default=*\n"}, None),
    ("forbidden in the main file", {"/etc/NetworkManager/NetworkManager.conf": "[main]\nno-auto-default=*\n"}, None),
    ("for one NIC", {"/usr/lib/NetworkManager/conf.d/x.conf": "[main]\nno-auto-default=00:11:22:33:44:55\n"},
     "NetworkManager"),
])
def test_networkmanager_takes_dhcp_by_default(says, tree, default):
    assert read(on("NetworkManager") | {"/etc/NetworkManager": DIRECTORY} | tree)[0].default == default, says


def test_networkmanager_that_is_off_has_no_default():
    found = read(BASE | {f"{LIB}/NetworkManager.service": UNIT, "/etc/NetworkManager": DIRECTORY})
    assert [(network.active, network.default) for network in found] == [(False, None)]


NETWORKD = "/etc/systemd/network/10-x.network"


@pytest.mark.parametrize(("says", "text", "expected"), [
    ("DHCP", "[Match]\nName=en*\n[Network]\nDHCP=yes\n", ("en*", "dhcp", True)),
    ("IPv4 only", "[Match]\nType=ether\n[Network]\nDHCP=ipv4\n", ("*", "dhcp", True)),
    ("IPv6 only", "[Match]\nName=eth0\n[Network]\nDHCP=ipv6\n", ("eth0", "none", False)),
    ("static", "[Match]\nName=eth0\n[Network]\nAddress=10.0.0.5/24\nGateway=10.0.0.1\n", ("eth0", "static", False)),
    ("static in its own section", "[Match]\nName=eth0\n[Address]\nAddress=10.0.0.5/24\n", ("eth0", "static", False)),
    ("for every NIC, without a match", "[Network]\nDHCP=yes\n", ("*", "dhcp", True)),
])
def test_networkd(says, text, expected):
    nic = only(on("systemd-networkd") | {NETWORKD: text})
    assert (nic.name, nic.method, nic.every) == expected, says


@pytest.mark.parametrize("text", [
    "[Match]\nKind=veth\nName=ve-*\n[Network]\nAddress=0.0.0.0/28\n",
    "[Match]\nName=docker0\n[Network]\nAddress=1.2.3.4/8\n",
    "[Match]\nType=wlan\n[Network]\nDHCP=yes\n", "",
    "[Match]\nVirtualization=container\nName=host0\n[Network]\nDHCP=yes\n",
])
def test_networkd_files_for_what_is_no_nic(text):
    assert told(on("systemd-networkd") | {NETWORKD: text}) == []


def test_networkd_masks_and_parts():
    vendor = "/usr/lib/systemd/network/10-x.network"
    static = "[Match]\nName=eth0\n[Network]\nAddress=10.0.0.5/24\n"
    assert told(on("systemd-networkd") | {vendor: static, NETWORKD: Link("/dev/null")}) == []
    assert told(on("systemd-networkd") | {vendor: static, f"{NETWORKD}.d/a.conf": "[Network]\nDHCP=yes\n"}) == [
        ("systemd-networkd", "eth0", "dhcp")]
    assert told(BASE | {vendor: static}) == []


def test_dhcpcd_and_connman():
    assert [network.default for network in read(on("dhcpcd"))] == ["dhcpcd"]
    assert [network.default for network in read(on("connman"))] == ["ConnMan"]
    conf = "interface eth0\nstatic ip_address=10.0.0.5/24\n"
    assert told(on("dhcpcd") | {"/etc/dhcpcd.conf": conf}) == [("dhcpcd", "eth0", "static")]


FILES = ("/etc/netplan/a.yaml", "/etc/network/interfaces", IFCFG, "/etc/sysconfig/network/ifcfg-eth0", PROFILE,
         NETWORKD, "/etc/dhcpcd.conf", "/etc/NetworkManager/NetworkManager.conf")


@given(st.sampled_from(FILES), st.binary(max_size=300))
def test_any_bytes_are_read(path, data):
    read(on("network", "NetworkManager", "systemd-networkd", "wicked", "dhcpcd", "networking") | {path: data})


@given(st.sampled_from(FILES), st.lists(st.sampled_from(
    ["network:\n", " ethernets:\n", "  e: ", "[Match]\n", "[Network]\n", "Address=", "Name=", "iface ", "inet ",
     "static\n", "auto ", "source ", "*", "BOOTPROTO=", "IPADDR=", "dhcp\n", "[ipv4]\n", "method=", "{", "}", "\n"]),
    max_size=24))
def test_any_words_are_read(path, words):
    read(on("network", "NetworkManager", "systemd-networkd", "wicked", "dhcpcd") | {path: "".join(words)})
