"""Readiness checks on what the boot loader hands to the kernel."""

from __future__ import annotations

import msgspec
import pytest
from phonydisk import ESP, part, volume
from phonyguest import DEBIAN, view

from imgbuild.guests.readiness.bootline import by_uuid, console, on_this_disk

UUID = "11111111-2222-4333-8444-555555555555"
GONE = "7b1e55c0-0000-4000-8000-000000000000"
CFG = "/boot/grub/grub.cfg"
KERNEL = {"/boot/vmlinuz-6.1.0": "MZ"}


def entry(options, title="Linux"):
    return f"menuentry '{title}' {{\n linux /boot/vmlinuz-6.1.0 {options}\n}}\n"


def with_menu(text, path=CFG, **about):
    about = {"uuid": UUID, "label": "root"} | about
    return view(KERNEL | {path: text} | about.pop("files", {}), **about)


def places(answer):
    return [(at.path, at.line, at.soft) for at in answer.places]


@pytest.mark.parametrize("options", [
    f"root=UUID={UUID} ro", "root=LABEL=root", "root=PARTUUID=deadbeef-01", "root=/dev/mapper/vg0-root ro", "quiet ro",
    f"root=/dev/sda1 root=UUID={UUID}", f"root=/dev/disk/by-uuid/{UUID}"])
def test_names_that_stay(options):
    answer = by_uuid(with_menu(entry(options)))
    assert (answer.status, answer.files) == ("pass", (CFG,))


@pytest.mark.parametrize("spec", ["/dev/sda1", "/dev/vda1", "/dev/xvda1", "/dev/nvme0n1p1",
                                  "/dev/disk/by-id/ata-X-part1"])
def test_names_that_change(spec):
    answer = by_uuid(with_menu(entry(f"root={spec} ro")))
    assert answer.detail == f"the entry names the root {spec}, which changes with the bus or the disk"
    assert [(at.line, at.text) for at in answer.places] == [(2, f"linux /boot/vmlinuz-6.1.0 root={spec} ro")]


def test_entries_that_do_not_boot_by_default_are_soft():
    answer = by_uuid(with_menu(entry(f"root=UUID={UUID}") + entry("root=/dev/sda1", "old")))
    assert places(answer) == [(CFG, 5, True)]


@pytest.mark.parametrize(("path", "text"), [
    ("/boot/grub/menu.lst", "title Linux\nkernel /boot/vmlinuz-6.1.0 root=/dev/sda1\n"),
    ("/boot/extlinux/extlinux.conf", "LABEL a\nLINUX /boot/vmlinuz-6.1.0\nAPPEND root=/dev/sda1\n"),
    ("/boot/loader/entries/a.conf", "title Linux\nlinux /boot/vmlinuz-6.1.0\noptions root=/dev/sda1\n"),
])
def test_menus_of_other_loaders(path, text):
    answer = by_uuid(with_menu(text, path))
    assert (answer.status, answer.files) == ("fail", (path,))


@pytest.mark.parametrize("check", [by_uuid, on_this_disk, console])
def test_no_menu(check):
    assert check(view(KERNEL)).status == "unknown"


@pytest.mark.parametrize(("files", "cure"), [
    ({}, f"write root=UUID={UUID} into the entries of the boot loader's menu"),
    ({"/usr/sbin/update-grub": "x"},
     "update-grub (with UUIDs: GRUB_DISABLE_LINUX_UUID not set in /etc/default/grub); grub-install DISK"),
    ({"/usr/sbin/grubby": "x"}, f'grubby --update-kernel=ALL --args="root=UUID={UUID}"'),
    ({"/etc/default/grub": "x"},
     f"add root=UUID={UUID} to GRUB_CMDLINE_LINUX in /etc/default/grub; grub2-mkconfig -o /boot/grub2/grub.cfg"),
])
def test_the_cure_is_for_the_tools_of_the_guest(files, cure):
    assert by_uuid(with_menu(entry("root=/dev/sda1"), files=files)).cure == cure


@pytest.mark.parametrize("options", [
    f"root=UUID={UUID}", f"root=UUID={UUID} resume=/swapfile", "root=LABEL=root", "quiet", "root=/dev/sdb1",
    "root=ZFS=rpool/ROOT"])
def test_what_is_on_this_disk(options):
    """A kernel name has a rule of its own."""
    assert on_this_disk(with_menu(entry(options))).status == "pass"


