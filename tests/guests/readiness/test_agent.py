"""Readiness checks on cloud-init."""

from __future__ import annotations

import msgspec
import pytest
from phony import Link
from phonyguest import DEBIAN, view
from phonytrees import SYSTEMD, cloud_init, off

from imgbuild.guests.readiness import agent

CENTOS = msgspec.structs.replace(DEBIAN, id="centos", id_like=("rhel",))
ENTRY = "# 'cloud-init==0.7.5','console_scripts'\n"


@pytest.mark.parametrize(("says", "tree", "status", "detail"), [
    ("enabled", cloud_init(), "pass", "cloud-init, enabled"),
    ("with its version", cloud_init() | {"/usr/bin/cloud-init": ENTRY}, "pass", "cloud-init 0.7.5, enabled"),
    ("Afterburn", SYSTEMD | {"/usr/bin/afterburn": "x"}, "pass", "Afterburn in place of cloud-init"),
    ("none", SYSTEMD, "fail", "cloud-init is not installed: only the password in the image gives access"),
    ("not enabled", off("cloud-init.service") | {"/usr/bin/cloud-init": "x"}, "fail",
     "cloud-init is installed but not enabled"),
    ("masked", cloud_init() | {f"/etc/systemd/system/{name}.service": Link("/dev/null") for name in
     ("cloud-init", "cloud-init-local", "cloud-init-main", "cloud-init-network")}, "fail",
     "cloud-init is installed but masked"),
    ("turned off", cloud_init() | {"/etc/cloud/cloud-init.disabled": "x"}, "fail",
     "cloud-init is installed but turned off by /etc/cloud/cloud-init.disabled"),
    ("no services seen", {"/usr/bin/cloud-init": "x"}, "unknown",
     "cloud-init is installed; what starts services was not seen"),
])
def test_installed(says, tree, status, detail):
    answer = agent.installed(view(tree))
    assert (answer.status, answer.detail) == (status, detail), says


@pytest.mark.parametrize(("words", "status"), [
    ("cloud-init=disabled", "fail"), ("cloud-init=disabled cloud-init=enabled", "pass"),
    ("x-cloud-init=disabled", "pass")])
def test_the_command_line_of_the_kernel_turns_it_off(words, status):
    menu = f"menuentry 'x' {{\n linux /boot/vmlinuz-6.1.0 root=/dev/vda1 {words}\n}}\n"
    answer = agent.installed(view(cloud_init() | {"/boot/vmlinuz-6.1.0": "MZ", "/boot/grub/grub.cfg": menu}))
    assert answer.status == status
    if status == "fail":
        assert [(at.path, at.line) for at in answer.places] == [("/boot/grub/grub.cfg", 2)]


def test_the_command_line_counts_before_the_file():
    tree = cloud_init() | {"/boot/vmlinuz-6.1.0": "MZ", "/etc/cloud/cloud-init.disabled": "", "/boot/grub/grub.cfg":
                           "menuentry 'x' {\n linux /boot/vmlinuz-6.1.0 cloud-init=enabled\n}\n"}
    assert agent.installed(view(tree)).status == "pass"


def test_the_cure_is_the_distributions():
    assert agent.installed(view(SYSTEMD)).cure == "apt-get install cloud-init"
    assert agent.installed(view(SYSTEMD, system=CENTOS)).cure == "dnf install cloud-init"


JUDGED = {
    agent.datasource: [
        ("datasource_list: [ OpenStack ]", "pass"), ("", "pass"),
         ("datasource_list: [ NoCloud, OpenStack, None ]", "pass"),
        ("datasource_list: [ ConfigDrive, NoCloud ]", "fail"), ("datasource_list: NoCloud", "fail"),
    ],
    agent.datasource_only: [
        ("datasource_list: [ OpenStack ]", "pass"), ("datasource_list: [ OpenStack, None ]", "pass"), ("", "fail"),
        ("datasource_list: [ NoCloud, OpenStack ]", "fail"),
        ("datasource_list: [ NoCloud ]", "not-applicable"),  # nothing else is tried beside it: it is not tried
    ],
    agent.network: [("network: {config: disabled}", "pass"), ("", "fail"), ("network: {version: 2}", "fail")],
    agent.apply_network: [
        ("datasource: {OpenStack: {apply_network_config: false}}", "pass"), ("apply_network_config: false", "pass"),
        ("datasource: {OpenStack: {apply_network_config: true}}", "fail"), ("", "fail"),
    ],
    agent.etc_hosts: [("manage_etc_hosts: localhost", "pass"), ("manage_etc_hosts: true", "fail"), ("", "fail")],
    agent.ssh_first: [
        ("cloud_init_modules: [ssh, update_hostname]", "pass"), ("cloud_init_modules: [ssh, update-hostname]", "pass"),
        ("cloud_init_modules: [ssh]", "fail"), ("cloud_init_modules: [migrator, ssh, update_hostname]", "fail"),
        ("cloud_init_modules: [[ssh, always], update_hostname]", "pass"), ("", "not-applicable"),
    ],
}


@pytest.mark.parametrize(("check", "text", "status"),
                         [(check, *case) for check, cases in JUDGED.items() for case in cases])
def test_settings(check, text, status):
    assert check(view(cloud_init(main=text))).status == status


@pytest.mark.parametrize("check", JUDGED)
def test_settings_that_cannot_be_asked(check):
    assert check(view({})).status == "not-applicable"
    assert check(view(cloud_init(main="a: ["))).status == "unknown"


def test_the_place_of_a_setting():
    answer = agent.datasource(view(cloud_init(main="a: 1", **{"90_dpkg": "# x\ndatasource_list: [ NoCloud ]\n"})))
    assert [(at.path, at.line, at.text) for at in answer.places] == [
        ("/etc/cloud/cloud.cfg.d/90_dpkg.cfg", 2, "datasource_list: [ NoCloud ]")]
    assert answer.cure == "write datasource_list: [ OpenStack ] in /etc/cloud/cloud.cfg.d/90_dpkg.cfg"


def test_old_versions_have_fewer_settings():
    tree = cloud_init() | {"/usr/bin/cloud-init": ENTRY}
    assert agent.network(view(tree)).status == "not-applicable"
    assert agent.apply_network(view(tree)).status == "not-applicable"


@pytest.mark.parametrize(("text", "status"), [
    ("NOZEROCONF=yes\n", "pass"), ("NETWORKING=yes\n", "fail"), (None, "fail"),
])
def test_zeroconf(text, status):
    tree = cloud_init() | ({"/etc/sysconfig/network": text} if text else {})
    assert agent.zeroconf(view(tree, system=CENTOS)).status == status
    assert agent.zeroconf(view(tree)).status == "not-applicable"
