"""Partitions and volumes joined to guests."""

from __future__ import annotations

import pytest
from phony import DIRECTORY, Link
from phonydisk import ESP, part, volume

from imgbuild.guests import linux
from imgbuild.guests.layout import assemble

OS = "ID=debian\nVERSION_ID=12\n"
UUID = "22222222-3333-4444-8555-666666666666"


def root(fstab="", **more):
    return {"/etc/os-release": OS, "/etc/fstab": fstab, "/bin/sh": "x", "/boot": DIRECTORY} | more


def mounts(blocks):
    """Mount points by index or name, as the contract shows them."""
    return {(block.partition or block.volume).mount for block in assemble(blocks).blocks} - {None}


def mount_of(block):
    return (block.partition or block.volume).mount


def test_one_root():
    blocks = [part(1, root())]
    found = assemble(blocks)
    assert [guest.root for guest in found.guests] == blocks
    assert mount_of(blocks[0]) == "/"
    assert found.problems == ()


@pytest.mark.parametrize("spec", [
    f"UUID={UUID}", "LABEL=boot", "PARTUUID=deadbeef-01", "PARTLABEL=bootpart", "/dev/sda1", "/dev/vda1", "/dev/xvda1",
    "/dev/nvme0n1p1", f"/dev/disk/by-uuid/{UUID}"])
def test_boot_through_fstab(spec):
    boot = part(1, {"/vmlinuz-6.1": "kernel"}, uuid=UUID, label="boot", partuuid="deadbeef-01", name="bootpart")
    blocks = [boot, part(2, root(f"/dev/sda2 / ext4\n{spec} /boot ext4\n"))]
    tree = assemble(blocks).guests[0].tree
    assert tree.exists("/boot/vmlinuz-6.1")
    assert (mount_of(boot), mount_of(blocks[1])) == ("/boot", "/")


def test_mounts_are_made_in_the_order_of_their_depth():
    blocks = [part(1, {"/EFI/BOOT/BOOTX64.EFI": "MZ"}, "fat32", uuid="ABCD-1234"),
              part(2, {"/efi": DIRECTORY}, label="boot"),
              part(3, root("UUID=ABCD-1234 /boot/efi vfat\nLABEL=boot /boot ext4\n"))]
    assert assemble(blocks).guests[0].tree.exists("/boot/efi/EFI/BOOT/BOOTX64.EFI")


def test_logical_volumes():
    fstab = ("/dev/mapper/vg0-root / ext4\n/dev/vg0/var /var ext4\n/dev/mapper/vg0-swap none swap\n"
             "UUID=1234 /boot ext4\n")
    blocks = [part(1, {"/grub": DIRECTORY}, uuid="1234"), part(2, {}, "lvm2", readable=False),
              volume("vg0/swap", {}, "swap"), volume("vg0/var", {"/log": DIRECTORY}), volume("vg0/root", root(fstab))]
    found = assemble(blocks)
    assert [mount_of(block) for block in blocks] == ["/boot", None, None, "/var", "/"]
    assert found.guests[0].tree.is_dir("/var/log")


def test_separate_usr_makes_the_root_whole():
    top = {"/etc/os-release": Link("../usr/lib/os-release"), "/etc/fstab": "LABEL=usr /usr ext4\n",
           "/bin": Link("usr/bin"), "/usr": DIRECTORY}
    blocks = [part(1, top), part(2, {"/lib/os-release": OS, "/bin/sh": "x"}, label="usr")]
    found = assemble(blocks)
    assert len(found.guests) == 1
    assert linux.identify(found.guests[0].tree).id == "debian"


def test_usr_through_the_type_of_its_partition():
    blocks = [part(1, {"/etc/machine-id": "uninitialized\n", "/usr": DIRECTORY}, type="root (x86-64)"),
              part(2, {"/lib/os-release": OS}, type="usr (x86-64)")]
    found = assemble(blocks)
    assert linux.identify(found.guests[0].tree).version == "12"
    assert [mount_of(block) for block in blocks] == ["/", "/usr"]


