"""Which loader's menu counts, and where it is found."""

from __future__ import annotations

import pytest
from phony import Link, PhonyFileSystem

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests import bootmenu
from imgbuild.guests.careful import Careful

GRUB = "menuentry 'grub' {\n linux /vmlinuz\n}\n"
LEGACY = "title legacy\n kernel /vmlinuz\n"
EXTLINUX = "label extlinux\n linux /vmlinuz\n"
BLS = "title bls\nlinux /vmlinuz\n"
STUB = "search.fs_uuid 1 root\nconfigfile $prefix/grub.cfg\n"


def read(files):
    return bootmenu.read(Careful(GuestTree(PhonyFileSystem(files))))


@pytest.mark.parametrize(("files", "title"), [
    ({"/boot/grub/grub.cfg": GRUB}, "grub"), ({"/boot/grub2/grub.cfg": GRUB}, "grub"),
    ({"/boot/efi/EFI/redhat/grub.cfg": GRUB}, "grub"),
    ({"/boot/efi/EFI/debian/grub.cfg": STUB, "/boot/grub/grub.cfg": GRUB}, "grub"),
    ({"/boot/grub/menu.lst": LEGACY}, "legacy"),
    ({"/boot/grub/grub.conf": LEGACY, "/boot/grub/menu.lst": Link("grub.conf")}, "legacy"),
    ({"/boot/grub/menu.lst": LEGACY, "/boot/grub/grub.cfg": GRUB}, "grub"),
    ({"/boot/extlinux.conf": EXTLINUX}, "extlinux"), ({"/boot/extlinux/extlinux.conf": EXTLINUX}, "extlinux"),
    ({"/boot/loader/entries/a.conf": BLS, "/boot/grub2/grub.cfg": "blscfg\n"}, "bls"),
    ({"/boot/loader/entries/a.conf": BLS, "/boot/grub2/grub.cfg": GRUB}, "grub"),
    ({"/efi/loader/entries/a.conf": BLS, "/efi/loader/loader.conf": "default a.conf\n"}, "bls"),
    ({"/boot/loader": Link("loader.1"), "/boot/loader.1/entries/a.conf": BLS, "/boot/grub2/grub.cfg": STUB}, "bls"),
    ({"/etc/zipl.conf": "[zipl]\nimage=/boot/image\n"}, "zipl"),
])
def test_the_loader(files, title):
    assert read(files).default.title == title


@pytest.mark.parametrize("files", [{}, {"/boot/grub/grub.cfg": STUB}, {"/boot/grub/grub.cfg": "menuentry x {\n}\n"}])
def test_no_menu(files):
    assert read(files) is None


def test_the_environment_is_the_one_beside_the_menu():
    two = GRUB + GRUB.replace("'grub'", "'second'")
    saved = 'set default="${saved_entry}"\n' + two
    files = {"/boot/efi/EFI/centos/grub.cfg": saved, "/boot/grub2/grubenv": Link("../efi/EFI/centos/grubenv"),
             "/boot/efi/EFI/centos/grubenv": "# GRUB Environment Block\nsaved_entry=second\n####"}
    assert read(files).default.title == "second"
    files = {"/boot/grub2/grub.cfg": saved, "/boot/grub/grubenv": "saved_entry=second\n"}
    assert read(files).default.title == "second"


def test_an_entry_in_two_places_is_one():
    files = {"/boot/loader": Link("/efi/loader"), "/efi/loader/entries/a.conf": BLS}
    assert len(read(files).entries) == 1
