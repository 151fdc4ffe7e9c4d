"""Readiness checks on who can log in."""

from __future__ import annotations

import pytest
from phony import DIRECTORY, Link
from phonyguest import view
from phonytrees import SYSTEMD, cloud_init, off, on

from imgbuild.guests.readiness import access

SSHD, PASSWD, SHADOW = "/etc/ssh/sshd_config", "/etc/passwd", "/etc/shadow"
IPTABLES = {"/etc/sysconfig/iptables": "*filter\n:INPUT DROP [0:0]\nCOMMIT\n"}


@pytest.mark.parametrize(("says", "tree", "status", "detail"), [
    ("a service", on("sshd.service"), "pass", "sshd.service is enabled"),
    ("a socket", on("ssh.socket") | off("ssh.service"), "pass", "ssh.socket is enabled"),
    ("not enabled", off("ssh.service"), "fail", "ssh.service is not enabled"),
    ("masked", off("sshd.service") | {"/etc/systemd/system/sshd.service": Link("/dev/null")}, "fail",
     "sshd.service is masked"),
    ("none", SYSTEMD, "fail", "no SSH server is installed: the console is the only way in"),
    ("a program only", SYSTEMD | {"/usr/sbin/sshd": "x"}, "unknown", "what starts sshd was not seen"),
    ("its settings only", SYSTEMD | {SSHD: ""}, "unknown", "what starts sshd was not seen"),
    ("no services seen", {}, "unknown", "what starts sshd was not seen"),
    ("behind a firewall", on("sshd.service", "iptables.service") | IPTABLES, "fail", "iptables does not let SSH in"),
])
def test_ssh(says, tree, status, detail):
    answer = access.ssh(view(tree))
    assert (answer.status, answer.detail) == (status, detail), says


ROOT = "root:x:0:0:root:/root:/bin/bash\n"
REFUSED = {SSHD: "# x\nPasswordAuthentication no\n", PASSWD: ROOT}


@pytest.mark.parametrize(("says", "tree", "status"), [
    ("accepts", {SSHD: ""}, "pass"), ("refuses, cloud-init brings keys", cloud_init() | REFUSED, "pass"),
    ("refuses, has a key", REFUSED | {"/root/.ssh/authorized_keys": "ssh-ed25519 x"}, "pass"),
    ("refuses, has nothing", REFUSED, "fail"), ("no sshd", {}, "not-applicable"),
    ("refuses, an empty list of keys", REFUSED | {"/root/.ssh/authorized_keys": ""}, "fail"),
])
def test_password(says, tree, status):
    answer = access.password(view(tree))
    assert answer.status == status, says
    assert [(at.path, at.line) for at in answer.places] == ([(SSHD, 2)] if status == "fail" else [])


@pytest.mark.parametrize(("says", "cfg", "sshd", "status"), [
    ("closed", "disable_root: true", "PermitRootLogin no\n", "pass"), ("default", "", "PermitRootLogin no\n", "pass"),
    ("open", "disable_root: 0", "PermitRootLogin yes\n", "pass"),
     ("open by default", "disable_root: false", "", "pass"),
    ("contradiction", "disable_root: 0", "PermitRootLogin no\n", "fail"), ("unreadable", "a: [", "", "unknown"),
])
def test_root_login(says, cfg, sshd, status):
    assert access.root_login(view(cloud_init(main=cfg) | {SSHD: sshd})).status == status, says


def test_root_login_without_cloud_init():
    assert access.root_login(view({})).status == "not-applicable"


@pytest.mark.parametrize(("says", "tree", "status"), [
    ("gone", {PASSWD: ROOT}, "pass"), ("an account", {PASSWD: ROOT + "linux:x:1000:1000::/home/linux:/bin/sh\n"},
                                       "fail"),
    ("its home only", {PASSWD: ROOT, "/home/linux": DIRECTORY}, "fail"),
])
def test_user_linux(says, tree, status):
    assert access.user_linux(view(tree)).status == status, says


@pytest.mark.parametrize(("says", "shadow", "status"), [
    ("for ever", "root:$6$x:1:0:99999:7:::\n", "pass"), ("unsaid", "root:$6$x:1:0::7:::\n", "pass"),
    ("90 days", "root:$6$x:1:0:90:7:::\n", "fail"), ("locked", "root:!$6$x:1:0:90:7:::\n", "pass"),
    ("nothing", "", "not-applicable"),
])
def test_password_age(says, shadow, status):
    answer = access.password_age(view({SHADOW: shadow}))
    assert answer.status == status, says
    assert not any("$6$" in (at.text or "") for at in answer.places)


@pytest.mark.parametrize(("names", "status"), [
    (("/CloudResetPwdAgent", "/CloudResetPwdUpdateAgent"), "pass"), (("/CloudResetPwdAgent",), "fail"), ((), "fail"),
])
def test_reset_plugin(names, status):
    assert access.reset_plugin(view(dict.fromkeys(names, DIRECTORY))).status == status
