"""The files on media that name the system: each as its makers write it, and what must not be taken for one."""

import pytest
from phony import PhonyFileSystem

from imgbuild.guests.media import files
from imgbuild.guests.media.disc import Disc

STREAM = """[header]
type = productmd.treeinfo
version = 1.2

[release]
name = CentOS Stream
short = CentOS-Stream
version = 9

[tree]
arch = aarch64
build_timestamp = 1700000000
"""
FEDORA = "[general]\narch = x86_64\nfamily = Fedora\nname = Fedora 26\nversion = 26\n"
RHEL = "[general]\nfamily: Red Hat Enterprise Linux\nversion: 8.1\narch: ppc64le\n"
CONTENT = """CONTENTSTYLE     11
DISTRO           cpe:/o:suse:sles:12:sp3,SUSE Linux Enterprise Server 12 SP3
LINGUAS          cs da de en
REGISTERPRODUCT  true
LABEL            SUSE Linux Enterprise Server 12 SP3
BASEARCHS        x86_64
"""
PRODUCTINFO = "Kylin Linux Advanced Server\nrelease V10 (SP1) /(Tercel)-x86_64-Build20/20210518\n"
FREEBSD = '#!/bin/sh\nset -e\nUSERLAND_VERSION="13.2-RELEASE-p1"\n: ${LOADER_DIR:=/boot}\n'
DEFINES = """#define DISKNAME  Ubuntu-Server 22.04.4 LTS "Jammy Jellyfish" - Release amd64
#define TYPE  binary
#define ARCH  amd64
"""


def disc(path, text):
    return Disc(lambda: PhonyFileSystem({path: text}))


@pytest.mark.parametrize(("expected", "path", "text"), [
    (("debian", "12", "12.11", "x86_64"), "/.disk/info",
     'Debian GNU/Linux 12.11.0 "Bookworm" - Official amd64 NETINST with firmware 20250517-09:52'),
    (("debian", "13", None, "aarch64"), "/.disk/info",
     'Debian GNU/Linux testing "Trixie" - Official Snapshot arm64 NETINST 20240101-12:00'),
    (("debian", None, None, "x86_64"), "/.disk/info", 'Debian GNU/Linux testing "Sid" - Unofficial amd64 NETINST'),
    (("ubuntu", "22.04", "22.04.4", "x86_64"), "/.disk/info",
     'Ubuntu-Server 22.04.4 LTS "Jammy Jellyfish" - Release amd64 (20240216.1)'),
    (("ubuntu", "18.04", "18.04", "x86_64"), "/.disk/info", 'Kubuntu 18.04 LTS "Bionic Beaver" - Release amd64 (2018)'),
    (("linuxmint", "21.2", "21.2", "x86_64"), "/.disk/info", 'Linux Mint 21.2 "Victoria" - Release amd64 20230711'),
    (("ubuntu", "22.04", "22.04.4", "x86_64"), "/README.diskdefines", DEFINES),
    (("centos", "9", None, "aarch64"), "/.treeinfo", STREAM),
    (("fedora", "26", None, "x86_64"), "/.treeinfo", FEDORA),
    (("rhel", "8.1", "8.1", "ppc64le"), "/.treeinfo", RHEL),
    (("openEuler", "22.03", "22.03-LTS-SP1", "x86_64"), "/.treeinfo",
     "[general]\nfamily = openEuler\nversion = 22.03-LTS-SP1\narch = x86_64\n"),
    (("kylin", "V10", None, "aarch64"), "/.treeinfo",
     "[general]\nfamily = Kylin Linux Advanced Server\nversion = V10\narch = aarch64\n"),
    (("rhel", "8.1", "8.1", "x86_64"), "/.discinfo", "1570742012.4\nRed Hat Enterprise Linux 8.1.0\nx86_64\n"),
    (("ol", "9.2", "9.2", "x86_64"), "/.discinfo", "1683847262.4\nOracle Linux 9.2.0\nx86_64\n1\n"),
    (("sles", "15.3", "15-SP3", "s390x"), "/media.1/media",
     "SUSE - SLE-15-SP3-Full-s390x-Build187.1-Media\nSLE-15-SP3-Full-s390x-Build187.1\n1\n"),
    (("opensuse-leap", "15.5", "15.5", "x86_64"), "/media.1/media",
     "openSUSE - openSUSE-Leap-15.5-DVD-x86_64-Build491.1-Media\nopenSUSE-Leap-15.5-DVD-x86_64-Build491.1\n2\n"),
    (("sles", "12.3", "12-SP3", "x86_64"), "/content", CONTENT),
    (("kylin", "V10", "V10-SP1", "x86_64"), "/.productinfo", PRODUCTINFO),
    (("neokylin", "V7", "V7-Update6", "x86_64"), "/.productinfo",
     "NeoKylin Linux Advanced Server\nrelease V7 Update6/(Chromium)-x86_64\n"),
    (("alpine", "3.19.0", "3.19.0", "x86_64"), "/.alpine-release", "alpine-virt-3.19.0-x86_64 231207\n"),
    (("arch", None, None, None), "/arch/version", "2024.02.01\n"),
    (("freebsd", "13.2", "13.2", None), "/bin/freebsd-version", FREEBSD),
])
def test_a_file_that_names_the_system(expected, path, text):
    found = list(files.sightings(disc(path, text)))
    assert [(system.id, system.version, system.release, system.architecture) for system in found] == [expected]
    assert found[0].source == path