@pytest.mark.parametrize("spec", [f"UUID={GONE}", "LABEL=other", "PARTUUID=deadbeef-09", "/dev/mapper/vg1-root"])
def test_a_root_that_is_elsewhere(spec):
    answer = on_this_disk(with_menu(entry(f"root={spec} ro")))
    assert answer.detail == f"root={spec} is on no partition of this disk (found: {UUID})"
    assert places(answer) == [(CFG, 2, False)]


def test_a_volume_that_dracut_waits_for():
    lines = [f"root=UUID={UUID} rd.lvm.lv=vg0/root rd.lvm.lv={group}/swap" for group in ("vg0", "cs")]
    others = [volume("vg0/root", {}), volume("vg0/swap", None)]
    assert on_this_disk(with_menu(entry(lines[0]), others=others)).status == "pass"
    answer = on_this_disk(with_menu(entry(lines[1]), others=others))
    assert answer.detail.startswith("rd.lvm.lv=/dev/cs/swap is on no partition of this disk")
    assert places(answer) == [(CFG, 2, False)]
    assert places(on_this_disk(with_menu(entry(lines[0]) + entry(lines[1], "old"), others=others))) == [(CFG, 5, True)]


def test_swap_space_to_resume_from_may_be_missing():
    answer = on_this_disk(with_menu(entry(f"root=UUID={UUID} resume=UUID={GONE}")))
    assert answer.detail == f"resume=UUID={GONE} is on no partition of this disk (found: {UUID})"
    assert places(answer) == [(CFG, 2, True)]


def test_what_may_be_where_nothing_can_be_seen():
    hidden = part(2, {}, "luks", readable=False)
    answer = on_this_disk(with_menu(entry(f"root=UUID={GONE}"), others=[hidden]))
    assert answer.detail == f"UUID={GONE} may be in a part of the disk that cannot be read"


@pytest.mark.parametrize("line", [
    f"search.fs_uuid {GONE} root hd0,gpt2", f"  search --no-floppy --fs-uuid --set=root {GONE}",
    f"search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2 {GONE}", f"search -u {GONE}"])
def test_grub_searches_for_what_is_elsewhere(line):
    answer = on_this_disk(with_menu(f"{line}\n" + entry(f"root=UUID={UUID}")))
    assert answer.detail == f"UUID={GONE} is on no partition of this disk (found: {UUID})"
    assert places(answer) == [(CFG, 1, False)]


@pytest.mark.parametrize("line", ["search --label boot --set prefix --no-floppy", "search --file --set=root /x",
                                  f"# search --fs-uuid {GONE}", "search --fs-uuid --set=root $bootuuid"])
def test_searches_that_say_no_identifier(line):
    assert on_this_disk(with_menu(f"{line}\n" + entry(f"root=UUID={UUID}"))).status == "pass"


@pytest.mark.parametrize("mounted", [True, False])
def test_the_stub_on_the_efi_system_partition(mounted):
    esp = part(2, {"/EFI/debian/grub.cfg": f"search.fs_uuid {GONE} root\nset prefix=($root)/boot/grub\n"}, "vfat",
               uuid="ABCD-1234", type="EFI system", type_id=ESP)
    fstab = {"/etc/fstab": "UUID=ABCD-1234 /boot/efi vfat defaults 0 0\n"} if mounted else {}
    answer = on_this_disk(with_menu(entry(f"root=UUID={UUID}"), others=[esp], files=fstab))
    path = "/boot/efi/EFI/debian/grub.cfg" if mounted else "partition 2:/EFI/debian/grub.cfg"
    assert [(at.path, at.line, at.text) for at in answer.places] == [(path, 1, f"search.fs_uuid {GONE} root")]


@pytest.mark.parametrize(("options", "status"), [
    ("console=tty0 console=ttyS0,115200n8", "pass"), ("console=ttyAMA0", "pass"), ("console=tty1", "fail"),
    ("quiet", "fail")])
def test_console(options, status):
    assert console(with_menu(entry(options))).status == status


def test_the_console_of_arm():
    arm = msgspec.structs.replace(DEBIAN, architecture="aarch64")
    answer = console(with_menu(entry("quiet"), system=arm))
    assert answer.detail == "the command line has no console=ttyAMA0"
    assert answer.cure == "write console=ttyAMA0 into the entries of the boot loader's menu"
