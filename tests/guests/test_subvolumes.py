"""Which subvolume is a guest's root, and which are its mounts."""

from __future__ import annotations

import pytest
from phony import DIRECTORY, PhonyFileSystem
from phonydisk import part, subvolumed
from unified import unified

from imgbuild.guests import linux
from imgbuild.guests.layout import assemble
from imgbuild.guests.subvolumes import mounted
from imgbuild.readers import broken

UUID = "22222222-3333-4444-8555-666666666666"


def system(name, fstab="", **more):
    return {"/etc/os-release": f"ID={name}\n", "/etc/fstab": fstab, "/bin/sh": "x"} | more


def line(point, options):
    return f"UUID={UUID} {point} btrfs {options} 0 0\n"


def systems(*blocks):
    return [linux.identify(guest.tree).id for guest in assemble(blocks).guests]


# What the subvolumes hold ("" is the top level), the default one, and the system that is found.
SNAPPER = "@/.snapshots/1/snapshot"
ROOTS = {
    "no subvolumes": ({"": system("debian")}, "", "debian"),
    "Fedora": ({"": {}, "home": {"/user/x": "x"}, "root": system("fedora", line("/", "subvol=root"))}, "", "fedora"),
    "Ubuntu": ({"": {}, "@home": {}, "@": system("ubuntu", line("/", "defaults,subvol=@"))}, "", "ubuntu"),
    "openSUSE": ({"": {}, "@": {}, "@/.snapshots": {}, SNAPPER: system("opensuse", line("/", "defaults"))},
                 SNAPPER, "opensuse"),
    "after a rollback": ({"": {}, "@": {}, SNAPPER: system("before"), "@/.snapshots/9/snapshot": system("opensuse")},
                         "@/.snapshots/9/snapshot", "opensuse"),
    "a default without a system": ({"": {}, "data": {"/x": "x"}, "root": system("fedora")}, "data", "fedora"),
    "the top level before others": ({"": system("debian"), "@old": system("old")}, "", "debian"),
    "by its own fstab": ({"": {}, "a": system("a", line("/", "subvol=b")), "b": system("b", line("/", "subvol=/b"))},
                         "", "b"),
    "by its own fstab, by number": ({"": {}, "a": system("a", line("/", "subvolid=257")),
                                     "b": system("b", line("/", "subvolid=257"))}, "", "b"),
    "no snapshot where there is another": ({"": {}, "backup": system("old"), "z": system("new")}, "", "new"),
    "a snapshot of the root": ({"": {}, ".snapshots/7": system("old"), "deep/in/root": system("new")}, "", "new"),
    "a snapshot where there is no other": ({"": {}, "timeshift-btrfs/snapshots/1/@": system("left")}, "", "left"),
    "Silverblue": ({"": {}, "home": {}, "root": {
        "/ostree/deploy/fedora/deploy/abc.0/etc/os-release": "ID=silverblue\n"}}, "", "silverblue"),
}


@pytest.mark.parametrize("name", ROOTS)
def test_the_root(name):
    trees, default, expected = ROOTS[name]
    snapshots = ("backup",) if name.startswith("no snapshot") else ()
    assert systems(subvolumed(1, trees, default=default, snapshots=snapshots, uuid=UUID)) == [expected]


BOOT_ENTRIES = {
    "/loader/entries/f40.conf": f"title Fedora\noptions root=UUID={UUID} ro rootflags=subvol=new rhgb\n",
    "/grub2/grubenv": f"# GRUB\nkernelopts=root=UUID={UUID} ro rootflags=subvol=new,compress=zstd:1\n",
    "/grub2/grub.cfg": f'set kernelopts="root=UUID={UUID} rootflags=subvol=new"\n',
    "/grub/grub.cfg": f"menuentry 'x' {{\n\tlinux /@/boot/vmlinuz root=UUID={UUID} ro rootflags=subvol=new\n}}\n",
    "/extlinux/extlinux.conf": "append rootflags=subvolid=257 root=LABEL=elsewhere\n",
}