@pytest.mark.parametrize(("path", "text"), [
    ("/.disk/info", ""), ("/.disk/info", "\x1b[31m"), ("/.disk/info", "My own disc 3"), ("/.disk/info", "Debian"),
    ("/.treeinfo", "[general]\nversion = 9\n"), ("/.treeinfo", "[general]\nfamily = Unheard\nversion = 9\n"),
    ("/.treeinfo", "[general]\nfamily = Fedora\n"), ("/.treeinfo", "not an INI"), ("/.discinfo", "1\n2\n3\n"),
    ("/.discinfo", "Red Hat Enterprise Linux 8.1"), ("/.discinfo", "1570742012.4\n39\nx86_64\n"),
    ("/media.1/media", "SUSE - \n\n\n"), ("/content", "LABEL  Something 3\n"), ("/arch/version", "latest"),
    ("/.treeinfo", "[general]\nfamily = EulerOS\nversion = 2.0\n"),
    ("/bin/freebsd-version", "USERLAND_VERSION=CURRENT"),
    ("/README.diskdefines", "#define ARCH amd64\n"), ("/content", "\0" * 5000),
])
def test_a_file_that_names_none(path, text):
    assert list(files.sightings(disc(path, text))) == []


EULEROS = """set timeout=60
menuentry 'Install EulerOS V2.0 (SP8)' --class fedora --class gnu-linux --class os {
\tlinux /images/pxeboot/vmlinuz inst.stage2=hd:LABEL=X quiet
}
menuentry 'Test this media & install EulerOS V2.0 (SP8)' --class fedora {
}
submenu 'Troubleshooting -->' {
\tmenuentry 'Rescue a EulerOS system' { }
}
"""
ISOLINUX = """menu title CentOS 7
label linux
  menu label ^Install CentOS 7
  kernel vmlinuz
label check
  menu label Test this ^media & install CentOS 7
  menu default
"""


@pytest.mark.parametrize(("expected", "path", "text"), [
    (("euleros", "2.0", "2.0-SP8"), "/EFI/BOOT/grub.cfg", EULEROS),
    (("centos", "7", None), "/isolinux/isolinux.cfg", ISOLINUX),
    (("kylin", "V10", None), "/boot/grub/grub.cfg",
    "menuentry 'Install Kylin Linux Advanced Server V10' --class red {"),
    (("openEuler", "22.03", "22.03"), "/EFI/BOOT/grub.cfg", 'menuentry "Install openEuler 22.03" {'),
    (("hce", "2.0", "2.0"), "/EFI/BOOT/grub.cfg", "menuentry 'Install Huawei Cloud EulerOS 2.0' {"),
    (("uos", "20", None), "/EFI/BOOT/grub.cfg", "menuentry 'Install UnionTech OS Server 20' {"),
])
def test_the_boot_menu(expected, path, text):
    found = files.by_menu(disc(path, text))
    assert (found.id, found.version, found.release) == expected
    assert found.source == path


@pytest.mark.parametrize("text", [
    "", "menuentry 'Install' {", "menuentry 'Install Debian 11' {\n}\nmenuentry 'Install Debian 12' {\n}",
    "menuentry 'CentOS 7 rescue' {", "menuentry 'Install Unheard 3' {", "# menuentry",
])
def test_a_menu_that_names_several_or_none(text):
    assert files.by_menu(disc("/boot/grub/grub.cfg", text)) is None


@pytest.mark.parametrize(("release", "text"), [
    ("7.9", "1604001756.2\n7.9\nx86_64"), (None, "1604001756.2\nFedora 39\nx86_64"), (None, "7.9"), (None, ""),
    (None, "1604001756.2\n39\nx86_64"),
])
def test_a_release_that_stands_alone(release, text):
    assert files.plain_release(disc("/.discinfo", text)) == release


def test_files_are_read_up_to_a_limit():
    tree = PhonyFileSystem({"/.disk/info": "x" * (1 << 20)})
    list(files.sightings(Disc(lambda: tree)))
    assert tree.reads == [("/.disk/info", 64 * 1024)]
