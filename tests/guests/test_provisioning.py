"""Who logs in, and whether the guest agent of QEMU will be started."""

from __future__ import annotations

import msgspec
import pytest
from images.windows import AGENT, SERVICES, Guest
from phony import Link
from phonydisk import part
from phonyguest import DEBIAN, view
from phonytrees import SYSTEMD, cloud_init, off, on

from imgbuild.guests import provisioning
from imgbuild.guests.layout import assemble
from imgbuild.guests.readiness import View
from imgbuild.model import QEMU_AGENT, Firmware

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


WINDOWS = msgspec.structs.replace(DEBIAN, type="Windows", id="windows", version="2022")
SERVICE, INIT = f"{SERVICES}\\QEMU-GA", f"{SERVICES}\\cloudbase-init"


def windows(guest=None):
    tree = {f"/{path}": data for path, data in (guest or Guest()).tree().items()}
    return provisioning.complete(WINDOWS, View(assemble([part(1, tree, "ntfs")]).guests[0], WINDOWS, [], Firmware()))


@pytest.mark.parametrize(("start", "starts"), [(2, True), (1, True), (3, False), (4, False)])
def test_agent_of_windows(start, starts):
    guest = Guest().but(system={SERVICE: {"Start": start, "Type": 16}})
    assert windows(guest).agents == ((QEMU_AGENT,) if starts else ())


def test_windows_without_the_agent():
    assert windows().agents == ()


@pytest.mark.parametrize(("says", "changes", "user"), [
    ("its user", {}, "Administrator"),
    ("another", {"files": {AGENT: b"[DEFAULT]\nusername = ops team\n"}}, "ops team"),
    ("none named", {"files": {AGENT: b"[DEFAULT]\n"}}, None),
    ("control characters", {"files": {AGENT: b"[DEFAULT]\nusername=a\x1b[0m\n"}}, None),
    ("not started", {"system": {INIT: {"Start": 4}}}, None),
    ("not installed", {"files": {AGENT: None}}, None),
])
def test_user_of_windows(says, changes, user):
    assert windows(Guest().but(**changes)).default_user == user, says
