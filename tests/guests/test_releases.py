"""The words in release files; whole systems are in test_linux.py."""

from __future__ import annotations

import pytest
from phony import PhonyFileSystem

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests.careful import Careful
from imgbuild.guests.names import identify
from imgbuild.guests.releaselines import kyinfo
from imgbuild.guests.releases import PATHS, derive, extension_of, pack_of


def words(**files):
    tree = {f"/etc/{name.replace('__', '-')}": text for name, text in files.items()}
    return derive(Careful(GuestTree(PhonyFileSystem(tree))))


@pytest.mark.parametrize(("version", "text", "longer"), [
    ("7", "CentOS Linux release 7.9.2009 (Core)", "7.9.2009"), ("7", "CentOS Linux release 17.9", None),
    ("7", "release 7 (Core)", None),
    ("22.04", "Ubuntu 22.04.4 LTS", "22.04.4"), ("22.04", "Ubuntu 22x04.4", None), ("3", "3.2104 U12", "3.2104"),
    ("3", "2.3.4", None),
    ("3.0", "3.0.20241005", "3.0.20241005"), ("7", "7.9rc", None), (".*", "a.b.1", None),
])
def test_extension_of(version, text, longer):
    assert extension_of(version, text) == longer


@pytest.mark.parametrize(("version", "text", "pack"), [
    ("15", "15-SP5", "15-SP5"), ("2.0", "2.0 (SP9x86_64)", "2.0-SP9"), ("20.03", "20.03 (LTS-SP1)", "20.03-LTS-SP1"),
    ("V10", "Kylin V10 SP1", "V10-SP1"), ("15", "SUSE Linux Enterprise Server 15 SP 5", "15-SP5"),
    ("V7Update6", "V7Update6 (Chromium)", "V7-Update6"), ("V10", "V10 (SP3) 2403/(Halberd)", "V10-SP3-2403"),
    ("1", "WASP5", None), ("1", "SP", None),
])
def test_pack_of(version, text, pack):
    assert pack_of(version, text) == pack


@pytest.mark.parametrize(("text", "word"), [
    ("Red Hat Enterprise Linux Server release 6.10 (Santiago)", "rhel"), ("Red Hat Linux release 9 (Shrike)", "rhl"),
    ("CentOS Stream release 9", "centos"), ("centos linux", "centos"), ("Oracle Linux Server release 6.5", "ol"),
    ("openEuler release 20.03 (LTS-SP1)", "openEuler"), ("EulerOS release 2.0", "euleros"),
    ("Huawei Cloud EulerOS release 2.0", "hce"),
    ("NeoKylin Linux Advanced Server", "neokylin"), ("Kylin Linux", "kylin"), ("SUSE LINUX 10.1", "suse"),
    ("openSUSE 13.1", "opensuse"),
    ("Debian GNU/Linux", "debian"), ("Archcraft", None), ("Unheard Of Linux release 1", None), ("", None),
])
def test_names(text, word):
    assert identify(text) == word


@pytest.mark.parametrize("text", [
    "", "\n\n", "release 7", "Unheard", "NAME=Unheard Of Linux", "# Unheard Of Linux", "\x00" * 50])
def test_lines_that_say_nothing(text):
    assert words(redhat__release=text) is None


@pytest.mark.parametrize(("file", "text", "word"), [
    ("redhat__release", "Unheard Of Linux release 7.1", None), ("unheard__release", "Unheard Of Linux 7.1", "unheard"),
    ("Unheard__release", "UNHEARD Linux 7.1 (Of)", "unheard"), ("unheard__release", "Of Linux 7.1", None),
    ("unheard_version", "Unheard Linux", None), ("unheard_version", "Unheard 7", "unheard")])
def test_a_file_in_no_table_names_the_system(file, text, word):
    found = words(**{file: text})
    assert (found.id, found.name) == (word, text)


