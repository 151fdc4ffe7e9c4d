"""GRUB's script: the menu it makes and the entry it starts."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from pace import ENDLESS, Clock
from tools import needs

from imgbuild.guests import grubcfg
from imgbuild.guests.bootentries import Entry
from imgbuild.guests.grubwords import statements, truth

MENUS = Path(__file__).parent / "menus"
DEBIAN = (MENUS / "debian-grub.cfg").read_text()
MENU = """
set default="${saved_entry}"
menuentry 'A' --id a { linux /a; initrd /ia }
menuentry "B" --class x --unrestricted { linux16 /b ro }
submenu More {
  menuentry 'C' --id=c { linuxefi /c
  }
  menuentry 'D' {
    linux /d
  }
}
menuentry 'Windows' { chainloader +1 }
"""
LINES = MENU.replace("{ ", "{\n").replace(" }", "\n}").replace("; ", "\n")


def parse(text, environment=None, **more):
    return grubcfg.parse(text, environment, **more)


def test_what_grub_mkconfig_writes_on_debian():
    menu = parse(DEBIAN, source="/boot/grub/grub.cfg")
    assert [entry.title for entry in menu.entries] == [
        "Debian GNU/Linux", "Debian GNU/Linux, with Linux 6.1.0-18-cloud-amd64",
        "Debian GNU/Linux, with Linux 6.1.0-18-cloud-amd64 (recovery mode)",
        "Debian GNU/Linux, with Linux 6.1.0-9-amd64", "UEFI Firmware Settings"]
    default = menu.default
    assert default is menu.entries[0] or default == menu.entries[0]
    assert default.linux == "/boot/vmlinuz-6.1.0-18-cloud-amd64"
    assert default.initrds == ("/boot/initrd.img-6.1.0-18-cloud-amd64",)
    assert default.options.startswith("root=PARTUUID=0d4d6a3f-01 ro console=tty0 console=ttyS0,115200")
    assert DEBIAN.split("\n")[default.line - 1].startswith("\tlinux\t/boot/vmlinuz-6.1.0-18-cloud-amd64 root=")
    assert default.id == "gnulinux-simple-8ae25b9d-3b4d-4c2f-9b3f-0d4d6a3f2e11"


@pytest.mark.parametrize(("default", "title"), [
    ("0", "Debian GNU/Linux"),
    ("1>0", "Debian GNU/Linux, with Linux 6.1.0-18-cloud-amd64"),
    ("1>2", "Debian GNU/Linux, with Linux 6.1.0-9-amd64"),
    ("Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 6.1.0-9-amd64",
     "Debian GNU/Linux, with Linux 6.1.0-9-amd64"),
    (("gnulinux-advanced-8ae25b9d-3b4d-4c2f-9b3f-0d4d6a3f2e11>"
     "gnulinux-6.1.0-9-amd64-advanced-8ae25b9d-3b4d-4c2f-9b3f-0d4d6a3f2e11"),
     "Debian GNU/Linux, with Linux 6.1.0-9-amd64"),
    ("no such entry", "Debian GNU/Linux"), ("99", "Debian GNU/Linux"), ("", "Debian GNU/Linux"),
    ("Debian GNU/Linux, with Linux 6.1.0-9-amd64", "Debian GNU/Linux"),
])
def test_how_a_default_is_named(default, title):
    """A title inside a submenu is not found without the submenu's; GRUB then starts the first entry."""
    text = DEBIAN.replace('set default="0"', f'set default="{default}"')
    assert parse(text).default.title == title


def test_a_default_that_is_a_submenu_is_not_known():
    assert parse(DEBIAN.replace('set default="0"', 'set default="1"')).default is None


@pytest.mark.parametrize(("environment", "title"), [
    ({}, "A"), ({"saved_entry": "B"}, "B"), ({"saved_entry": "a"}, "A"), ({"saved_entry": "2>1"}, "D"),
    ({"saved_entry": "More>c"}, "C"), ({"saved_entry": "3"}, "Windows"),
])
def test_the_saved_entry(environment, title):
    assert parse(LINES, environment).default.title == title


def test_the_next_entry_goes_before_the_saved_one():
    text = DEBIAN.replace('set default="0"', 'set default="${saved_entry}"')
    assert parse(text, {"next_entry": "1>2", "saved_entry": "0"}).default.title.endswith("6.1.0-9-amd64")


def test_all_commands_that_load():
    found = {entry.title: entry for entry in parse(LINES).entries}
    assert [found[title].linux for title in "ABCD"] == ["/a", "/b", "/c", "/d"]
    assert found["A"].initrds == ("/ia",)
    assert found["Windows"].linux is None


def test_a_script_without_a_menu():
    menu = parse("set root=(hd0,gpt1)\nlinux ($root)/vmlinuz root=/dev/vda2 quiet\ninitrd (hd0,gpt1)/initrd\nboot\n")
    assert menu.default == menu.entries[0]
    assert (menu.default.linux, menu.default.initrds, menu.default.options) == (
        "/vmlinuz", ("/initrd",), "root=/dev/vda2 quiet")


def test_a_file_that_hands_on_to_another_one_has_no_menu():
    stub = "search.fs_uuid 8ae25b9d root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
    assert parse(stub) is None
    assert parse("") is None


def test_xen_loads_the_kernel_as_a_module():
    text = ("menuentry 'XCP-ng' {\n multiboot2 /boot/xen.gz dom0_mem=1G\n"
            " module2 /boot/vmlinuz-4.19-xen root=LABEL=root ro\n module2 /boot/initrd-4.19-xen.img\n}\n")
    entry = parse(text).default
    assert (entry.linux, entry.options, entry.initrds) == (
        "/boot/vmlinuz-4.19-xen", "root=LABEL=root ro", ("/boot/initrd-4.19-xen.img",))


