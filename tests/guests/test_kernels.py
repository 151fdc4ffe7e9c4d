"""The kernels of a guest: versions, the files that belong to each, and which one is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from phony import DIRECTORY, Link, PhonyFileSystem
from phonydisk import part

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests import kernels
from imgbuild.guests.careful import Careful
from imgbuild.guests.layout import assemble

MENUS = Path(__file__).parent / "menus"
DEBIAN = (MENUS / "debian-grub.cfg").read_text()


def find(files, **more):
    return kernels.find(Careful(GuestTree(PhonyFileSystem(files, **more))))


def default_of(found):
    return [kernel.version for kernel in found if kernel.is_default]


def modules(*versions, base="/usr/lib/modules"):
    return {f"{base}/{version}/modules.dep": "" for version in versions} | {"/lib": Link("usr/lib")}


def bzimage(version):
    """An x86 kernel whose setup header has the version."""
    head = bytearray(0x400)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = (0x100).to_bytes(2, "little")
    return bytes(head[:0x300]) + version.encode() + b" (buildozer@x) #1-Alpine SMP\0" + bytes(64)


def test_debian_as_grub_mkconfig_writes_it():
    files = {"/boot/grub/grub.cfg": DEBIAN, "/boot/config-6.1.0-18-cloud-amd64": "x",
             "/boot/System.map-6.1.0-18-cloud-amd64": "x", **modules("6.1.0-18-cloud-amd64", "6.1.0-9-amd64")}
    for version in ("6.1.0-18-cloud-amd64", "6.1.0-9-amd64"):
        files |= {f"/boot/vmlinuz-{version}": "k", f"/boot/initrd.img-{version}": "i"}
    new, old = find(files)
    assert (new.version, old.version) == ("6.1.0-18-cloud-amd64", "6.1.0-9-amd64")
    assert (new.is_default, old.is_default) == (True, False)
    assert new.image == "/boot/vmlinuz-6.1.0-18-cloud-amd64"
    assert new.initramfs == "/boot/initrd.img-6.1.0-18-cloud-amd64"
    assert new.modules == "/usr/lib/modules/6.1.0-18-cloud-amd64"
    assert new.command_line.startswith("root=PARTUUID=0d4d6a3f-01 ro console=tty0")
    assert new.entry.source == "/boot/grub/grub.cfg"
    assert old.command_line.endswith(" old")


def test_debian_on_a_disk_with_a_boot_partition():
    boot = {"/grub/grub.cfg": DEBIAN.replace("/boot/", "/")}
    for version in ("6.1.0-18-cloud-amd64", "6.1.0-9-amd64"):
        boot |= {f"/vmlinuz-{version}": "k", f"/initrd.img-{version}": "i"}
    root = {"/etc/os-release": "ID=debian\n", "/etc/fstab": "LABEL=boot /boot ext4\n", "/boot": DIRECTORY,
            **modules("6.1.0-18-cloud-amd64", "6.1.0-9-amd64")}
    guest = assemble([part(1, boot, label="boot"), part(2, root)]).guests[0]
    new, old = kernels.find(guest.careful)
    assert (new.image, new.initramfs) == ("/boot/vmlinuz-6.1.0-18-cloud-amd64", "/boot/initrd.img-6.1.0-18-cloud-amd64")
    assert (new.is_default, old.is_default) == (True, False)


RHEL8 = {
    "/boot/grub2/grub.cfg": 'set default="${saved_entry}"\ninsmod blscfg\nblscfg\n',
    "/boot/grub2/grubenv": "# GRUB Environment Block\nsaved_entry=aa-4.18.0-80.el8.x86_64\n"
                           "kernelopts=root=/dev/mapper/rhel-root ro crashkernel=auto\nboot_success=0\n###",
    "/boot/loader/entries/aa-0-rescue.conf": "title Rescue\nlinux /vmlinuz-0-rescue-aa\n"
                                             "initrd /initramfs-0-rescue-aa.img\noptions $kernelopts\n",
    "/boot/vmlinuz-0-rescue-aa": "k", "/boot/initramfs-0-rescue-aa.img": "i",
    "/boot/initramfs-4.18.0-80.el8.x86_64kdump.img": "i",
    **{f"/boot/loader/entries/aa-{version}.conf": f"title RHEL ({version}) 8\nversion {version}\n"
       f"linux /vmlinuz-{version}\ninitrd /initramfs-{version}.img $tuned_initrd\noptions $kernelopts $tuned_params\n"
       for version in ("4.18.0-80.el8.x86_64", "4.18.0-305.el8.x86_64")},
    **{f"/boot/{name}": "x" for version in ("4.18.0-80.el8.x86_64", "4.18.0-305.el8.x86_64")
       for name in (f"vmlinuz-{version}", f"initramfs-{version}.img", f".vmlinuz-{version}.hmac")},
    **{f"/usr/lib/modules/{version}/{name}": "" for version in ("4.18.0-80.el8.x86_64", "4.18.0-305.el8.x86_64")
       for name in ("modules.dep", "vmlinuz")},
}


def test_red_hat_8_with_the_boot_loader_specification():
    found = find(RHEL8)
    assert [kernel.version for kernel in found] == ["4.18.0-305.el8.x86_64", "4.18.0-80.el8.x86_64"]
    assert default_of(found) == ["4.18.0-80.el8.x86_64"]
    assert found[1].command_line == "root=/dev/mapper/rhel-root ro crashkernel=auto"
    assert found[1].initrds == ("/boot/initramfs-4.18.0-80.el8.x86_64.img",)
    assert found[1].entry.source == "/boot/loader/entries/aa-4.18.0-80.el8.x86_64.conf"


def test_without_a_saved_entry_the_newest_is_started():
    files = RHEL8 | {"/boot/grub2/grubenv": "# GRUB Environment Block\n"}
    assert default_of(find(files)) == ["4.18.0-305.el8.x86_64"]


def test_fedora_on_btrfs_names_its_subvolume():
    entry = ("title F\nlinux /root/boot/vmlinuz-6.8.5-301.fc40.x86_64\n"
             "initrd /root/boot/initramfs-6.8.5-301.fc40.x86_64.img\n")
    files = {"/boot/grub2/grub.cfg": "blscfg\n", "/boot/loader/entries/a.conf": entry,
             "/boot/vmlinuz-6.8.5-301.fc40.x86_64": "k", "/boot/initramfs-6.8.5-301.fc40.x86_64.img": "i"}
    (kernel,) = find(files)
    assert kernel.is_default
    assert kernel.initramfs == "/boot/initramfs-6.8.5-301.fc40.x86_64.img"


def test_centos_6_with_a_boot_partition_of_its_own():
    menu = ("default=1\ntitle CentOS\n kernel /vmlinuz-2.6.32-754.el6.x86_64 ro root=UUID=1\n"
            " initrd /initramfs-2.6.32-754.el6.x86_64.img\ntitle CentOS old\n"
            " kernel /vmlinuz-2.6.32-71.el6.x86_64 ro root=UUID=1\n initrd /initramfs-2.6.32-71.el6.x86_64.img\n")
    names = [name for version in ("2.6.32-754.el6.x86_64", "2.6.32-71.el6.x86_64")
             for name in (f"/vmlinuz-{version}", f"/initramfs-{version}.img")]
    root = {"/etc/redhat-release": "CentOS release 6.10 (Final)\n", "/etc/fstab": "UUID=7 /boot ext4\n"}
    boot = {"/grub/grub.conf": menu, **dict.fromkeys(names, "x")}
    guest = assemble([part(1, boot, uuid="7"), part(2, root)]).guests[0]
    found = kernels.find(guest.careful)
    assert [kernel.version for kernel in found] == ["2.6.32-754.el6.x86_64", "2.6.32-71.el6.x86_64"]
    assert default_of(found) == ["2.6.32-71.el6.x86_64"]
    assert found[0].modules is None


def test_opensuse_on_btrfs():
    version = "6.4.0-150600.21-default"
    menu = ('set btrfs_relative_path="yes"\nexport btrfs_relative_path\n'
            'if [ "${next_entry}" ] ; then\n   set default="${next_entry}"\nelse\n   set default="${saved_entry}"\nfi\n'
            "menuentry 'openSUSE Leap 15.6'  --class opensuse --class os $menuentry_id_option 'gnulinux-simple-1' {\n"
            f"\tlinux\t/boot/vmlinuz-{version} root=UUID=1  ${{extra_cmdline}} splash=silent quiet\n"
            f"\tinitrd\t/boot/initrd-{version}\n}}\n"
            'if [ -f "/.snapshots/grub-snapshot.cfg" ]; then\n  source "/.snapshots/grub-snapshot.cfg"\nfi\n')
    files = {"/boot/grub2/grub.cfg": menu, f"/boot/vmlinuz-{version}": "k", f"/boot/initrd-{version}": "i",
             "/boot/vmlinuz": Link(f"vmlinuz-{version}"), "/boot/initrd": Link(f"initrd-{version}"),
             f"/boot/vmlinux-{version}.gz": "debug", "/boot/grub2/grubenv": "# GRUB Environment Block\n",
             **modules(version)}
    found = find(files)
    assert [kernel.is_default for kernel in found] == [True]
    assert [(kernel.version, kernel.initramfs, kernel.command_line) for kernel in found] == [
        (version, f"/boot/initrd-{version}", "root=UUID=1 splash=silent quiet")]


def test_alpine_has_an_initramfs_for_each_flavour():
    files = {"/boot/vmlinuz-6.6.31-0-virt": "k", "/boot/initramfs-virt": "i", "/boot/initramfs-lts": "i"}
    assert [kernel.initramfs for kernel in find(files)] == ["/boot/initramfs-virt"]


def test_alpine_by_extlinux():
    menu = ("DEFAULT menu.c32\nLABEL virt\n MENU DEFAULT\n LINUX vmlinuz-virt\n INITRD initramfs-virt\n"
            " APPEND root=UUID=1 modules=ext4\nLABEL lts\n LINUX vmlinuz-lts\n INITRD initramfs-lts\n")
    files = {"/boot/extlinux.conf": menu, "/boot/vmlinuz-virt": bzimage("6.6.31-0-virt"), "/boot/initramfs-virt": "i",
             "/boot/vmlinuz-lts": "an arm kernel", "/boot/initramfs-lts": "i", "/boot/boot": Link("."),
             **modules("6.6.31-0-virt", "6.6.31-0-lts")}
    found = find(files)
    assert [(kernel.version, kernel.is_default) for kernel in found] == [
        ("6.6.31-0-virt", True), ("6.6.31-0-lts", False)]
    assert found[0].modules == "/usr/lib/modules/6.6.31-0-virt"
    assert found[0].initramfs == "/boot/initramfs-virt"


def test_arch_by_systemd_boot():
    entry = ("title Arch Linux\nlinux /vmlinuz-linux\ninitrd /intel-ucode.img\ninitrd /initramfs-linux.img\n"
             "options root=PARTUUID=1 rw\n")
    files = {"/boot/loader/entries/arch.conf": entry, "/boot/loader/loader.conf": "default arch.conf\n",
             "/boot/vmlinuz-linux": bzimage("6.8.7-arch1-1"), "/boot/intel-ucode.img": "u",
             "/boot/initramfs-linux.img": "i", "/boot/initramfs-linux-fallback.img": "i",
             "/usr/lib/modules/6.8.7-arch1-1/vmlinuz": "k", **modules("6.8.7-arch1-1")}
    (kernel,) = [kernel for kernel in find(files) if kernel.is_default]
    assert kernel.version == "6.8.7-arch1-1"
    assert kernel.initrds == ("/boot/intel-ucode.img", "/boot/initramfs-linux.img")
    assert kernel.initramfs == "/boot/initramfs-linux.img"
    assert kernel.command_line == "root=PARTUUID=1 rw"


def test_nixos_whose_kernels_have_names_of_its_own():
    menu = ('set default=0\nmenuentry "NixOS" --class nixos --unrestricted {\nsearch --set=drive1 --fs-uuid 1\n'
            "  linux ($drive1)//kernels/abc-linux-6.6.31-bzImage init=/nix/store/x/init\n"
            "  initrd ($drive1)//kernels/def-initrd-linux-6.6.31-initrd\n}\n")
    files = {"/boot/grub/grub.cfg": menu, "/boot/kernels/abc-linux-6.6.31-bzImage": bzimage("6.6.31"),
             "/boot/kernels/def-initrd-linux-6.6.31-initrd": "i"}
    (kernel,) = find(files)
    assert (kernel.version, kernel.is_default) == ("6.6.31", True)
    assert kernel.initramfs == "/boot/kernels/def-initrd-linux-6.6.31-initrd"


def test_flatcar_whose_loader_has_its_menu_inside():
    files = {"/boot/flatcar/vmlinuz-a": bzimage("6.6.74-flatcar"), "/usr/boot/vmlinuz": bzimage("6.6.74-flatcar"),
             **modules("6.6.74-flatcar")}
    assert [(kernel.version, kernel.image, kernel.is_default) for kernel in find(files)] == [
        ("6.6.74-flatcar", "/boot/flatcar/vmlinuz-a", True)]
    del files["/boot/flatcar/vmlinuz-a"]
    assert [kernel.image for kernel in find(files)] == ["/usr/boot/vmlinuz"]


def test_without_a_menu_the_link_says_which():
    files = {"/vmlinuz": Link("boot/vmlinuz-5.10"), "/boot/vmlinuz-5.10": "k", "/boot/vmlinuz-6.1": "k"}
    assert default_of(find(files)) == ["5.10"]
    assert [kernel.is_default for kernel in find({name: files[name] for name in list(files)[1:]})] == [None, None]
    assert default_of(find({"/boot/vmlinuz-6.1": "k"})) == ["6.1"]


def test_a_default_that_is_no_kernel():
    menu = "set default=1\nmenuentry 'L' {\nlinux /boot/vmlinuz-6.1\n}\nmenuentry 'Windows' {\nchainloader +1\n}\n"
    assert [kernel.is_default for kernel in find({"/boot/grub/grub.cfg": menu, "/boot/vmlinuz-6.1": "k"})] == [False]


def test_a_default_whose_kernel_is_not_there_is_not_known():
    menu = "menuentry 'L' {\nlinux /boot/vmlinuz-6.9\n}\n"
    files = {"/boot/grub/grub.cfg": menu, "/boot/vmlinuz-6.1.0": "k", "/boot/vmlinuz-6.2.0": "k"}
    assert [kernel.is_default for kernel in find(files)] == [None, None]


def test_a_kernel_that_no_entry_names():
    files = {"/boot/vmlinuz-5.14.0-70.el9.x86_64": "k", "/boot/initramfs-5.14.0-70.el9.x86_64.img": "i"}
    (kernel,) = find(files)
    assert kernel.initramfs == "/boot/initramfs-5.14.0-70.el9.x86_64.img"
    assert (kernel.entry, kernel.command_line) == (None, None)


def test_modules_without_an_image():
    assert [(kernel.version, kernel.image) for kernel in find(modules("6.1.0-9", "6.1.0-18"))] == [
        ("6.1.0-18", None), ("6.1.0-9", None)]
    left_behind = {"/boot/vmlinuz-6.1.0-18": "k", **modules("6.1.0-18", "6.1.0-9")}
    assert [kernel.version for kernel in find(left_behind)] == ["6.1.0-18"]
    assert find({"/usr/lib/modules/6.1.0-9": DIRECTORY}) == ()


@pytest.mark.parametrize(("name", "version"), [
    ("vmlinuz-3.10.0-1160.el7.x86_64", "3.10.0-1160.el7.x86_64"), ("vmlinux-6.4.0-default.gz", "6.4.0-default"),
    ("kernel-genkernel-x86_64-4.0.5-gentoo", "4.0.5-gentoo"),
    ("Image-6.4.0-150600.21-default", "6.4.0-150600.21-default"),
    ("image-5.14.21-150400.22-default", "5.14.21-150400.22-default"), ("vmlinuz-6.5.0+rpt-rpi-v8", "6.5.0+rpt-rpi-v8"),
    ("vmlinuz-huge-5.15.19", "5.15.19"), ("vmlinuz-4.15.0-20-generic.efi.signed", "4.15.0-20-generic"),
    ("vmlinuz-6.1.0-18-amd64", "6.1.0-18-amd64"), ("vmlinuz-virt", None), ("vmlinuz", None),
])
def test_the_version_in_a_name(name, version):
    (kernel,) = find({f"/boot/{name}": "no header"})
    assert kernel.version == version


@pytest.mark.parametrize("name", ["vmlinuz-0-rescue-aa", "vmlinuz-6.1.hmac", "vmlinuz.old"])
def test_what_is_no_installed_kernel(name):
    assert find({f"/boot/{name}": "x"}) == ()


def test_a_version_has_no_control_characters():
    (kernel,) = find({"/boot/vmlinuz-6.1": bzimage("6.1\x1b[31m")})
    assert kernel.version == "6.1"


def test_damage_is_no_crash():
    files = dict(RHEL8)
    for damaged in files:
        find(files, damaged=(damaged,))


@pytest.mark.parametrize("path", ["/", "(hd0,1)", "(hd0,1)/", "/boot", "..", "/../..", "//", "."])
def test_a_path_that_leads_to_no_file(path):
    menu = f"menuentry 'x' {{\nlinux {path} ro\ninitrd {path}\n}}\n"
    files = {"/boot/grub/grub.cfg": menu, "/boot/vmlinuz-6.1.0": "k"}
    assert [(kernel.version, kernel.initrds) for kernel in find(files)] == [("6.1.0", ())]
