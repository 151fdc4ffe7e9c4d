"""The readiness check on udev's rules for network interfaces."""

from __future__ import annotations

import pytest
from images.tree import cpio
from phony import Link
from phonyguest import view

from imgbuild.guests.readiness.netnames import udev_rules

FOLDER = "/etc/udev/rules.d"
RULE = '# made by write_net_rules\nSUBSYSTEM=="net", ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n'
INITRD = {"/boot/vmlinuz-6.1.0": "MZ", "/usr/lib/modules/6.1.0/modules.builtin": ""}


@pytest.mark.parametrize("name", ["70-persistent-net.rules", "30-net_persistent-names.rules"])
def test_a_rule(name):
    answer = udev_rules(view({f"{FOLDER}/{name}": RULE}))
    assert (answer.status, answer.files) == ("fail", (f"{FOLDER}/{name}",))
    assert answer.detail == ("a udev rule names network interfaces by the cards of the machine that the image was made"
                             " on")
    assert [(at.line, at.text) for at in answer.places] == [(2, RULE.split("\n")[1])]
    assert answer.cure == f"rm {FOLDER}/{name}"


@pytest.mark.parametrize("files", [
    {}, {f"{FOLDER}/70-persistent-net.rules": ""}, {f"{FOLDER}/75-persistent-net-generator.rules": "# off\n\n"},
    {f"{FOLDER}/70-persistent-cd.rules": RULE}, {f"{FOLDER}/80-net-setup-link.rules": RULE},
    {f"{FOLDER}/75-persistent-net-generator.rules": Link("/dev/null")},
])
def test_what_does_no_harm(files):
    assert udev_rules(view(files)).status == "pass"


def test_a_copy_in_the_initramfs():
    archive = cpio({"etc/udev/rules.d/70-persistent-net.rules": RULE.encode(), "scripts/functions": b""})
    answer = udev_rules(view(INITRD | {"/boot/initrd.img-6.1.0": archive}))
    says = "its etc/udev/rules.d/70-persistent-net.rules names network interfaces by the cards of another machine"
    assert [(at.path, at.says) for at in answer.places] == [("/boot/initrd.img-6.1.0", says)]
    assert answer.cure == "update-initramfs -u -k 6.1.0"


def test_an_initramfs_that_cannot_be_unpacked():
    answer = udev_rules(view(INITRD | {"/boot/initrd.img-6.1.0": b"no archive" * 9}))
    assert answer.status == "unknown"
    assert answer.detail.startswith(f"none in {FOLDER}, but /boot/initrd.img-6.1.0 cannot be unpacked: ")


def test_an_initramfs_that_is_not_opened():
    files = INITRD | {"/boot/initrd.img-6.1.0": cpio({"init": b""})}
    answer = udev_rules(view(files, initramfs=False))
    assert (answer.status, answer.detail) == ("unknown", f"none in {FOLDER}, but initramfs files were not opened")
    assert udev_rules(view(files)).status == "pass"
