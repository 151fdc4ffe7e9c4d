"""Whole media: what the name and the files of a disc say together."""

import pytest
from phony import PhonyFileSystem

from imgbuild.guests import media
from imgbuild.readers import broken

TREEINFO = ("[general]\nfamily = Rocky Linux\nversion = 9.4\narch = x86_64\n"
            "[release]\nname = Rocky Linux\nversion = 9.4\n")
DEBIAN = 'Debian GNU/Linux 12.11.0 "Bookworm" - Official amd64 NETINST with firmware 20250517-09:52\n'
BOOTS = ("bios", "uefi")


def examine(volume=None, tree=None, *, boots=BOOTS, **fields):
    header = {"volume_id": volume, "boot_platforms": list(boots), **fields}
    return media.examine(header, lambda: PhonyFileSystem(tree or {"/x": ""}, kind="iso9660"))


def words(medium):
    system = medium.system
    return None if system is None else (system.id, system.version, system.release, system.architecture, system.source)


def test_the_name_of_the_volume_speaks_first():
    found = examine("Debian 12.11.0 amd64 n", {"/.disk/info": DEBIAN, "/.treeinfo": TREEINFO})
    assert words(found) == ("debian", "12", "12.11", "x86_64",
                            "installation medium, volume name 'Debian 12.11.0 amd64 n'")
    assert found.kind == "installation medium"


def test_files_speak_where_the_name_says_nothing():
    found = examine("MY_ISO", {"/.treeinfo": TREEINFO})
    assert words(found) == ("rocky", "9.4", "9.4", "x86_64", "installation medium, /.treeinfo")


def test_files_that_contradict_each_other_say_nothing():
    assert examine("MY_ISO", {"/.disk/info": DEBIAN, "/.treeinfo": TREEINFO}) == media.Medium()


def test_files_on_a_disc_that_does_not_boot_are_data():
    assert examine("MY_ISO", {"/.treeinfo": TREEINFO}, boots=()) == media.Medium(None, "data")


def test_the_name_counts_on_a_disc_that_does_not_boot():
    assert words(examine("Fedora 10 i386 Disc 3", boots=()))[:2] == ("fedora", "10")


def test_files_add_what_the_name_leaves_out():
    assert words(examine("CentOS_6.5_Final", {"/.discinfo": "1385726732.061157\n6.5\nx86_64\n"}))[:4] == (
        "centos", "6", "6.5", None)
    found = examine("CentOS 7 x86_64", {"/.discinfo": "1604001756.236165\n7.9\nx86_64\n"})
    assert words(found)[:4] == ("centos", "7", "7.9", "x86_64")
    assert found.system.name == "CentOS Linux 7.9"
    found = examine("RHEL-9-BaseOS-x86_64", {"/.discinfo": "1651234567.1\nRed Hat Enterprise Linux 9.0\nx86_64\n"})
    assert words(found)[:3] == ("rhel", "9.0", "9.0")


def test_another_system_in_the_files_adds_nothing():
    found = examine("CentOS-Stream-9-BaseOS-x86_64", {"/.treeinfo": TREEINFO.replace("Rocky Linux", "CentOS Linux")})
    assert (words(found)[:3], found.system.variant) == (("centos", "9", None), "stream")


@pytest.mark.parametrize(("machine", "files"), [
    ("x86_64", ["BOOTX64.EFI"]), ("aarch64", ["bootaa64.efi", "grubaa64.efi"]), (None, ["BOOTX64.EFI", "BOOTIA32.EFI"]),
    (None, ["BOOTX64.EFI", "BOOTAA64.EFI"]), (None, []),
])
def test_the_machine_by_the_only_loader(machine, files):
    tree = {f"/EFI/BOOT/{name}": "MZ" for name in files} or {"/x": ""}
    assert examine("CentOS_6.5_Final", tree).system.architecture == machine


@pytest.mark.parametrize(("kind", "volume", "tree"), [
    ("live medium", "Fedora-WS-Live-39-1-5", {"/x": ""}),
    ("live medium", "d-live 12.5.0 gn amd64", {"/x": ""}),
    ("live medium", "Ubuntu 22.04.4 LTS amd64", {"/casper/vmlinuz": ""}),
    ("installation medium", "Fedora-S-dvd-x86_64-39", {"/images/pxeboot/vmlinuz": "", "/LiveOS/squashfs.img": ""}),
    ("installation medium", "Debian 12.5.0 amd64 n", {"/install.amd/vmlinuz": ""}),
])
def test_live_media_are_named(kind, volume, tree):
    assert examine(volume, tree).kind == kind


def test_a_tree_that_cannot_be_opened_costs_the_files_only():
    def opener():
        raise broken("filesystem-damaged", "no root directory")

    found = media.examine({"volume_id": "Debian 12.5.0 amd64 n", "boot_platforms": ["bios"]}, opener)
    assert words(found)[:2] == ("debian", "12")
    assert media.examine({"volume_id": "MY_ISO", "boot_platforms": ["bios"]}, opener) == media.Medium()
    assert media.examine({}, lambda: None) == media.Medium(None, "data")


def test_damage_on_the_way_is_passed_over():
    header = {"volume_id": "MY_ISO", "boot_platforms": ["bios"]}
    tree = PhonyFileSystem({"/.disk/info": DEBIAN, "/.treeinfo": TREEINFO}, damaged=("/.disk/info",))
    assert words(media.examine(header, lambda: tree))[:2] == ("rocky", "9.4")
