"""Discs that install nothing: what they are called, and that none is taken for a system."""

import pytest
from phony import PhonyFileSystem

from imgbuild.guests import media


def examine(volume, *paths, boots=(), **header):
    tree = PhonyFileSystem(dict.fromkeys(paths, "x") or {"/x": ""})
    return media.examine({"volume_id": volume, "boot_platforms": list(boots), **header}, lambda: tree)


@pytest.mark.parametrize(("kind", "volume", "paths"), [
    ("cloud-init seed (NoCloud)", "cidata", ["/user-data", "/meta-data"]),
    ("cloud-init seed (NoCloud)", "CIDATA", []),
    ("cloud-init seed (Config Drive)", "config-2", ["/openstack/latest/meta_data.json"]),
    ("cloud-init seed (Config Drive)", "CONFIG", ["/openstack/latest/meta_data.json"]),
    ("configuration for Ignition or Combustion", "ignition", ["/ignition/config.ign"]),
    ("provisioning environment (OVF)", "OVF ENV", ["/ovf-env.xml"]),
    ("drivers or kickstart for Anaconda", "OEMDRV", ["/ks.cfg"]),
    ("virtio drivers for Windows", "virtio-win-0.1.240", ["/NetKVM/w10/amd64/netkvm.sys"]),
    ("virtio drivers for Windows", "DRIVERS", ["/viostor/2k19/amd64/viostor.sys"]),
    ("guest tools of a hypervisor", "VBox_GAs_7.0.12", ["/VBoxLinuxAdditions.run"]),
    ("guest tools of a hypervisor", "VMware Tools", ["/manifest.txt"]),
    ("answers for Windows Setup", "OEM", ["/autounattend.xml"]),
    ("data", "BACKUP", ["/a.tar"]),
    ("data", "virtio-win-0.1.240", ["/else"]),
])
def test_discs_that_do_not_boot(kind, volume, paths):
    assert examine(volume, *paths) == media.Medium(None, kind)


@pytest.mark.parametrize(("kind", "volume", "paths"), [
    ("rescue system", "RESCUE1100", ["/sysresccd/x86_64/airootfs.sfs"]),
    ("rescue system", "GParted-live", ["/live/vmlinuz", "/GParted-Live-Version"]),
    ("rescue system", "Clonezilla-live-3.1.2-9-amd64", ["/live/vmlinuz"]),
    ("memory test", "MT86PLUS_64", ["/boot/memtest"]),
    ("GRUB rescue", "ISOIMAGE", ["/boot/grub/i386-pc/acpi.mod", "/boot/grub/grub.cfg", "/efi.img"]),
    (None, "ISOIMAGE", ["/boot/grub/i386-pc/acpi.mod", "/boot/vmlinuz", "/efi.img"]),
    (None, "ISOIMAGE", ["/boot/grub/i386-pc/acpi.mod", "/live/filesystem.squashfs"]),
    (None, "CDROM", ["/boot/bzImage"]),
])
def test_discs_that_boot(kind, volume, paths):
    assert examine(volume, *paths, boots=("bios",)) == media.Medium(None, kind)


def test_ipxe_by_its_application():
    assert examine("ISOIMAGE", "/ipxe.krn", boots=("bios",), application_id="iPXE - open source network boot"
                                                                            " firmware").kind == "network boot (iPXE)"