def test_flatcar_as_it_is_before_its_first_boot():
    blocks = [part(1, {"/flatcar": DIRECTORY}, "fat32", type="EFI system", type_id=ESP),
              part(3, {"/lib/os-release": "ID=flatcar\nVERSION_ID=3815.2.0\n"}, type="Flatcar usr"),
              part(4, {"/lib/os-release": "ID=other\n"}, type="Flatcar usr"),
              part(6, {}, label="OEM", type="Linux filesystem"),
              part(9, {"/lost+found": DIRECTORY}, type="Flatcar root")]
    found = assemble(blocks)
    assert [linux.identify(guest.tree).id for guest in found.guests] == ["flatcar"]
    assert [mount_of(block) for block in blocks] == ["/boot", "/usr", None, None, "/"]


def flatcar(*priorities):
    usrs = [part(number, {"/lib/os-release": f"ID=flatcar\nVERSION_ID={number}\n"}, type="Flatcar usr",
                 attributes=priority << 48) for number, priority in zip((3, 4), priorities, strict=True)]
    return [*usrs, part(9, {}, type="Flatcar root")]


@pytest.mark.parametrize(("priorities", "version"), [((1, 0), "3"), ((1, 2), "4"), ((2, 1), "3"), ((0, 0), "3")])
def test_the_slot_of_higher_priority_boots(priorities, version):
    found = assemble(flatcar(*priorities))
    assert [linux.identify(guest.tree).version for guest in found.guests] == [version]


def test_the_slot_that_boots_must_be_readable():
    blocks = flatcar(1, 2)
    blocks[1] = part(4, None, "btrfs", readable=False, type="Flatcar usr", attributes=2 << 48)
    assert assemble(blocks).guests == ()


def test_flatcar_whose_usr_cannot_be_read_is_no_guest():
    blocks = [part(3, None, "btrfs", readable=False, type="Flatcar usr"),
              part(9, {"/lost+found": DIRECTORY}, type="Flatcar root")]
    assert assemble(blocks).guests == ()


@pytest.mark.parametrize(("directories", "point"), [
    (("/efi", "/boot/efi"), "/efi"), (("/boot/efi",), "/boot/efi"), ((), None), (("/boot/efi/EFI",), None)])
def test_the_esp_without_fstab(directories, point):
    esp = part(1, {"/EFI": DIRECTORY}, "fat32", type="EFI system", type_id=ESP)
    tree = root() | dict.fromkeys(directories, DIRECTORY)
    if point is None:
        tree["/boot/vmlinuz"] = "kernel"
    assemble([esp, part(2, tree)])
    assert mount_of(esp) == point


def test_an_esp_with_kernels_is_the_boot_of_a_guest_that_has_no_other():
    esp = part(1, {"/loader/entries/arch.conf": "linux /vmlinuz\n", "/vmlinuz": "k"}, "fat32", type="EFI system",
               type_id=ESP)
    tree = assemble([esp, part(2, root())]).guests[0].tree
    assert tree.exists("/boot/vmlinuz")
    assert mount_of(esp) == "/boot"


def test_an_extended_boot_partition_goes_before_the_esp():
    esp = part(1, {"/loader/entries/a.conf": "linux /vmlinuz\n"}, "fat32", type="EFI system", type_id=ESP)
    boot = part(3, {"/loader": DIRECTORY}, type="extended boot (XBOOTLDR)")
    assemble([esp, part(2, root()), boot])
    assert (mount_of(esp), mount_of(boot)) == (None, "/boot")


def test_types_do_not_override_what_the_guest_says():
    fstab = "LABEL=data /home ext4\n"
    blocks = [part(1, root(fstab)), part(2, {"/me": DIRECTORY}, label="data"),
              part(3, {"/you": DIRECTORY}, type="home")]
    tree = assemble(blocks).guests[0].tree
    assert tree.listdir("/home") == ["me"]
    assert mount_of(blocks[2]) is None


def test_types_do_not_cover_what_is_there():
    blocks = [part(1, root() | {"/home/me": DIRECTORY}), part(2, {"/you": DIRECTORY}, type="home")]
    assert assemble(blocks).guests[0].tree.listdir("/home") == ["me"]


def test_xbootldr():
    boot = part(2, {"/loader": DIRECTORY}, type="extended boot (XBOOTLDR)")
    tree = assemble([part(1, root()), boot]).guests[0].tree
    assert tree.is_dir("/boot/loader")