@pytest.mark.parametrize(("files", "word"), [
    ({"unheard__release": "Unheard Linux 1", "debian_version": "6.0.1"}, "unheard"),
    ({"unheard__release": "Unheard Linux 1", "centos__release": "CentOS release 6.5 (Final)"}, "unheard"),
    ({"unheard__release": "Of Linux 1", "redhat__release": "CentOS release 6.5 (Final)"}, "centos"),
    ({"unheard_version": "Unheard 1", "redhat__release": "CentOS release 6.5 (Final)"}, "centos"),
    ({"unheard__release": "Unheard Linux 1", "oracle__release": "Oracle Linux Server release 5.11"}, "ol"),
    ({"unheard__release": "Unheard Linux 1", "lsb__release": "DISTRIB_ID=Ubuntu\n"}, "ubuntu"),
])
def test_a_derivative_that_keeps_the_files_of_its_parent(files, word):
    assert words(**files).id == word


@pytest.mark.parametrize(("text", "name"), [
    ("Debian GNU/Linux 6.0 \\n \\l\n", "Debian GNU/Linux 6.0"), ("\n\nWelcome to openSUSE 11.4 - Kernel \\r (\\l).\n",
     "openSUSE 11.4"), ("Authorized users only\n", None), ("Unheard Of Linux 7\n", None), ("", None)])
def test_what_people_are_greeted_with(text, name):
    found = words(issue=text)
    assert (found.name if found else None) == name


def test_a_damaged_etc_is_noted():
    tree = Careful(GuestTree(PhonyFileSystem({"/etc/redhat-release": "CentOS release 6"}, damaged=("/etc",))))
    assert derive(tree) is None
    assert [problem.code for problem in tree.problems] == ["filesystem-damaged"]


@pytest.mark.parametrize(("system", "edition", "exact"), [
    ("UnionTech OS Server", "e", "20-9e"), ("UnionTech OS Desktop", "Professional", "20-9"), ("Deepin", "Community",
                                                                                            "20.9")])
def test_os_version(system, edition, exact):
    found = words(os__version=f"[Version]\r\nSystemName={system}\r\nEditionName={edition}\r\nMajorVersion=20\r\n"
                              "MinorVersion=9\r\n")
    assert (found.version, found.release) == ("20", exact)


@pytest.mark.parametrize(("text", "release"), [
    ("dist_id=Kylin-Server-10-SP1-Release-Build04-20200711-arm64-2020", "V10-SP1"),
    ("dist_id=Kylin-Desktop-V10-SP1-Release-2107-loongarch64-2021-09-22 12:03:40", "V10-SP1"),
    ("dist_id=Kylin-Desktop-V10-SP1-2403-update1-EDU-Release-20240914-LoongArch64", "V10-SP1-2403"),
    ("dist_id=Kylin-Desktop-V11-2603-Release-20260228-X86_64", None),
    ("dist_id=Kylin-4.0.2-server-sp2-2000-19080415.Z1-arm64", None), ("", None)])
def test_kyinfo(text, release):
    found = kyinfo("[dist]\n" + text + "\n")
    assert (found.release if found else None) == release


@pytest.mark.parametrize("text", ["", "LSB_VERSION=base-4.0-amd64:core-4.0-amd64\n", "DISTRIB_RELEASE=7\n"])
def test_an_lsb_release_without_distributor_says_nothing(text):
    assert words(lsb__release=text) is None


def test_a_distributor_that_is_not_known_keeps_its_name_in_small_letters():
    found = words(lsb__release="DISTRIB_ID=Some Linux\nDISTRIB_RELEASE=rolling\n")
    assert found[:4] == ("somelinux", None, None, "Some Linux rolling")


def test_a_debian_version_that_is_no_word_is_not_shown():
    assert words(debian_version="\x1b[2J x y").name == "Debian GNU/Linux"


def test_every_path_is_under_etc_and_asked_once():
    assert all(path.startswith("/etc/") for path in PATHS)
    assert len(set(PATHS)) == len(PATHS)
