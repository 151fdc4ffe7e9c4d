"""Readiness checks on the drivers of disk and network."""

from __future__ import annotations

import msgspec
import pytest
from images import archives
from images.tree import cpio
from phonyguest import DEBIAN, view

from imgbuild.guests.drivers import DRIVERS
from imgbuild.guests.readiness.virtio import ide, scsi, virtio

RELEASE = "6.1.0-18-amd64"
MODULES = f"/usr/lib/modules/{RELEASE}"
INITRD = f"/boot/initrd.img-{RELEASE}"
PATHS = {name: f"drivers/{kind}/{name}" for name, (_, kind) in DRIVERS.items()}
DEP = "".join(f"kernel/{path}.ko:\n" for path in PATHS.values())
KERNEL = {f"/boot/vmlinuz-{RELEASE}": "MZ", f"{MODULES}/modules.dep": DEP, f"{MODULES}/modules.builtin": ""}
DISK = ("virtio", "virtio_ring", "virtio_pci", "virtio_blk")


def guest(*names, builtin=(), files=(), extra=None, **about):
    archive = cpio(dict.fromkeys(files, b"x") | archives.modules(*(PATHS[name] for name in names)))
    lists = {f"{MODULES}/modules.builtin": "".join(f"kernel/{PATHS[name]}.ko\n" for name in builtin)}
    return view(KERNEL | {INITRD: archive} | lists | (extra or {}), **about)


def test_all_in_the_initramfs():
    answer = virtio(guest(*DISK))
    assert (answer.status, answer.files) == ("pass", (INITRD,))
    assert answer.detail == (f"kernel {RELEASE} has virtio, virtio_ring, virtio_pci, virtio_blk in its initramfs,"
                             " virtio_net among its modules")


def test_all_built_in():
    answer = virtio(guest(builtin=[*DISK, "virtio_net"]))
    assert answer.detail == f"kernel {RELEASE} has virtio, virtio_ring, virtio_pci, virtio_blk, virtio_net built in"


@pytest.mark.parametrize(("packed", "detail"), [
    ((), "virtio, virtio_ring, virtio_pci and virtio_blk are neither built into kernel {} nor in its initramfs"),
    (DISK[:3], "virtio_blk is neither built into kernel {} nor in its initramfs"),
    (DISK[1:], "virtio is neither built into kernel {} nor in its initramfs"),
])
def test_a_disk_driver_that_is_missing(packed, detail):
    answer = virtio(guest(*packed))
    assert (answer.status, answer.detail) == ("fail", detail.format(RELEASE))
    assert [at.path for at in answer.places] == [INITRD]


def test_a_host_only_image_is_called_so():
    answer = virtio(guest(files=["usr/lib/dracut/hostonly-files"]))
    assert answer.detail.endswith("; it is a host-only image, with the drivers of the machine that made it")
    assert answer.cure == (f'dracut -f --add-drivers "{" ".join(DISK)} virtio_net virtio_scsi" {INITRD} {RELEASE}')


def test_no_initramfs():
    answer = virtio(view(KERNEL))
    assert answer.detail == ("virtio, virtio_ring, virtio_pci and virtio_blk are not built into"
                             f" kernel {RELEASE}, which has no initramfs")


def test_no_network_driver_at_all():
    without = {f"{MODULES}/modules.dep": DEP.replace("kernel/drivers/net/virtio_net.ko:\n", "")}
    answer = virtio(guest(*DISK, extra=without))
    assert answer.detail == f"kernel {RELEASE} has no driver virtio_net: its network is not found"