@pytest.mark.parametrize("path", BOOT_ENTRIES)
def test_the_command_line_names_the_root(path):
    trees = {"": system("top"), "old": system("old", line("/", "subvol=old")), "new": system("new")}
    root = subvolumed(2, trees, uuid=UUID)
    assert systems(part(1, {path: BOOT_ENTRIES[path]}), root) == ["new"]
    assert systems(part(1, {path: "options rootflags=subvol=missing\n"}), root) == ["top"]
    assert systems(part(1, {path: "options rootflags=noatime\n"}), root) == ["top"]


def test_the_command_line_in_the_top_level_names_the_root():
    entry = {"/boot/grub/grub.cfg": BOOT_ENTRIES["/grub/grub.cfg"]}
    trees = {"": system("top", **entry), "old": system("old"), "new": system("new")}
    assert systems(subvolumed(1, trees, uuid=UUID)) == ["new"]


def test_the_command_line_in_a_unified_kernel_image_names_the_root():
    trees = {"": {}, "old": system("old", line("/", "subvol=old")), "new": system("new")}
    image = unified(cmdline=f"root=UUID={UUID} rootflags=subvol=new\0")
    esp = part(1, {"/EFI/Linux/arch.efi": image}, "fat32")
    assert systems(esp, subvolumed(2, trees, uuid=UUID)) == ["new"]


def test_the_command_line_of_another_root_does_not_count():
    trees = {"": system("top"), "new": system("new")}
    entry = {"/loader/entries/x.conf": "options root=LABEL=data rootflags=subvol=new\n"}
    assert systems(part(1, entry), part(3, {"/x": "x"}, label="data"), subvolumed(2, trees, uuid=UUID)) == ["top"]


def test_the_default_counts_before_the_command_line():
    trees = {"": {}, "set": system("set"), "new": system("new")}
    entry = {"/loader/entries/x.conf": "options rootflags=subvol=new\n"}
    assert systems(part(1, entry), subvolumed(2, trees, default="set", uuid=UUID)) == ["set"]


def test_fstab_mounts_subvolumes_of_the_same_file_system():
    places = {"/": "subvol=root", "/home": "subvol=home,compress=zstd:1", "/srv": "subvolid=258",
              "/gone": "subvol=gone", "/again": "defaults", "/.top": "subvolid=0", "/x": "subvolid=y"}
    fstab = "".join(line(point, options) for point, options in places.items())
    trees = {"": {"/top": "x"}, "home": {"/user/file": "x"}, "root": system("fedora", fstab, **{"/home": DIRECTORY}),
             "data": {"/data": "x"}}
    block = subvolumed(1, trees, uuid=UUID)
    guest, = assemble([block]).guests
    assert guest.tree.exists("/home/user/file")
    assert guest.tree.exists("/srv/data")
    assert guest.tree.exists("/.top/top")
    assert list(guest.mounts) == ["/", "/home", "/srv", "/.top", "/x"]
    assert block.partition.mount == "/"


def test_a_damaged_boot_partition_does_not_hide_the_root():
    trees = {"": {}, "root": system("fedora")}
    boot = part(1, {"/loader/entries/x.conf": "x"}, damaged=("/loader",))
    found = assemble([boot, subvolumed(2, trees, uuid=UUID)])
    assert [guest.root.partition.index for guest in found.guests] == [2]
    assert [problem.code for problem in found.problems] == ["filesystem-damaged"]


def test_no_other_root_is_taken_for_a_damaged_one():
    trees = {"": {}, "set": system("set"), "old": system("old")}
    block = subvolumed(1, trees, default="set", uuid=UUID, damaged=("/etc", "/usr", "/nix", "/bin", "/sbin", "/lib",
                                                                    "/ostree", "/var"))
    found = assemble([block])
    assert found.guests == ()
    assert {problem.code for problem in found.problems} == {"filesystem-damaged"}


def test_a_listing_that_fails_is_told():
    block = subvolumed(1, {"": {"/x": "x"}}, uuid=UUID)

    def fail():
        raise broken("filesystem-beyond-limits", "too many subvolumes")

    block.filesystem.subvolumes = fail
    found = assemble([block])
    assert (found.guests, [problem.code for problem in found.problems]) == ((), ["filesystem-beyond-limits"])


def test_other_file_systems_are_mounted_as_they_are():
    other = PhonyFileSystem({})
    assert mounted(other, ("subvol=@",)) is other
