"""The names of real media: a table with what they install, and names that must not be taken for a system."""

import pytest
from medialabels import ROWS, header

from imgbuild.guests.media.volume import identify


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[3])
def test_the_name_of_a_medium_tells_its_system(row):
    system, version, machine, *fields = row
    found = identify(header(*fields))
    said = [value or "-" for value in ((found.id, found.version, found.architecture) if found else ("", "", ""))]
    assert said == [system, version, machine]


@pytest.mark.parametrize(("label", "release", "name", "variant"), [
    ("Debian 12.5.0 amd64 n", "12.5", "Debian GNU/Linux 12.5", None),
    ("Debian 6.0.5 i386 1", "6.0.5", "Debian GNU/Linux 6.0.5", None),
    ("Debian trixie-DI-rc1 amd64 n", None, "Debian GNU/Linux trixie", None),
    ("Ubuntu-Server 22.04.4 LTS amd64", "22.04.4", "Ubuntu 22.04.4 LTS", "server"),
    ("Xubuntu 23.10 amd64", "23.10", "Ubuntu 23.10", "xubuntu"),
    ("CentOS-7-x86_64-LiveGNOME-1708", "7.4.1708", "CentOS Linux 7.4.1708", None),
    ("CentOS-8-3-2011-x86_64-dvd", "8.3.2011", "CentOS Linux 8.3.2011", None),
    ("CentOS_6.5_Final", "6.5", "CentOS 6.5", None),
    ("CentOS-Stream-9-BaseOS-x86_64", None, "CentOS Stream 9", "stream"),
    ("AlmaLinux-Kitten-10-x86_64", None, "AlmaLinux 10", "kitten"),
    ("RHEL-7.2 Server.aarch64", "7.2", "Red Hat Enterprise Linux 7.2", "server"),
    ("Fedora-S-dvd-x86_64-39", None, "Fedora Linux 39", "server"),
    ("Fedora-SB-ostree-x86_64-37", None, "Fedora Linux 37", "silverblue"),
    ("fedora-coreos-39.20231101.3.0", None, "Fedora Linux 39", "coreos"),
    ("SLE-15-SP3-Online-x86_64187..001", "15-SP3", "SUSE Linux Enterprise 15 SP3", "unified-installer"),
    ("SLE-12-SP5-Server-DVD-aarch64037", "12-SP5", "SUSE Linux Enterprise Server 12 SP5", None),
    ("openEuler-22.03-LTS-SP3-x86_64", "22.03-LTS-SP3", "openEuler 22.03 (LTS-SP3)", None),
    ("openEuler-25.03-x86_64", "25.03", "openEuler 25.03", None),
    ("EulerOS-V2.0SP5-x86_64", "2.0-SP5", "EulerOS 2.0 (SP5)", None),
    ("Kylin-Server-V10-SP3-aarch64", "V10-SP3", "Kylin Linux Advanced Server V10 (SP3)", None),
    ("NeoKylin-Server-7.0-U5-x86_64", "V7-Update5", "NeoKylin Linux Advanced Server V7-Update5", None),
    ("14_2_RELEASE_AMD64_DVD", "14.2", "FreeBSD 14.2", None),
])
def test_release_name_and_variant(label, release, name, variant):
    found = identify(header(label))
    assert (found.release, found.name, found.variant) == (release, name, variant)
    assert found.source == f"volume name {label!r}"


@pytest.mark.parametrize("label", [
    None, "", "CDROM", "ISOIMAGE", "DATA_ONLY", "cidata", "config-2", "NEW", "Debian backup 3", "Ubuntu packages",
    "CentOS", "Fedora", "Fedora-Live-x86_64", "RHEL", "SLES", "OL", "EL-8", "Rocky", "Windows", "OFFICE14",
    "SQLFULL_ENU", "SW_DVD5_Office_Professional", "X64FRE_EN-US_DV9", "CCCOMA_X64FRE", "virtio-win-0.1.240",
    "MT86PLUS_64", "RESCUE1100", "OLD BACKUPS 9.4", "FC", "F-22 manual", "Kylin", "debian", "SL 7",
    "EulerOS-V2.0-x86_64", "NETBSD", "S13d1", "\x00\x1b[31m",
])
def test_other_names_tell_nothing(label):
    assert identify(header(label)) is None


def test_control_characters_of_a_name_are_not_passed_on():
    assert identify(header("Debian 12.5.0 amd64 \x1b[31mn")).source == "volume name 'Debian 12.5.0 amd64 [31mn'"


def test_old_names_stand_between_quotes():
    assert identify(header('"ALT Linux 5.0.2"')).version == "5.0.2"


def test_bsd_is_no_linux():
    assert {identify(header(label)).type for label in ("14_2_RELEASE_AMD64_DVD", "NETBSD_94", "DragonFly v5.0.1",
                                                       "OpenBSD/amd64   6.8 Install CD")} == {"Other"}
