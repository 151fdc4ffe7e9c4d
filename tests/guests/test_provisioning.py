"""Who logs in, and whether the guest agent of QEMU will be started."""

from __future__ import annotations

import msgspec
import pytest
from phony import Link
from phonyguest import DEBIAN, view
from phonytrees import SYSTEMD, cloud_init, off, on

from imgbuild.guests import provisioning
from imgbuild.model import QEMU_AGENT

USER = "system_info:\n  default_user:\n    name: debian\n"


@pytest.mark.parametrize(("says", "tree", "user"), [
    ("cloud-init's own user", cloud_init(main=USER), "debian"),
    ("among others", cloud_init(main=f"users:\n - default\n - name: ops\n{USER}"), "debian"),
    ("others in its place", cloud_init(main=f"users:\n - name: ops\n{USER}"), None),
    ("a later file", cloud_init(main=USER, x="system_info: {default_user: {name: rocky}}\n"), "rocky"),
    ("no name", cloud_init(main="system_info: {}\n"), None),
    ("no word at all", cloud_init(), None),
    ("a name that is none", cloud_init(main="system_info: {default_user: {name: 'a b\\e[0m'}}\n"), None),
    ("a number", cloud_init(main="system_info: {default_user: {name: 7}}\n"), None),
    ("turned off", cloud_init(main=USER) | {"/etc/cloud/cloud-init.disabled": ""}, None),
    ("no cloud-init", SYSTEMD | {"/etc/cloud/cloud.cfg": USER}, None),
])
def test_default_user(says, tree, user):
    assert provisioning.complete(DEBIAN, view(tree)).default_user == user, says


LIB = "/usr/lib/systemd/system"
RULE = {"/usr/lib/udev/rules.d/60-qemu-guest-agent.rules": 'ENV{SYSTEMD_WANTS}="qemu-guest-agent.service"'}
DEVICE = {f"{LIB}/qemu-guest-agent.service": "[Install]\nWantedBy=dev-virtio.device\n",
          "/etc/machine-id": "0" * 32}


@pytest.mark.parametrize(("says", "tree", "starts"), [
    ("enabled", on("qemu-guest-agent.service"), True),
    ("by SUSE's name", on("qemu-ga.service"), True),
    ("static, started by udev", SYSTEMD | {f"{LIB}/qemu-guest-agent.service": "[Service]\n"}, True),
    ("pulled in by a rule of udev", SYSTEMD | DEVICE | RULE, True),
    ("pulled in by nothing", SYSTEMD | DEVICE, False),
    ("masked", off("qemu-guest-agent.service") | RULE | {
        "/etc/systemd/system/qemu-guest-agent.service": Link("/dev/null")}, False),
    ("OpenRC", {"/etc/init.d/qemu-guest-agent": "x", "/etc/runlevels/default/qemu-guest-agent": "x"}, True),
    ("not installed", SYSTEMD, False),
])
def test_agent_of_linux(says, tree, starts):
    assert provisioning.complete(DEBIAN, view(tree)).agents == ((QEMU_AGENT,) if starts else ()), says


def test_damage_leaves_the_system_as_it_is():
    damaged = view(cloud_init(main=USER), damaged_later=("/etc/cloud/cloud.cfg",))
    assert provisioning.complete(DEBIAN, damaged) == DEBIAN


def test_other_systems_have_neither():
    other = msgspec.structs.replace(DEBIAN, type="Other", id="freebsd")
    assert provisioning.complete(other, view({}, system=other)) == other
