"""From a guest's system to the catalogue's spelling: the order of the design, and what must never match."""

import pytest

from imgbuild.clouds.systems import closest_entry, match_system
from imgbuild.model import OperatingSystem
from imgbuild.profiles import Catalogue, CatalogueEntry
from imgbuild.rulebook import load_profile

PROFILE = load_profile("huaweicloud")


def entry(spelling, system, version, **other):
    values = {"variant": None, "platform": "Other", "os_type": "Linux", "bits": 64, "architecture": "x86",
              "usable": "yes", "clouds": ("huaweicloud",), "uefi": "not-listed", "prefer": None,
              "sources": ("hw-table",)}
    return CatalogueEntry(os_version=spelling, id=system, version=version, **(values | other))


def guest(system, version, release=None, **other):
    values = {"type": "Linux", "name": system, "architecture": "x86_64", "bits": 64}
    return OperatingSystem(id=system, version=version, release=release, **(values | other))


def windows(spelling, version, edition=None, **other):
    return entry(spelling, "windows", version, variant=edition, os_type="Windows", **other)


def windows_guest(version, release, edition, **other):
    return guest("windows", version, release, type="Windows", edition=edition, **other)


LISTED = Catalogue((
    entry("CentOS 7 64bit", "centos", "7"),
    entry("CentOS 7.9 64bit", "centos", "7.9"),
    entry("CentOS 7.6 64bit", "centos", "7.6"),
    entry("CentOS 7.9 32bit", "centos", "7.9", bits=32),
    entry("CentOS Stream 9 64bit", "centos", "9", variant="stream"),
    entry("Debian 12.0.0 64bit", "debian", "12.0.0", usable="unproven", prefer="Debian GNU/Linux 12.0.0 64bit"),
    entry("Debian GNU/Linux 12.0.0 64bit", "debian", "12.0.0", clouds=("otc",), usable="likely"),
    entry("Debian GNU/Linux 11.5.0 64bit", "debian", "11.5.0", clouds=("otc",)),
    entry("Ubuntu 22.04 server 64bit", "ubuntu", "22.04"),
    entry("Ubuntu 22.04 Server 64bit", "ubuntu", "22.04", prefer="Ubuntu 22.04 server 64bit"),
    entry("Ubuntu 16.04.6 server 64bit", "ubuntu", "16.04.6"),
    entry("Ubuntu 16.04 server 64bit", "ubuntu", "16.04"),
    entry("SUSE Linux Enterprise Server 15 SP3 64bit", "sles", "15.3"),
    entry("openSUSE 42.3 64bit", "opensuse", "42.3"),
    entry("openEuler 20.03 64bit with ARM", "openEuler", "20.03", architecture="arm", usable="unproven"),
    entry("openEuler 20.03 64bit", "openEuler", "20.03"),
    entry("openEuler 20.03 SP1 64bit", "openEuler", "20.03", variant="SP1"),
    entry("openEuler 20.03 SP3 64bit", "openEuler", "20.03", variant="SP3"),
    entry("openSUSE 15.3 64bit", "opensuse", "15.3"),
    entry("Oracle 9.0.0 64bit", "ol", "9.0.0"),
    entry("CoreOS 1298.6.0 64bit", "coreos", "1298.6.0"),
    windows("Windows 10 64bit", "10"),
    windows("Windows 7 Professional 32bit", "7", "Professional", bits=32),
    windows("Windows Server 2008 R2 WEB 64bit", "2008 R2", "WEB"),
    windows("Windows Server 2012 Standard 64bit", "2012", "Standard"),
    windows("Windows Server 2012 R2 Standard 64bit", "2012 R2", "Standard"),
    windows("Windows Server 2022 Datacenter 64bit", "2022", "Datacenter"),
    windows("Windows Server 2022 Standard 64bit", "2022", "Standard"),
))


