"""The deployment that an ostree system boots."""

from __future__ import annotations

from phony import DIRECTORY, Link
from phonydisk import part

from imgbuild.guests import linux
from imgbuild.guests.layout import assemble

DEPLOY = "/ostree/deploy/fedora-coreos/deploy"


def deployment(serial, version):
    return {f"{DEPLOY}/abc.{serial}/usr/lib/os-release": f"ID=fedora\nVERSION_ID={version}\n",
            f"{DEPLOY}/abc.{serial}/etc/os-release": Link("../usr/lib/os-release"),
            f"{DEPLOY}/abc.{serial}/bin": Link("usr/bin"), f"{DEPLOY}/abc.{serial}.origin": "[origin]\n"}


def entry(path):
    return f"title Fedora CoreOS\noptions mitigations=auto ostree={path} ignition.platform.id=openstack\n"


def version_of(*blocks):
    guests = assemble(blocks).guests
    return [linux.identify(guest.tree).version for guest in guests]


def test_a_sole_deployment():
    assert version_of(part(4, deployment(0, 40), "xfs")) == ["40"]


def test_the_deployment_that_the_boot_entry_names():
    tree = deployment(0, 40) | deployment(1, 41) | {"/ostree/boot.1": Link("boot.1.1"),
        "/ostree/boot.1.1/fedora-coreos/sum/0": Link("../../../deploy/fedora-coreos/deploy/abc.1")}
    boot = {"/loader": Link("loader.1"), "/loader.1/entries/ostree-1.conf": entry("/ostree/boot.1/fedora-coreos/sum/0")}
    assert version_of(part(3, boot), part(4, tree, "xfs")) == ["41"]
    assert version_of(part(4, tree | {f"/boot{path}": node for path, node in boot.items()}, "xfs")) == ["41"]


def test_several_deployments_and_no_entry_are_no_guess():
    assert version_of(part(4, deployment(0, 40) | deployment(1, 41), "xfs")) == []


def test_absolute_links_end_inside_the_deployment():
    tree = deployment(0, 40) | {f"{DEPLOY}/abc.0/etc/os-release": Link("/usr/lib/os-release")}
    tree["/usr/lib/os-release"] = "ID=wrong\n"
    assert version_of(part(4, tree)) == ["40"]


def test_an_entry_that_leads_nowhere_or_out():
    for path in ("/ostree/boot.1/gone", "/ostree/../../etc", "/ostree/loop"):
        more = {"/ostree/loop": Link("loop"), "/etc": DIRECTORY, "/boot/loader/entries/a.conf": entry(path)}
        tree = deployment(0, 40) | more
        assert version_of(part(4, tree)) == ["40"]
