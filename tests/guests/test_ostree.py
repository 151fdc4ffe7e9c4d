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
    return f"title Fedora CoreOS\nlinux /vmlinuz\noptions ostree={path} ignition.platform.id=openstack\n"


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


def links(number, *serials):
    places = {f"/ostree/boot.{number}": Link(f"boot.{number}.1")}
    return places | {f"/ostree/boot.{number}.1/fedora-coreos/sum/{order}":
                     Link(f"../../../deploy/fedora-coreos/deploy/abc.{serial}") for order, serial in enumerate(serials)}


def test_without_an_entry_the_first_in_the_order_of_boot():
    tree = deployment(0, 40) | deployment(1, 41)
    assert version_of(part(4, tree | links(1, 1, 0), "xfs")) == ["41"]
    assert version_of(part(4, tree | links(0, 0) | links(1, 1), "xfs")) == []


ENTRIES = {"/loader/entries/ostree-1.conf": entry("/ostree/boot.1/fedora-coreos/sum/1"),
           "/loader/entries/ostree-2.conf": entry("/ostree/boot.1/fedora-coreos/sum/0")}


def test_of_several_entries_the_default_one():
    tree = deployment(0, 40) | deployment(1, 41) | links(1, 1, 0)
    assert version_of(part(3, ENTRIES), part(4, tree)) == ["41"]
    conf = {"/loader/loader.conf": "default ostree-1.conf\n"}
    assert version_of(part(3, ENTRIES | conf), part(4, tree)) == ["40"]
    grub = {"/grub2/grub.cfg": "set default=1\nblscfg\n"}
    assert version_of(part(3, ENTRIES | grub), part(4, tree)) == ["40"]


def test_an_entry_of_grub_itself():
    menu = "menuentry 'x' {\nlinux /ostree/x/vmlinuz root=LABEL=root ostree=/ostree/boot.1/fedora-coreos/sum/1\n}\n"
    tree = deployment(0, 40) | deployment(1, 41) | links(1, 1, 0)
    assert version_of(part(3, {"/grub/grub.cfg": menu}), part(4, tree)) == ["40"]


def test_the_boot_file_system_belongs_to_the_guest():
    boot = part(3, {"/loader/entries/a.conf": "linux /ostree/x/vmlinuz-6.8.5\noptions ostree=/ostree/boot.1/none\n",
                    "/ostree/x/vmlinuz-6.8.5": "k"}, label="boot")
    guest = assemble([boot, part(4, deployment(0, 40))]).guests[0]
    assert [(kernel.version, kernel.image, kernel.is_default) for kernel in guest.kernels] == [
        ("6.8.5", "/boot/ostree/x/vmlinuz-6.8.5", True)]
    assert boot.partition.mount == "/boot"


def test_the_boot_files_of_a_disk_with_one_partition():
    tree = deployment(0, 40) | {"/boot/loader/entries/a.conf": "linux /boot/ostree/x/vmlinuz-6.8.5\n",
                                "/boot/ostree/x/vmlinuz-6.8.5": "k"}
    guest = assemble([part(1, tree)]).guests[0]
    assert [kernel.version for kernel in guest.kernels if kernel.is_default] == ["6.8.5"]


def test_absolute_links_end_inside_the_deployment():
    tree = deployment(0, 40) | {f"{DEPLOY}/abc.0/etc/os-release": Link("/usr/lib/os-release")}
    tree["/usr/lib/os-release"] = "ID=wrong\n"
    assert version_of(part(4, tree)) == ["40"]


def test_an_entry_that_leads_nowhere_or_out():
    for path in ("/ostree/boot.1/gone", "/ostree/../../etc", "/ostree/loop"):
        more = {"/ostree/loop": Link("loop"), "/etc": DIRECTORY, "/boot/loader/entries/a.conf": entry(path)}
        tree = deployment(0, 40) | more
        assert version_of(part(4, tree)) == ["40"]