@pytest.mark.parametrize(("grade", "spelling", "system"), [
    ("exact", "Ubuntu 22.04 server 64bit", guest("ubuntu", "22.04", "22.04.4")),
    ("exact", "Ubuntu 16.04.6 server 64bit", guest("ubuntu", "16.04", "16.04.6")),
    ("exact", "Ubuntu 16.04 server 64bit", guest("ubuntu", "16.04", "16.04.2")),
    ("exact", "CentOS 7.9 64bit", guest("centos", "7", "7.9.2009")),
    ("exact", "CentOS 7 64bit", guest("centos", "7")),
    ("exact", "CentOS Stream 9 64bit", guest("centos", "9", name="CentOS Stream 9")),
    ("exact", "SUSE Linux Enterprise Server 15 SP3 64bit", guest("sles", "15.3")),
    ("exact", "SUSE Linux Enterprise Server 15 SP3 64bit", guest("sles", "15.3", "15-SP3")),
    ("near", "SUSE Linux Enterprise Server 15 SP3 64bit", guest("sles", "15.5")),
    ("near", "SUSE Linux Enterprise Server 15 SP3 64bit", guest("sles", "15.7", "15-SP7")),
    ("near", "SUSE Linux Enterprise Server 15 SP3 64bit", guest("sles_sap", "15.3", "15-SP3")),
    ("exact", "openEuler 20.03 64bit", guest("openEuler", "20.03", "20.03-LTS")),
    ("exact", "openEuler 20.03 SP1 64bit", guest("openEuler", "20.03", "20.03-LTS-SP1")),
    ("exact", "openEuler 20.03 64bit", guest("openEuler", "20.03", "20.03-LTS-SP4")),
    ("near", "openSUSE 15.3 64bit", guest("opensuse-leap", "15.6", "15.6")),
    ("sister", "Debian GNU/Linux 12.0.0 64bit", guest("debian", "12", "12.0")),
    ("exact", "CoreOS 1298.6.0 64bit", guest("coreos", "1298.6.0")),
    ("exact", "Oracle 9.0.0 64bit", guest("ol", "9.0")),
    ("sister", "Debian GNU/Linux 12.0.0 64bit", guest("debian", "12", "12.5")),
    ("sister", "Debian GNU/Linux 11.5.0 64bit", guest("debian", "11", "11.9")),
    ("exact", "Windows 10 64bit", windows_guest("10", "10.0.19045.3803", "Professional")),
    ("exact", "Windows 7 Professional 32bit", windows_guest("7", "6.1.7601 Service Pack 1", "Professional", bits=32)),
    ("exact", "Windows Server 2008 R2 WEB 64bit", windows_guest("2008 R2", "6.1.7601", "Web")),
    ("exact", "Windows Server 2012 Standard 64bit", windows_guest("2012", "6.2.9200", "Standard")),
    ("exact", "Windows Server 2012 R2 Standard 64bit", windows_guest("2012 R2", "6.3.9600", "Standard")),
    ("near", "Windows Server 2012 R2 Standard 64bit", windows_guest("2012 R2", "6.3.9600", "Datacenter")),
    ("exact", "Windows Server 2022 Datacenter 64bit",
     windows_guest("2022", "10.0.20348.1", "Datacenter: Azure Edition")),
])
def test_the_best_entry_is_found(grade, spelling, system):
    match = match_system(system, LISTED, PROFILE)
    assert (match.grade, match.entry.os_version) == (grade, spelling)


@pytest.mark.parametrize("system", [
    pytest.param(guest("ubuntu", "22.10"), id="another half year of Ubuntu"),
    pytest.param(guest("debian", "13"), id="another major version"),
    pytest.param(guest("centos", "9"), id="CentOS is not CentOS Stream"),
    pytest.param(guest("centos", "7", "7.9.2009", name="CentOS Stream 7"), id="CentOS Stream is not CentOS"),
    pytest.param(guest("opensuse-tumbleweed", "20240101"), id="Tumbleweed is not 42.3"),
    pytest.param(guest("centos", "7", "7.9.2009", architecture="aarch64"), id="arm takes no x86 name"),
    pytest.param(guest("almalinux", "10", variant="kitten"), id="a preview that calls itself AlmaLinux"),
    pytest.param(guest("ubuntu", "22.04", bits=32, architecture="x86"), id="32 bit takes no 64 bit name"),
    pytest.param(guest("fedora", "39", variant="coreos"), id="Fedora CoreOS is not CoreOS 1298"),
    pytest.param(guest("sles", None), id="a version that is not known"),
    pytest.param(guest(None, None), id="a system without an id"),
    pytest.param(windows_guest("11", "10.0.22631.2861", "Professional"), id="Windows 11 is not Windows 10"),
    pytest.param(windows_guest("2019", "10.0.17763.1", "Standard"), id="a server is no client of the same numbers"),
    pytest.param(windows_guest("1909", "10.0.18363.1", "Datacenter"), id="a release twice a year"),
    pytest.param(windows_guest(None, None, None), id="a Windows that is not known"),
])
def test_what_is_nearly_right_is_not_taken(system):
    assert match_system(system, LISTED, PROFILE).grade == "none"


def test_this_cloud_comes_before_its_sisters():
    both = Catalogue((entry("X 9.4", "rocky", "9.4", clouds=("otc",)), entry("X 9.1", "rocky", "9.1")))
    assert match_system(guest("rocky", "9.4"), both, PROFILE).entry.os_version == "X 9.1"


def test_the_closest_entry_is_for_messages_only():
    assert closest_entry(guest("debian", "13", "13.1"), LISTED).version == "12.0.0"
    assert closest_entry(guest("guix", "1"), LISTED) is None
