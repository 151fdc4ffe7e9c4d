"""Each rule on network, agent and access passing and failing on a disk: made by mke2fs, given to ``imgbuild check``.

A disk is one ext4 file system with a small Debian. ``DISKS`` says what is in it besides, and which checks pass and
which fail on it; together they cover each check both ways.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from images import filesystems as fs
from images import stockfiles
from images.tree import CENTOS_6, DEBIAN_12, Link, Tree, linux
from program import run
from tools import needs

from imgbuild import rulebook
from imgbuild.rulebook.packs import folder, read_toml

PACKS = ("guest_network.toml", "guest_access.toml")
GOOD_CFG = """\
datasource_list: [ OpenStack ]
datasource: {OpenStack: {apply_network_config: false}}
network: {config: disabled}
manage_etc_hosts: localhost
disable_root: true
cloud_init_modules: [ssh, update_hostname, users-groups]
"""
BAD_CFG = """\
datasource_list:
 - ConfigDrive
 - NoCloud
manage_etc_hosts: true
disable_root: false
cloud_init_modules: [migrator, ssh]
"""
IDENT = "0123456789abcdef0123456789abcdef"
INTERFACES = "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet {}\n{}"
RED_HAT = "etc/sysconfig/network-scripts/ifcfg-eth0"


def system(*trees: Tree, distro=DEBIAN_12) -> Tree:
    plain = linux(distro, "")
    ours = ("etc/cloud", "etc/systemd", "usr/lib/systemd/system/", "etc/ssh", "usr/bin/cloud-init", "boot/",
            "usr/lib/modules", "lib/modules")
    tree: Tree = {path: content for path, content in plain.items() if not path.startswith(ours)}
    for more in trees:
        tree |= more
    return tree


def scripts(**links: str) -> Tree:
    """Scripts of System V, with the runlevel link of each that is started."""
    return {f"etc/init.d/{name}": b"#!/bin/sh\n" for name in links} | {
        f"etc/rc.d/rc3.d/{link}": Link(f"../../init.d/{name}") for name, link in links.items()}


def good() -> Tree:
    return system(stockfiles.cloud_init(), stockfiles.unit("ssh.service", "multi-user.target"),
                  stockfiles.unit("networking.service", "multi-user.target"), stockfiles.texts({
                      "etc/cloud/cloud.cfg": GOOD_CFG, "etc/passwd": stockfiles.ACCOUNTS,
                      "etc/shadow": stockfiles.SHADOW, "etc/ssh/sshd_config": "UsePAM yes\n",
                      "etc/network/interfaces": INTERFACES.format("dhcp", "iface eth0 inet6 auto\n")}),
                  {"CloudResetPwdAgent": None, "CloudResetPwdUpdateAgent": None})


def bad() -> Tree:
    """All that can be wrong beside cloud-init."""
    return system(stockfiles.cloud_init(), stockfiles.preset("ssh.service", "multi-user.target"),
                  stockfiles.unit("networking.service", "multi-user.target"),
                  stockfiles.unit("NetworkManager.service", "multi-user.target"), stockfiles.texts({
                      "etc/cloud/cloud.cfg": BAD_CFG, "etc/machine-id": IDENT + "\n", "etc/NetworkManager/x": "",
                      "etc/cloud/cloud.cfg.d/99.cfg": "ssh_deletekeys: false\n",
                      "etc/passwd": stockfiles.ACCOUNTS + "linux:x:1000:1000::/home/linux:/bin/bash\n",
                      "etc/shadow": "root:$6$salt$hash:19700:0:90:7:::\n",
                      "etc/ssh/sshd_config": "PermitRootLogin no\n", "etc/ssh/ssh_host_rsa_key": "x",
                      "etc/network/interfaces": INTERFACES.format("static", "  address 10.0.0.5\n"),
                      "var/lib/cloud/instances/i-1/sem": "x", "var/lib/systemd/random-seed": "x",
                      "var/log/wtmp": "x", "root/.ssh/authorized_keys": "ssh-ed25519 x\n"}))


def without_agent() -> Tree:
    """A Debian without cloud-init, whose DHCP is bound to a slot, and that lets nobody in."""
    return system(stockfiles.unit("ssh.service", "multi-user.target"),
                  stockfiles.unit("networking.service", "multi-user.target"), stockfiles.texts({
                      "etc/ssh/sshd_config": "PasswordAuthentication no\n", "etc/passwd": stockfiles.ACCOUNTS,
                      "etc/network/interfaces": "auto enp1s0\niface enp1s0 inet dhcp\n"}))


def centos(*, keeps_asking: bool) -> Tree:
    """A CentOS 6 with network-scripts, which start it by System V."""
    more = 'PERSISTENT_DHCLIENT="y"\n' if keeps_asking else ""
    cfg = "NETWORKING=yes\n" + ("NOZEROCONF=yes\n" if keeps_asking else "")
    tree = system(scripts(network="S10network", sshd="S55sshd") | scripts(**{"cloud-init": "S51cloud-init"}),
                  stockfiles.texts({"usr/bin/cloud-init": "#!/usr/bin/python\n", "etc/sysconfig/network": cfg,
                                    "etc/cloud/cloud.cfg": "disable_root: 1\n",
                                    RED_HAT: f"DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n{more}"}), distro=CENTOS_6)
    return tree if keeps_asking else tree | stockfiles.texts({"etc/sysconfig/iptables": "*filter\n:INPUT DROP [0:0]\n"
                                                              }) | scripts(iptables="S08iptables")


def networkmanager_alone() -> Tree:
    return system(stockfiles.cloud_init(), stockfiles.unit("NetworkManager.service", "multi-user.target"),
                  stockfiles.texts({"etc/cloud/cloud.cfg": "", "etc/NetworkManager/NetworkManager.conf": "[main]\n"}))


DISKS: dict[str, tuple[Any, str, str]] = {
    "good": (good, ("dhcp nic_bound ipv6 cloud_init ci_datasource ci_datasource_only ci_network ci_apply_network"
             " ci_etc_hosts ci_ssh_first ci_root_login ci_clean ssh sshd_password user_linux password_age reset_plugin"
             " machine_id ssh_host_keys random_seed clean logs"), ""),
    "bad": (bad, "", ("dhcp networkmanager ci_datasource ci_network ci_apply_network ci_etc_hosts"
            " ci_ssh_first ci_root_login ci_clean ssh user_linux password_age reset_plugin machine_id ssh_host_keys"
            " random_seed clean logs")),
    "without-agent": (without_agent, "dhcp", "nic_bound cloud_init sshd_password ipv6"),
    "networkmanager": (networkmanager_alone, "dhcp networkmanager", "ci_datasource_only"),
    "centos-6": (lambda: centos(keeps_asking=True), "dhcp dhcp_persistent ci_zeroconf ssh cloud_init", ""),
    "centos-6-bad": (lambda: centos(keeps_asking=False), "dhcp", "dhcp_persistent ci_zeroconf ssh"),
}


@pytest.fixture(scope="session")
def checked(tmp_path_factory):
    @cache
    def check(name: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
        folder = tmp_path_factory.mktemp(name)
        path = fs.ext(folder / "disk.raw", 16, DISKS[name][0]())
        result = run("check", path, "--no-checksum", "--format", "json", "--manifest", "m.json", folder=folder)
        assert result.err == ""
        facts = json.loads((folder / "m.json").read_text())["image"]["guest"]
        return result.document["findings"], {fact["check"]: fact["status"] for fact in facts}

    return check


CASES = [pytest.param(disk, f"lin_{check}", status, id=f"{disk}: {check} {status}")
         for disk, (_, passing, failing) in DISKS.items()
         for status, checks in (("pass", passing), ("fail", failing)) for check in checks.split()]


@needs("mke2fs", "debugfs")
@pytest.mark.parametrize(("disk", "check", "status"), CASES)
def test_a_check_on_a_disk(disk, check, status, checked):
    findings, facts = checked(disk)
    assert facts[check] == status
    rule = next(rule for rule in rulebook.load().rules if getattr(rule.check, "check", None) == check)
    found = [finding for finding in findings if finding["rule"] == rule.id]
    assert bool(found) == (status == "fail")
    assert all(finding["severity"] == rule.severity and finding["subject"]["kind"] == "guest" and finding["hint"]
               for finding in found)


def test_each_rule_is_shown_both_ways():
    asked = {rule["check"]["check"] for pack in PACKS for rule in read_toml(f"{folder()}/common/{pack}")["rule"]}
    for number, status in ((1, "pass"), (2, "fail")):
        shown = {f"lin_{check}" for disk in DISKS.values() for check in disk[number].split()}
        assert asked - shown == set(), status
