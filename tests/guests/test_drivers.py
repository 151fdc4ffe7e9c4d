"""Where a kernel has its drivers: built in, in its initramfs, among its modules, or nowhere."""

from __future__ import annotations

import pytest
from images import archives
from images.tree import cpio
from phonyguest import view
from unified import unified

from imgbuild.guests.drivers import DRIVERS

RELEASE = "6.1.0-18-amd64"
MODULES = f"/usr/lib/modules/{RELEASE}"
DEP = "".join(f"kernel/drivers/{kind}/{name}.ko.xz:\n" for name, (_, kind) in DRIVERS.items())
KERNEL = {f"/boot/vmlinuz-{RELEASE}": "MZ", f"{MODULES}/modules.dep": DEP, f"{MODULES}/modules.builtin": ""}
INITRD = f"/boot/initrd.img-{RELEASE}"


def first(files, **about):
    return view(files, **about).drivers[0]


def packed(*names, release=RELEASE):
    return cpio(archives.modules(*names, release=release))


@pytest.mark.parametrize(("files", "where"), [
    ({f"{MODULES}/modules.builtin": "kernel/drivers/block/virtio_blk.ko\n", INITRD: packed()}, "built in"),
    ({INITRD: packed("drivers/block/virtio_blk")}, "initramfs"),
    ({INITRD: packed("drivers/block/virtio-blk")}, "initramfs"),
    ({INITRD: packed("drivers/ata/ata_piix")}, "folder"),
    ({}, "folder"),
    ({f"{MODULES}/modules.dep": "kernel/fs/ext4/ext4.ko:\n", INITRD: packed()}, "nowhere"),
    ({INITRD: b"no archive"}, "unseen"),
    ({INITRD: packed("drivers/block/virtio_blk", "drivers/ata/ata_piix")[:-400]}, "initramfs"),
    ({INITRD: packed("drivers/ata/ata_piix")[:-400]}, "unseen"),
    ({INITRD: cpio({"squashfs-root.img": b"hsqs"})}, "unseen"),
])
def test_the_place_of_a_driver(files, where):
    assert first(KERNEL | files).early("virtio_blk") == where


def test_without_opening_archives():
    found = first(KERNEL | {INITRD: packed("drivers/block/virtio_blk")}, initramfs=False)
    assert (found.early("virtio_blk"), found.unseen) == ("unseen", "initramfs files were not opened")
    listed = {f"{MODULES}/modules.builtin": "kernel/drivers/block/virtio_blk.ko\n"}
    assert first(KERNEL | {INITRD: packed()} | listed, initramfs=False).early("virtio_blk") == "built in"


def test_a_driver_that_is_needed_later():
    assert first(KERNEL).later("virtio_net") == "folder"
    assert first(KERNEL | {f"{MODULES}/modules.dep": "kernel/fs/ext4/ext4.ko:\n"}).later("virtio_net") == "nowhere"
    assert first({f"/boot/vmlinuz-{RELEASE}": "MZ"}).later("virtio_net") == "unseen"


@pytest.mark.parametrize(("config", "where"), [
    ("CONFIG_VIRTIO=y\nCONFIG_VIRTIO_BLK=y\n", "built in"), ("CONFIG_VIRTIO_BLK=m\n", "folder"),
    ("# CONFIG_VIRTIO_BLK is not set\n", "folder")])
def test_the_configuration_of_a_kernel_without_lists(config, where):
    files = {f"/boot/vmlinuz-{RELEASE}": "MZ", f"/boot/config-{RELEASE}": config}
    assert first(files).early("virtio_blk") == where


def test_a_kernel_of_which_nothing_is_known():
    assert first({f"/boot/vmlinuz-{RELEASE}": "MZ"}).early("virtio_blk") == "unseen"


def test_modules_without_a_kernel_say_nothing_of_an_initramfs():
    files = {path: text for path, text in KERNEL.items() if path.startswith(MODULES)}
    assert first(files).early("virtio_blk") == "unseen"


def test_modules_that_no_list_names():
    files = {path: text for path, text in KERNEL.items() if not path.endswith("modules.dep")}
    found = first(files | {f"{MODULES}/kernel/drivers/net/virtio_net.ko.zst": "x"})
    assert (found.later("virtio_net"), found.early("virtio_blk")) == ("folder", "nowhere")


def test_the_initramfs_of_a_unified_kernel_image():
    image = unified(linux=b"x", uname=RELEASE.encode(), initrd=packed("drivers/block/virtio_blk"))
    files = {"/boot/EFI/Linux/linux.efi": image, **{path: KERNEL[path] for path in KERNEL if path.startswith(MODULES)}}
    found = first(files)
    assert found.kernel.unified
    assert (found.early("virtio_blk"), found.early("virtio_scsi")) == ("initramfs", "folder")


def test_the_kernel_that_boots_comes_first():
    menu = "set default=1\n" + "".join(
        f"menuentry '{release}' {{\n linux /boot/vmlinuz-{release} ro\n initrd /boot/initrd.img-{release}\n}}\n"
        for release in ("6.1.0-20-amd64", RELEASE))
    files = KERNEL | {"/boot/vmlinuz-6.1.0-20-amd64": "MZ", "/boot/grub/grub.cfg": menu, INITRD: packed()}
    assert [found.kernel.version for found in view(files).drivers] == [RELEASE, "6.1.0-20-amd64"]


def test_a_damaged_archive():
    found = first(KERNEL | {INITRD: packed()}, damaged_later=(INITRD,))
    assert found.early("virtio_blk") in {"unseen", "folder"}
