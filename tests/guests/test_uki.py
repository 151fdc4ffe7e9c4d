"""Unified kernel images: which files are, and what they say."""

from __future__ import annotations

import random

import pytest
from phony import PhonyFileSystem
from unified import unified

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests import bootmenu, kernels, uki
from imgbuild.guests.careful import Careful

OSREL = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'


def tree(files):
    return Careful(GuestTree(PhonyFileSystem(files, kind="fat32")))


def test_what_an_image_says():
    data = unified(osrel=OSREL, cmdline="root=LABEL=root ro\n\0", uname="6.1.0-18-amd64", initrd=b"cpio")
    (found,) = uki.find(tree({"/EFI/Linux/debian.efi": data}))
    assert found == uki.UnifiedImage("/EFI/Linux/debian.efi", "x86_64", OSREL, "root=LABEL=root ro", "6.1.0-18-amd64")


@pytest.mark.parametrize("path", ["/EFI/Linux/a.efi", "/efi/linux/A.EFI", "/EFI/Linux/bootc/a.efi",
                                  "/EFI/BOOT/BOOTX64.EFI"])
def test_where_images_lie(path):
    assert [image.path for image in uki.find(tree({path: unified(osrel=OSREL)}))] == [path]


@pytest.mark.parametrize("data", [b"", b"MZ", unified(linux=None, osrel=OSREL), b"\x7fELF", bytes(9000)])
def test_what_is_no_unified_image(data):
    assert uki.find(tree({"/EFI/Linux/a.efi": data})) == []


def test_the_first_section_of_a_name_counts():
    """Further ones belong to profiles; two names are made one here."""
    data = unified(cmdline="one", cmdlinf="two", osrel=OSREL).replace(b".cmdlinf", b".cmdline")
    assert uki.read(tree({"/a.efi": data}), "/a.efi").command_line == "one"


def test_systemd_boot_starts_the_newest_version_of_a_system():
    images = {f"/efi/EFI/Linux/{name}.efi": unified(osrel=f"ID=os\nIMAGE_VERSION={version}\n", uname=f"6.{version}")
              for name, version in (("b", "9"), ("a", "10"))}
    menu = bootmenu.read(tree(images))
    assert [entry.id for entry in menu.entries] == ["a.efi", "b.efi"]
    conf = {"/efi/loader/loader.conf": "default b.efi\n"}
    assert bootmenu.read(tree(images | conf)).default.id == "b.efi"


def test_the_kernels_of_a_guest_with_unified_images():
    files = {"/boot/EFI/Linux/arch.efi": unified(osrel="ID=arch\n", uname="6.8.7-arch1-1", cmdline="rw quiet"),
             "/usr/lib/modules/6.8.7-arch1-1/modules.dep": ""}
    (kernel,) = kernels.find(tree(files))
    assert (kernel.version, kernel.is_default, kernel.unified, kernel.initramfs) == ("6.8.7-arch1-1", True, True, None)
    assert (kernel.command_line, kernel.modules) == ("rw quiet", "/usr/lib/modules/6.8.7-arch1-1")


def test_mutants_give_an_image_or_none():
    chance = random.Random(6)  # noqa: S311 - a fixed set of cases
    whole = unified(osrel=OSREL, cmdline="ro", uname="6.1")
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(8):
            data[chance.randrange(0x400)] = chance.randrange(256)
        uki.find(tree({"/EFI/Linux/a.efi": bytes(data[: chance.randrange(len(data))])}))
