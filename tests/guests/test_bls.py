"""Entries of the Boot Loader Specification, and how GRUB and systemd-boot order them."""

from __future__ import annotations

import pytest

from imgbuild.guests.bls import for_grub, for_systemd_boot, parse_entry

FEDORA = """title Fedora Linux (6.8.5-301.fc40.x86_64) 40 (Cloud Edition)
version 6.8.5-301.fc40.x86_64
linux /boot/vmlinuz-6.8.5-301.fc40.x86_64
initrd /boot/initramfs-6.8.5-301.fc40.x86_64.img $tuned_initrd
options root=UUID=1 ro
options rootflags=subvol=root
# comment
grub_users $grub_users
grub_arg --unrestricted
grub_class fedora
"""
ID = "aa11-{}.x86_64"


def entry(name, text=""):
    return parse_entry(text or f"title {name}\nlinux /vmlinuz\n", f"/boot/loader/entries/{name}.conf")


def test_an_entry_of_fedora():
    found = parse_entry(FEDORA, "/boot/loader/entries/aa11-6.8.5-301.fc40.x86_64.conf").entry
    assert found.title == "Fedora Linux (6.8.5-301.fc40.x86_64) 40 (Cloud Edition)"
    assert found.id == "aa11-6.8.5-301.fc40.x86_64"
    assert found.linux == "/boot/vmlinuz-6.8.5-301.fc40.x86_64"
    assert found.initrds == ("/boot/initramfs-6.8.5-301.fc40.x86_64.img", "$tuned_initrd")
    assert found.options == "root=UUID=1 ro rootflags=subvol=root"
    assert found.line == 5


def test_tabs_several_initrds_and_a_device_tree():
    found = parse_entry("linux\t/a\ninitrd  /ucode.img\ninitrd /i.img\ndevicetree /d.dtb\n", "/x/entries/a.conf").entry
    assert (found.linux, found.initrds, found.devicetree, found.options) == (
        "/a", ("/ucode.img", "/i.img"), "/d.dtb", None)


def test_boot_counters_are_no_part_of_the_name():
    assert entry("arch+3-1").entry.id == "arch"


@pytest.mark.parametrize(("names", "order"), [
    (["5.14.0-70.el9", "5.14.0-427.el9", "0-rescue"], ["5.14.0-427.el9", "5.14.0-70.el9", "0-rescue"]),
    (["4.18.0-80.el8", "4.18.0-80.1.2.el8_0"], ["4.18.0-80.1.2.el8_0", "4.18.0-80.el8"]),
    (["6.8.0~rc1", "6.8.0"], ["6.8.0", "6.8.0~rc1"]),
])
def test_grub_lists_the_newest_first(names, order):
    found = for_grub([entry(ID.format(name)) for name in names])
    assert [one.id for one in found] == [ID.format(name) for name in order]


@pytest.mark.parametrize(("conf", "chosen"), [
    ("default arch.conf\ntimeout 3\n", "arch"), ("default arch\n", "arch"), ("default  ARCH*\n", "arch"),
    ("timeout 3\n", "zen"), ("", "zen"), ("default gone.conf\n", "zen"), ("#default arch.conf\n", "zen"),
    ("default lts.conf\ndefault arch.conf\n", "arch"),
])
def test_the_default_of_systemd_boot(conf, chosen):
    assert for_systemd_boot([entry(name) for name in ("arch", "lts", "zen")], conf).default.id == chosen


def test_a_default_kept_in_the_firmware_is_not_known():
    assert for_systemd_boot([entry("a"), entry("b")], "default @saved\n").default is None


def test_systemd_boot_goes_by_sort_key_then_by_the_newest_version():
    texts = {"x-5": "sort-key debian\nversion 5.10\nlinux /a\n", "x-6": "sort-key debian\nversion 6.1\nlinux /b\n",
             "y": "sort-key arch\nversion 1\nlinux /c\n", "zzz": "version 9\nlinux /d\n"}
    menu = for_systemd_boot([entry(name, text) for name, text in texts.items()], "")
    assert [one.id for one in menu.entries] == ["y", "x-6", "x-5", "zzz"]