def test_the_default_kernel_decides():
    menu = "".join(f"menuentry '{name}' {{\n linux /boot/vmlinuz-{name} ro\n initrd /boot/initrd.img-{name}\n}}\n"
                   for name in (RELEASE, "6.1.0-20-amd64"))
    other = {path.replace(RELEASE, "6.1.0-20-amd64"): text for path, text in KERNEL.items()}
    files = other | {"/boot/grub/grub.cfg": menu, "/boot/initrd.img-6.1.0-20-amd64": cpio({"init": b""})}
    answer = virtio(guest(*DISK, extra=files))
    assert answer.status == "pass"
    assert answer.detail.endswith("; other kernels lack them: 6.1.0-20-amd64")
    files["/boot/grub/grub.cfg"] = "set default=1\n" + menu
    assert virtio(guest(*DISK, extra=files)).status == "fail"


@pytest.mark.parametrize(("about", "detail"), [
    ({"initramfs": False}, "initramfs files were not opened"),
    ({"extra": {INITRD: b"\x1f\x8b"}}, f"{INITRD} cannot be unpacked: its gzip data ends in the middle"),
    ({"extra": {f"{MODULES}/modules.builtin": None, f"{MODULES}/modules.dep": None}}, None),
])
def test_what_cannot_be_seen(about, detail):
    about = dict(about)
    files = KERNEL | {INITRD: cpio({"init": b""})} | about.pop("extra", {})
    answer = virtio(view({path: node for path, node in files.items() if node is not None}, **about))
    assert answer.status == "unknown"
    assert detail is None or answer.detail == detail


@pytest.mark.parametrize("check", [virtio, scsi, ide])
def test_no_kernel(check):
    assert check(view({})).detail == "no kernel was found"


def test_scsi():
    assert scsi(guest("virtio_scsi")).status == "pass"
    answer = scsi(guest(*DISK))
    assert (answer.status, answer.detail) == (
        "fail", f"virtio_scsi is neither built into kernel {RELEASE} nor in its initramfs")


def test_ide():
    assert ide(guest("ata_generic")).detail == f"kernel {RELEASE} has ata_generic in its initramfs"
    answer = ide(guest(*DISK))
    assert answer.detail == f"neither ata_piix nor ata_generic is built into kernel {RELEASE} or in its initramfs"
    assert "ata_piix ata_generic" in answer.cure
    cloud = {f"{MODULES}/modules.dep": "kernel/drivers/block/virtio_blk.ko:\n"}
    assert ide(guest(*DISK, extra=cloud)).cure is None


def test_other_machines():
    arm = msgspec.structs.replace(DEBIAN, architecture="aarch64")
    assert ide(guest(system=arm)).status == "not-applicable"
    assert virtio(guest(*DISK, system=arm)).status == "pass"
    assert virtio(guest(system=msgspec.structs.replace(DEBIAN, architecture="s390x"))).status == "not-applicable"


@pytest.mark.parametrize(("tool", "cure"), [
    ({"/usr/sbin/update-initramfs": "x"},
     "printf '%s\\n' virtio_blk virtio_net virtio_scsi >> /etc/initramfs-tools/modules; update-initramfs -u -k {0}"),
    ({"/usr/bin/dracut": "x"}, 'dracut -f --add-drivers "virtio_blk virtio_net virtio_scsi" {1} {0}'),
    ({"/usr/bin/mkinitcpio": "x"},
     "add virtio_blk virtio_net virtio_scsi to MODULES in /etc/mkinitcpio.conf; mkinitcpio -P"),
    ({"/sbin/mkinitfs": "x"}, "add virtio to features in /etc/mkinitfs/mkinitfs.conf; mkinitfs {0}"),
    ({"/sbin/mkinitrd": "x"}, "mkinitrd -f --with=virtio_blk --with=virtio_net --with=virtio_scsi {1} {0}"),
    ({"/sbin/mkinitrd": "x", "/etc/sysconfig/kernel": "x", "/etc/SuSE-release": "x"},
     "add virtio_blk virtio_net virtio_scsi to INITRD_MODULES in /etc/sysconfig/kernel; mkinitrd"),
])
def test_the_cure_is_for_the_tool_of_the_guest(tool, cure):
    assert virtio(guest(*DISK[:3], extra=tool)).cure == cure.format(RELEASE, INITRD)
