"""Whether a guest's firewall lets SSH in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phony import Link, PhonyFileSystem

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests.firewalls import closed
from imgbuild.guests.units import Units

LIB, WANTS = "/usr/lib/systemd/system", "/etc/systemd/system/multi-user.target.wants"
RED_HAT, UFW, NFT = "/etc/sysconfig/iptables", "/etc/ufw/user.rules", "/etc/nftables.conf"


def on(name):
    return {"/usr/lib/systemd/systemd": "x", "/etc/machine-id": "", f"{LIB}/{name}.service": "[Install]\nWantedBy=x\n",
            f"{WANTS}/{name}.service": Link(f"{LIB}/{name}.service")}


def wall(tree, port=22):
    guest = GuestTree(PhonyFileSystem(tree))
    found = closed(guest, Units(guest), port)
    return found and (found.name, found.path, found.line)


ZONE = "<zone>\n  <service name='dhcpv6-client'/>\n{}</zone>\n"


@pytest.mark.parametrize(("says", "zone", "port", "shut"), [
    ("the service", ZONE.format('<service name="ssh"/>'), 22, False), ("no service", ZONE.format(""), 22, True),
    ("the port", ZONE.format('<port port="22" protocol="tcp"/>'), 22, False),
    ("another port", ZONE.format('<service name="ssh"/>'), 2222, True), ("all", '<zone target="ACCEPT"/>', 22, False),
])
def test_firewalld(says, zone, port, shut):
    tree = on("firewalld") | {"/etc/firewalld/zones/public.xml": zone}
    assert wall(tree, port) == (("firewalld", "/etc/firewalld/zones/public.xml", None) if shut else None), says


def test_firewalld_zones():
    tree = on("firewalld") | {"/usr/lib/firewalld/zones/drop.xml": ZONE.format("")}
    assert wall(tree) is None
    assert wall(tree | {"/etc/firewalld/firewalld.conf": "DefaultZone=drop\n"}) is not None
    assert wall({"/etc/firewalld/zones/public.xml": ZONE.format("")}) is None


@pytest.mark.parametrize(("says", "tree", "shut"), [
    ("off", {"/etc/ufw/ufw.conf": "ENABLED=no\n"}, False), ("on, without a rule",
                                                            {"/etc/ufw/ufw.conf": "ENABLED=yes\n"}, True),
    ("lets all in", {"/etc/ufw/ufw.conf": "ENABLED=yes\n", "/etc/default/ufw": 'DEFAULT_INPUT_POLICY="ACCEPT"\n'},
     False),
    ("with a rule",
     {"/etc/ufw/ufw.conf": "ENABLED=yes\n", UFW: "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n"
                     "-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n"}, False),
    ("with another rule", {"/etc/ufw/ufw.conf": "ENABLED=yes\n",
                           UFW: "-A ufw-user-input -p tcp --dport 80 -j ACCEPT\n"},
     True),
])
def test_ufw(says, tree, shut):
    assert bool(wall(tree)) is shut, says


HEAD = ("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT\n"
        "-A INPUT -p icmp -j ACCEPT\n")


@pytest.mark.parametrize(("says", "rules", "line"), [
    ("stock CentOS 6", ("-A INPUT -i lo -j ACCEPT\n-A INPUT -m state --state NEW -m tcp -p tcp --dport 22 -j ACCEPT\n"
     "-A INPUT -j REJECT --reject-with icmp-host-prohibited\n"), None),
    ("without SSH", "-A INPUT -i lo -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n", 6),
    ("after what rejects", "-A INPUT -j REJECT\n-A INPUT -p tcp --dport 22 -j ACCEPT\n", 5),
    ("in a list", "-A INPUT -p tcp -m multiport --dports 80,20:25 -j ACCEPT\n-A INPUT -j DROP\n", None),
    ("by name", "-A INPUT -p tcp --dport ssh -j ACCEPT\n-A INPUT -j DROP\n", None), ("nothing dropped", "", None),
])
def test_iptables(says, rules, line):
    found = wall(on("iptables") | {RED_HAT: HEAD + rules})
    assert found == (None if line is None else ("iptables", RED_HAT, line)), says


def test_iptables_by_policy():
    drop = HEAD.replace("INPUT ACCEPT", "INPUT DROP")
    assert wall(on("iptables") | {RED_HAT: drop}) == ("iptables", RED_HAT, None)
    assert wall(on("iptables") | {RED_HAT: drop + "-A INPUT -p tcp --dport 22 -j ACCEPT\n"}) is None
    assert wall({RED_HAT: drop}) is None


CHAIN = "table inet filter {{\n chain input {{\n  type filter hook input priority 0; policy {};\n  {}\n }}\n}}\n"


@pytest.mark.parametrize(("says", "text", "shut"), [
    ("drops all", CHAIN.format("drop", "ct state established accept"), True),
    ("lets SSH in", CHAIN.format("drop", "tcp dport { 22, 80 } accept"), False),
    ("lets ssh in by name", CHAIN.format("drop", "tcp dport ssh accept"), False),
    ("accepts", CHAIN.format("accept", ""), False), ("has more elsewhere", CHAIN.format("drop", 'include "x"'), False),
])
def test_nftables(says, text, shut):
    assert bool(wall(on("nftables") | {NFT: text})) is shut, says


@given(st.sampled_from([RED_HAT, UFW, NFT, "/etc/firewalld/zones/public.xml"]), st.lists(st.sampled_from(
    ["-A INPUT ", "-j DROP\n", "-j ACCEPT\n", "--dports ", "22,", ":", "9" * 30, "hook input policy drop", "<port ",
     "port='22'", "\n"]), max_size=20))
def test_any_words_are_read(path, words):
    tree = on("iptables") | on("nftables") | on("firewalld") | {"/etc/ufw/ufw.conf": "ENABLED=yes\n",
                                                                path: "".join(words)}
    wall(tree)
