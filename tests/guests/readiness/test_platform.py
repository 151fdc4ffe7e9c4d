"""Readiness checks on what another platform left, and on CoreOS."""

from __future__ import annotations

import msgspec
import pytest
from phonyguest import DEBIAN, view

from imgbuild.guests.readiness.platform import coreos, pv_driver, third_party_tools

COREOS = msgspec.structs.replace(DEBIAN, id="coreos")
UNIT = "/usr/lib/systemd/system/open-vm-tools.service"


def test_pv_driver():
    assert pv_driver(view({})).status == "pass"
    answer = pv_driver(view({"/etc/.uvp-monitor/uninstall": "x", "/usr/bin/uvp-monitor": "x"}))
    assert answer.detail == "the PV driver of a Xen platform is installed"
    assert answer.files == ("/etc/.uvp-monitor", "/usr/bin/uvp-monitor")
    assert answer.cure == "sh /etc/.uvp-monitor/uninstall; reboot"


@pytest.mark.parametrize(("files", "status", "detail"), [
    ({}, "pass", "there are no tools of VMware"),
    ({"/usr/bin/vmtoolsd": "x", UNIT: "[Unit]\nConditionVirtualization=vmware\n"}, "pass",
     "open-vm-tools are installed and start on VMware alone"),
    ({"/usr/bin/vmtoolsd": "x", UNIT: "[Unit]\n"}, "fail", "tools of VMware are installed"),
    ({"/usr/bin/vmtoolsd": "x"}, "fail", "tools of VMware are installed"),
    ({"/etc/vmware-tools/locations": "x"}, "fail", "VMware Tools are installed"),
])
def test_tools_of_vmware(files, status, detail):
    answer = third_party_tools(view(files))
    assert (answer.status, answer.detail) == (status, detail)


@pytest.mark.parametrize(("files", "detail"), [
    ({}, "coreos-cloudinit is not installed"),
    ({"/usr/bin/coreos-cloudinit": "x"}, "updates restart the system"),
    ({"/usr/bin/coreos-cloudinit": "x", "/etc/coreos/update.conf": "GROUP=stable\nREBOOT_STRATEGY=reboot\n"},
     "updates restart the system"),
    ({"/usr/bin/coreos-cloudinit": "x", "/etc/coreos/update.conf": "REBOOT_STRATEGY=off\n"},
     "coreos-cloudinit is installed, and updates do not restart the system"),
])
def test_coreos(files, detail):
    assert coreos(view(files, system=COREOS)).detail == detail


def test_another_system():
    assert coreos(view({})).status == "not-applicable"
