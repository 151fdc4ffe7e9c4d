"""Whatever is in a guest's files, each check has an answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from phony import Link
from phonyguest import view
from phonytrees import on

from imgbuild import rulebook
from imgbuild.guests.readiness import ADVICE, LINUX, checks_of, examine

PATHS = (
    "/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/90.cfg", "/etc/cloud/ds-identify.cfg", "/usr/bin/cloud-init",
    "/etc/netplan/1.yaml", "/etc/network/interfaces", "/etc/sysconfig/network-scripts/ifcfg-eth0",
    "/etc/sysconfig/network/ifcfg-eth0", "/etc/sysconfig/network/dhcp", "/etc/sysconfig/network",
    "/etc/NetworkManager/NetworkManager.conf", "/etc/NetworkManager/system-connections/x",
    "/etc/systemd/network/x.network", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/x.conf", "/etc/passwd",
    "/etc/shadow", "/etc/machine-id", "/etc/sysconfig/iptables", "/etc/ufw/ufw.conf", "/etc/nftables.conf",
    "/etc/firewalld/zones/public.xml", "/usr/lib/systemd/system-preset/x.preset", "/etc/init.d/ssh", "/etc/fstab",
    "/usr/lib/systemd/system/ssh.service", "/boot/grub/grub.cfg", "/etc/default/grub",
)
WORDS = ("dhcp4: true\n", "network:\n", " ethernets:\n", "  e: {addresses: [1.2.3.4/8]}\n", "[Network]\n", "DHCP=yes\n",
         "auto eth0\n", "iface eth0 inet static\n", "source /etc/network/*\n", "Include /etc/ssh/*\n", "Port 22\n",
         "datasource_list: [a, {b: c}, [d]]\n", "cloud_init_modules: 3\n", "root:x:0:0::/root:/x\n", "IPADDR=1.2.3.4\n",
         "-A INPUT -j DROP\n", "ENABLED=yes\n", "enable *\n", "policy drop", "\x00", "\x1b[31m", "é", "{", "[", "- ")
CONTENT = st.one_of(st.binary(max_size=120), st.lists(st.sampled_from(WORDS), max_size=8).map("".join))
NODES = st.one_of(CONTENT, st.sampled_from([*PATHS, "/dev/null", "..", "/"]).map(Link))
UNITS = on("ssh.service", "cloud-init.service", "NetworkManager.service", "systemd-networkd.service", "network.service",
           "networking.service", "iptables.service", "nftables.service", "firewalld.service", "dhcpcd.service")


@given(st.dictionaries(st.sampled_from(PATHS), NODES, max_size=8), st.booleans())
def test_each_check_answers(files, started):
    try:
        guest = view((UNITS if started else {}) | files)
    except (KeyError, ValueError, AssertionError):  # a tree that cannot be: a file where a folder is
        return
    facts = examine(guest)
    assert [fact.check for fact in facts] == list(LINUX)
    assert all("\x1b" not in str(fact) for fact in facts)


def test_advice_is_what_the_rules_call_a_note():
    rules = {rule.check.check: rule.severity for rule in rulebook.load().rules
             if rule.check.__struct_config__.tag == "guest"}
    checks = {*checks_of("Linux"), *checks_of("Windows")}
    assert {check for check in checks if rules.get(check) == "note"} == ADVICE
