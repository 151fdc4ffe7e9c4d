"""Readiness checks on what the builder's machine left behind."""

from __future__ import annotations

import pytest
from phony import DIRECTORY, Link
from phonyguest import view
from phonytrees import SYSTEMD, cloud_init

from imgbuild.guests.readiness import leftovers

IDENT = "0123456789abcdef0123456789abcdef"
PEOPLE = "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/srv/ada:/bin/bash\nd:x:2:2::/opt/d:/sbin/nologin\n"


@pytest.mark.parametrize(("says", "tree", "status", "detail"), [
    ("empty", {"/etc/machine-id": ""}, "pass", "the machine id is empty: made at the first boot"),
    ("a new line", {"/etc/machine-id": "\n"}, "pass", "the machine id is empty: made at the first boot"),
    ("absent", {}, "pass", "there is no machine id: made at the first boot"),
    ("uninitialized", {"/etc/machine-id": "uninitialized\n"}, "pass",
     "the machine id is uninitialized: made at the first boot"),
    ("no id at all", {"/etc/machine-id": "x\n"}, "pass", "the machine id is none: a new one is made"),
    ("a real one", {"/etc/machine-id": f"{IDENT}\n"}, "fail",
     "the machine id of the builder is left: every server gets the same one, and so the same DHCP lease"),
    ("of D-Bus, without systemd", {"/var/lib/dbus/machine-id": f"{IDENT}\n"}, "fail", None),
    ("of D-Bus, which systemd takes", {"/usr/lib/systemd/systemd": "x", "/var/lib/dbus/machine-id": IDENT},
     "fail", None),
    ("of D-Bus beside an empty one", {"/etc/machine-id": "", "/var/lib/dbus/machine-id": IDENT}, "fail", None),
    ("a link of D-Bus, which systemd does not take", {"/etc/machine-id": "", "/etc/id": IDENT,
                                                      "/var/lib/dbus/machine-id": Link("/etc/id")}, "pass", None),
])
def test_machine_id(says, tree, status, detail):
    answer = leftovers.machine_id(view(tree))
    assert answer.status == status, says
    assert detail in {None, answer.detail}, says
    assert IDENT not in str(answer)


KEY = {"/etc/ssh/ssh_host_ed25519_key": "x"}


@pytest.mark.parametrize(("says", "tree", "status"), [
    ("none", {}, "pass"), ("left", KEY, "fail"), ("cloud-init makes new ones", cloud_init() | KEY, "pass"),
    ("cloud-init may not", cloud_init(main="ssh_deletekeys: false") | KEY, "fail"),
    ("a public half only", {"/etc/ssh/ssh_host_rsa_key.pub": "x"}, "pass"),
])
def test_host_keys(says, tree, status):
    assert leftovers.host_keys(view(tree)).status == status, says


@pytest.mark.parametrize(("check", "tree", "status"), [
    (leftovers.random_seed, {}, "pass"), (leftovers.random_seed, {"/var/lib/systemd/random-seed": "x"}, "fail"),
    (leftovers.random_seed, {"/var/lib/systemd/random-seed": ""}, "pass"),
    (leftovers.cloud_init_state, {}, "not-applicable"), (leftovers.cloud_init_state, cloud_init(), "pass"),
    (leftovers.cloud_init_state, cloud_init() | {"/var/lib/cloud/instances": DIRECTORY}, "pass"),
    (leftovers.cloud_init_state, cloud_init() | {"/var/lib/cloud/instances/i-1/x": "y"}, "fail"),
    (leftovers.cloud_init_state, cloud_init() | {"/var/log/cloud-init.log": "y"}, "fail"),
    (leftovers.personal, {"/etc/passwd": PEOPLE}, "pass"),
    (leftovers.personal, {"/etc/passwd": PEOPLE, "/root/.ssh/authorized_keys": ""}, "pass"),
    (leftovers.personal, {"/etc/passwd": PEOPLE, "/srv/ada/.bash_history": "x"}, "fail"),
    (leftovers.personal, {"/root/.ssh/authorized_keys": "x"}, "fail"),
    (leftovers.personal, {"/etc/passwd": PEOPLE, "/opt/d/.bash_history": "x"}, "pass"),
    (leftovers.logs, SYSTEMD, "pass"), (leftovers.logs, {"/var/log/dpkg.log": "x"}, "pass"),
    (leftovers.logs, {"/var/log/wtmp": ""}, "pass"), (leftovers.logs, {"/var/log/syslog": "x"}, "fail"),
    (leftovers.logs, {f"/var/log/journal/{IDENT}/system.journal": "x"}, "fail"),
])
def test_files_that_are_left(check, tree, status):
    assert check(view(tree)).status == status


def test_the_cure_names_what_is_left():
    answer = leftovers.personal(view({"/root/.bash_history": "x", "/root/.ssh/id_rsa": "x"}))
    assert answer.cure == "rm /root/.ssh/id_rsa /root/.bash_history"
    assert [at.path for at in answer.places] == ["/root/.ssh/id_rsa", "/root/.bash_history"]