def test_blscfg_puts_the_entries_there_and_expands_their_variables():
    bls = (Entry("Two", "id-2", "/vmlinuz-2", ("/initramfs-2.img", "$tuned_initrd"), "$kernelopts ${tuned_params}"),
           Entry("One", "id-1", "/vmlinuz-1", ("/initramfs-1.img",), "$kernelopts"))
    text = ('set default="${saved_entry}"\nset tuned_params=""\nif [ -z "${kernelopts}" ]; then\n'
            '  set kernelopts="root=/dev/vda1 fallback"\nfi\ninsmod blscfg\nblscfg\n'
            "menuentry 'Last' {\n linux /last\n}\n")
    menu = parse(text, {"saved_entry": "id-1", "kernelopts": "root=UUID=1 ro"}, bls=bls)
    assert [entry.title for entry in menu.entries] == ["Two", "One", "Last"]
    assert (menu.default.title, menu.default.options) == ("One", "root=UUID=1 ro")
    assert menu.entries[0].initrds == ("/initramfs-2.img",)
    assert parse(text, {}, bls=bls).default.options == "root=/dev/vda1 fallback"


def test_insmod_blscfg_alone_lists_nothing():
    assert parse("insmod blscfg\n", bls=(Entry("One", "id-1", "/vmlinuz-1"),)) is None


def test_grubenv():
    lines = ("# GRUB Environment Block", "# WARNING: Do not edit", "saved_entry=a>b=c", "kernelopts=root=UUID=1 ro")
    block = "\n".join((*lines, "#" * 900))
    assert grubcfg.parse_environment(block) == {"saved_entry": "a>b=c", "kernelopts": "root=UUID=1 ro"}
    assert grubcfg.parse_environment("") == {}


@needs("grub-editenv")
def test_grubenv_as_grub_itself_writes_and_reads_it(tmp_path):
    block = tmp_path / "grubenv"
    values = {"saved_entry": "Advanced>Debian, with Linux 6.1", "kernelopts": r"root=UUID=1 back\slash", "one": "=#=",
              "empty": ""}
    subprocess.run(["grub-editenv", block, "create"], check=True)
    subprocess.run(["grub-editenv", block, "set", *(f"{name}={value}" for name, value in values.items())],
                   check=True)
    assert grubcfg.parse_environment(block.read_text()) == values


@needs("grub-script-check")
def test_the_sample_is_a_script_for_grub():
    subprocess.run(["grub-script-check", MENUS / "debian-grub.cfg"], check=True)


@pytest.mark.parametrize(("line", "found"), [
    ("a 'b c'\"d e\" f\\ g", [["a", "b cd e", "f g"]]), ("a; b;c", [["a"], ["b"], ["c"]]), ("# all", []),
    ("a # rest", [["a"]]), ("a b#c", [["a", "b#c"]]), ("x$v ${v}y '$v' \"$v\" $none '' ", [
        ["x1", "1y", "$v", "1", ""]]), ("a 'open", [["a", "open"]]), ('a "open', [["a", "open"]]),
    ('"a\\"b"', [['a"b']]), ("$", [["$"]]),
])
def test_words(line, found):
    assert statements(line, {"v": "1"}) == found


@pytest.mark.parametrize(("words", "result"), [
    (["[", "a", "]"], True), (["[", "", "]"], False), (["[", "]"], False), (["test", "-n", "a"], True),
    (["[", "-z", "", "]"], True), (["[", "-z", "a", "]"], False), (["[", "a", "=", "a", "]"], True),
    (["[", "a", "!=", "a", "]"], False), (["[", "-f", "/x", "]"], None), (["loadfont", "x"], None), ([], None),
])
def test_conditions(words, result):
    assert truth(words) is result


def test_the_platform_is_not_known():
    words = statements('[ "$grub_platform" = "efi" ]', {})[0]
    assert truth(words) is None


def test_garbage_gives_a_menu_or_none():
    chance = random.Random(4)  # noqa: S311 - a fixed set of cases
    for _ in range(300):
        data = bytearray(DEBIAN.encode())
        for _ in range(40):
            data[chance.randrange(len(data))] = chance.choice(b"{}'\"\\$;\n #>\x00\xff0")
        menu = parse(bytes(data[chance.randrange(2000):]).decode("utf-8", errors="replace"))
        assert menu is None or all(entry.title is not None for entry in menu.entries)


def test_no_nesting_is_too_deep_and_no_menu_too_long():
    parse("submenu a {\n" * 50_000 + "linux /x\n")
    parse("if [ a ]; then\n" * 50_000 + "linux /x\n")
    many = parse("menuentry a {\nlinux /x\n}\n" * 10_000)
    assert len(many.entries) == 512


def test_words_do_not_grow_without_end():
    doubled = "set a=" + "x" * 4000 + "\n" + "set a=$a$a\n" * 50
    menu = parse(doubled + "menuentry a {\nlinux /x " + "$a" * 4000 + "\ninitrd" + " /i" * 300 + "\n}\n")
    assert len(menu.default.options) <= 8192
    assert len(menu.default.initrds) == 16
    clock = Clock()
    parse('a"b"' * 250_000 + "\nlinux /x\n")
    parse(("linux " + 'a"b"' * 2_000 + "\n") * 120)
    assert clock.seconds() < ENDLESS


def test_a_number_of_many_digits_is_past_the_end():
    assert parse("set default=" + "1" * 6000 + "\n" + LINES).default.title == "A"
