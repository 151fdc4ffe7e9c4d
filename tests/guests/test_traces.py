"""Systems whose root cannot be read."""

from __future__ import annotations

import pytest
from images import filesystems
from images.disks import Part, partitioned
from phonydisk import ESP, LINUX, part
from tools import needs
from unified import unified

from imgbuild import inspect
from imgbuild.guests import traces

TALOS = 'ID=talos\nNAME=Talos\nVERSION_ID=v1.7.0\nPRETTY_NAME="Talos (v1.7.0)"\n'
GRUB = """set default="A - Talos v1.14.2"
set timeout=3
menuentry "A - Talos v1.14.2" {
  linux /A/vmlinuz talos.platform=nocloud console=ttyS0
  initrd /A/initramfs.xz
}
menuentry "Reset Talos installation and return to maintenance mode" {
  linux /A/vmlinuz talos.platform=nocloud talos.experimental.wipe=system:EPHEMERAL,STATE
  initrd /A/initramfs.xz
}
"""


def esp(tree, index=1):
    return part(index, tree, "fat32", type="EFI system", type_id=ESP)


def sealed(index=2, kind="crypto_LUKS"):
    return part(index, None, kind, readable=False)


def test_a_unified_image_tells_of_a_root_that_cannot_be_read():
    data = unified(osrel=TALOS, uname="6.6.30-talos", machine="aarch64")
    (system,) = traces.find([esp({"/EFI/Linux/Talos-v1.7.0.efi": data}), sealed()])
    assert (system.type, system.id, system.version, system.release, system.name) == (
        "Linux", "talos", "v1.7.0", "v1.7.0", "Talos (v1.7.0)")
    assert (system.architecture, system.bits, system.kernels) == ("aarch64", 64, ("6.6.30-talos",))
    assert system.source == "/EFI/Linux/Talos-v1.7.0.efi"


def test_of_several_images_the_one_that_is_started():
    images = {f"/EFI/Linux/{name}.efi": unified(osrel=f"ID=os\nVERSION_ID={version}\n")
              for name, version in (("a", "1"), ("b", "2"))}
    assert [system.version for system in traces.find([esp(images)])] == ["2"]
    conf = {"/loader/loader.conf": "default a.efi\n"}
    assert [system.version for system in traces.find([esp(images | conf)])] == ["1"]


def test_images_on_the_extended_boot_partition():
    boot = part(2, {"/EFI/Linux/a.efi": unified(osrel=TALOS)}, type="extended boot (XBOOTLDR)")
    assert [system.id for system in traces.find([boot])] == ["talos"]


@pytest.mark.parametrize("tree", [{}, {"/EFI/Linux/a.efi": unified(osrel="")}, {"/EFI/BOOT/BOOTX64.EFI": b"MZ"},
                                  {"/EFI/Linux/a.efi": unified(osrel="VERSION_ID=3\n")}], ids=range(4))
def test_no_image_that_has_a_name(tree):
    assert traces.find([esp(tree), sealed()]) == []


def test_talos_by_its_menu():
    (system,) = traces.find([part(3, {"/grub/grub.cfg": GRUB, "/A/vmlinuz": "k"}, "xfs", label="BOOT"), sealed(5)])
    assert (system.id, system.version, system.name) == ("talos", "v1.14.2", "Talos (v1.14.2)")


def test_another_menu_names_nothing():
    assert traces.find([part(3, {"/grub/grub.cfg": GRUB.replace("Talos", "Ubuntu")})]) == []


def test_composefs_is_named_and_its_version_unknown():
    root = part(3, {"/composefs/images/x": "", "/composefs/objects/00/y": "", "/state/deploy/sum/etc/hostname": "h"})
    (system,) = traces.find([root])
    assert (system.type, system.id, system.version, system.name) == ("Linux", None, None, "a bootc system on composefs")
    entry = {"/loader/entries/a.conf": "title Fedora Linux 43 (Container Image)\nlinux /vmlinuz\n"}
    (system,) = traces.find([part(2, entry), root])
    assert (system.id, system.version, system.name) == ("fedora", None, "Fedora Linux 43 (Container Image)")