def test_another_disk_is_not_this_one():
    other = part(2, {"/x": "y"})
    tree = assemble([part(1, root("/dev/vda1 / ext4\n/dev/vdb2 /data ext4\n")), other]).guests[0].tree
    assert not tree.exists("/data/x")
    assert mount_of(other) is None


def test_the_second_disk_of_a_guest():
    other = part(2, {"/x": "y"})
    fstab = "/dev/sdb1 / ext4\n/dev/sdb2 /data ext4\n/dev/sda2 /no ext4\n"
    tree = assemble([part(1, root(fstab)), other]).guests[0].tree
    assert tree.exists("/data/x")
    assert not tree.exists("/no")


def test_two_systems_are_two_guests():
    blocks = [part(1, root("/dev/sda1 / ext4\n/dev/sda2 /mnt/other ext4\n")), part(2, root("/dev/sda2 / ext4\n"))]
    found = assemble(blocks)
    assert [guest.root for guest in found.guests] == blocks
    assert mount_of(blocks[1]) == "/mnt/other"


def test_a_part_of_a_guest_is_no_guest():
    blocks = [part(1, root("LABEL=srv /srv ext4\n")), part(2, {"/etc/os-release": OS}, label="srv")]
    assert len(assemble(blocks).guests) == 1


@pytest.mark.parametrize("tree", [
    {"/vmlinuz-6.1": "k", "/grub/grub.cfg": "x"}, {"/lib/os-release": OS}, {"/home/etc": "x"}, {"/etc": "a file"}, {},
    {"/etc/hosts": "x"}, {"/bin/sh": "x"},
], ids=range(7))
def test_what_is_no_root(tree):
    assert assemble([part(1, tree)]).guests == ()


@pytest.mark.parametrize("tree", [
    {"/etc/redhat-release": "CentOS release 6.10 (Final)"}, {"/usr/lib/os-release": OS, "/etc": DIRECTORY},
    {"/etc/hosts": "x", "/sbin/init": "x"}, {"/etc/hosts": "x", "/bin": Link("usr/bin"), "/usr/bin/sh": "x"},
    {"/etc/debian_version": "6.0.10"}, {"/nix/var/nix/profiles/system/etc/os-release": "ID=nixos"},
], ids=range(6))
def test_what_is_a_root(tree):
    assert len(assemble([part(1, tree)]).guests) == 1


@pytest.mark.parametrize("kind", ["fat32", "ntfs", "iso9660", "exfat"])
def test_file_systems_that_hold_no_linux(kind):
    assert assemble([part(1, root(), kind)]).guests == ()


def test_unreadable_file_systems_are_named_and_no_more():
    blocks = [part(1, None, "btrfs", readable=False), part(2, {}, kind=None)]
    found = assemble(blocks)
    assert (found.guests, found.problems) == ((), ())


def test_a_file_system_that_cannot_be_opened_is_one_problem():
    found = assemble([part(1, None), part(2, root("/dev/sda1 /boot ext4\n"))])
    assert len(found.guests) == 1
    assert [problem.code for problem in found.problems] == ["filesystem-damaged"]
    assert mount_of(found.blocks[0]) == "/boot"


def test_damage_inside_is_a_problem_and_the_rest_goes_on():
    top = part(1, root("LABEL=boot /boot ext4\n"), damaged=("/etc/fstab",))
    found = assemble([top, part(2, {"/x": "y"}, label="boot")])
    assert len(found.guests) == 1
    assert [problem.code for problem in found.problems] == ["filesystem-damaged"]


def test_a_hostile_fstab():
    fstab = ("/dev/sda2 /../../../etc ext4\n/dev/sda2 / ext4\nUUID= /x ext4\n/dev/sda99999999999 /y ext4\n"
              "/dev/sda2 " + "/a" * 5000 + " ext4\n" + "\x00\x1b[2J /z ext4\n" + "/dev/sda2 /b ext4\n" * 3000)
    blocks = [part(1, root(fstab)), part(2, {"/passwd": "x"})]
    found = assemble(blocks)
    assert len(found.guests) == 1
    assert mounts(blocks) <= {"/", "/etc"}


def test_a_hundred_partitions():
    blocks = [part(index, root(f"/dev/sda{index} / ext4\n")) for index in range(1, 101)]
    assert len(assemble(blocks).guests) == 100