def test_the_boot_bank_of_esxi():
    config = ("bootstate=0\ntitle=Loading VMware ESXi\ntimeout=5\nkernel=b.b00\nmodules=jumpstrt.gz --- a.b00\n"
              "build=7.0.3-0.0.18644231\nupdated=1\n")
    (system,) = traces.find([part(5, {"/boot.cfg": config}, "fat16")])
    assert (system.type, system.id, system.version, system.release, system.name) == (
        "Other", "esxi", "7.0.3", "7.0.3-0.0.18644231", "VMware ESXi 7.0.3")
    assert traces.find([part(5, {"/boot.cfg": config.replace("ESXi", "Other")}, "fat16")]) == []


@pytest.mark.parametrize(("kind", "word", "name"), [
    ("FreeBSD UFS", "freebsd", "FreeBSD"), ("FreeBSD ZFS", "freebsd", "FreeBSD"), ("FreeBSD", "freebsd", "FreeBSD"),
    ("OpenBSD", "openbsd", "OpenBSD"), ("NetBSD FFS", "netbsd", "NetBSD")])
def test_a_partition_type_names_the_system_alone(kind, word, name):
    (system,) = traces.find([sealed(1, "ufs"), part(2, None, "ufs", readable=False, type=kind)])
    assert (system.type, system.id, system.version, system.release, system.name) == ("Other", word, None, None, name)


def test_freebsd_is_named_once_and_beside_others_too():
    blocks = [part(1, None, None, type="FreeBSD boot"), part(2, None, None, type="FreeBSD swap"),
              part(3, None, "ufs", readable=False, type="FreeBSD UFS")]
    assert [system.id for system in traces.find(blocks)] == ["freebsd"]
    assert [system.id for system in traces.find([*blocks, esp({"/EFI/Linux/a.efi": unified(osrel=TALOS)})],
                                                beside=True)] == ["freebsd"]


@pytest.mark.parametrize("kind", ["Solaris /usr & Apple ZFS", "Linux filesystem", "FreeBSD swap", None])
def test_types_that_several_systems_have(kind):
    assert traces.find([part(1, None, "zfs_member", readable=False, type=kind)]) == []


def test_damage_is_no_crash():
    files = {"/EFI/Linux/a.efi": unified(osrel=TALOS), "/loader/loader.conf": "default a\n",
             "/boot.cfg": "build=1.2.3-4"}
    for path in (*files, "/EFI", "/EFI/Linux"):
        traces.find([part(1, files, "fat32", damaged=(path,), type="EFI system", type_id=ESP)])


def write(disk, mib, parts):
    partitioned(disk, "gpt", mib, parts)
    return inspect(disk)


@needs("sfdisk")
def test_a_disk_of_freebsd(tmp_path):
    parts = [Part(1, 1, 1, "83BD6B9D-7F41-11DC-BE0B-001560B84F0F"),
             Part(2, 2, 4, "516E7CB6-6ECF-11D6-8FF8-00022D09712B")]
    system = write(tmp_path / "disk.raw", 8, parts).os
    assert (system.type, system.id, system.version) == ("Other", "freebsd", None)


@needs("sfdisk", "mkfs.vfat", "mmd", "mcopy")
def test_a_disk_with_a_unified_image_and_an_encrypted_root(tmp_path):
    image = unified(osrel=TALOS, uname="6.6.30-talos", cmdline="talos.platform=openstack")
    boot = filesystems.fat(tmp_path / "esp", 40, {"EFI/Linux/Talos-v1.7.0.efi": image})
    luks = b"LUKS\xba\xbe\0\2" + (16384).to_bytes(8, "big") + bytes(4096)
    system = write(tmp_path / "disk.raw", 60, [Part(1, 1, 40, ESP, boot), Part(2, 41, 16, LINUX, luks)]).os
    assert (system.id, system.version, system.kernels) == ("talos", "v1.7.0", ("6.6.30-talos",))
