"""Every spelling of the catalogue: the very system it stands for leads back to it on its own cloud."""

import msgspec
import pytest

from imgbuild.clouds.systems import match_system
from imgbuild.model import OperatingSystem
from imgbuild.numbering import is_same_system, major_version, version_numbers
from imgbuild.profiles import Catalogue
from imgbuild.rulebook import load_profile
from imgbuild.rulebook.catalogue import read_catalogue

ENTRIES = read_catalogue()[0].entries
CATALOGUE = Catalogue(ENTRIES)
PROFILE = load_profile("huaweicloud")


def words(entry):
    """Return version and release as such a guest says them."""
    version, variant = entry.version, entry.variant
    numbers = (version or "").split(".")
    longer = version if numbers[1:] else None
    styles = {
        "debian": lambda: (numbers[0], longer and longer.removesuffix(".0") if numbers[2:] == ["0"] else longer),
        "centos": lambda: (numbers[0], longer), "ubuntu": lambda: (".".join(numbers[:2]), version),
        "sles": lambda: (version, f"{numbers[0]}-SP{numbers[1]}" if longer else None),
        "euleros": lambda: ("2.0", f"2.0-SP{numbers[1]}"),
        "openEuler": lambda: (version, f"{version}-LTS" + (f"-{variant}" if variant else "")),
        "neokylin": lambda: (f"V{numbers[0]}", f"V{numbers[0]}-Update{variant[1]}") if variant else (version, longer),
        "windows": lambda: (version, None),
    }
    return styles.get(entry.id, lambda: (version, longer))()


def guest_of(entry):
    """Return the system that the entry stands for."""
    version, release = words(entry)
    machine = "aarch64" if entry.architecture == "arm" else "x86_64" if entry.bits == 64 else "x86"
    edition = entry.variant or "Professional" if entry.id == "windows" else None
    stream = entry.id == "centos" and entry.variant == "stream"
    return OperatingSystem(type=entry.os_type, id=entry.id, version=version, release=release, edition=edition,
                           name="CentOS Stream" if stream else entry.id, architecture=machine, bits=entry.bits)


def target(entry):
    """Return the spelling that all spellings of the same system prefer."""
    return entry.prefer or entry.os_version


# Labels without a value of their own, on clouds that list other releases of the same major version: design.md takes
# the near value before it names a label.
NEAR = {
    "CentOS Stream 9 64bit": "CentOS Stream 9.6 64bit", "CentOS Stream 8 64bit": "CentOS Stream 8.6 64bit",
    "Debian GNU/Linux 10 64bit": "Debian GNU/Linux 10.0.0 64bit", "Rocky Linux 8 64bit": "Rocky Linux 8.3 64bit",
    "Alma 8 64bit": "AlmaLinux 8.3 64bit", "Red Hat Enterprise Linux 7.9 64bit": "Redhat Linux Enterprise 7.6 64bit",
}
SYSTEMS = [entry for entry in ENTRIES if entry.id != "other"]


def of_cloud(cloud):
    """Return the profile of a cloud that has all others as sisters."""
    sisters = tuple(name for name in ("huaweicloud", "otc", "otc-swiss") if name != cloud)
    return msgspec.structs.replace(PROFILE, name=cloud, sisters=sisters)


@pytest.mark.parametrize(("entry", "cloud"), [(entry, cloud) for entry in SYSTEMS for cloud in entry.clouds],
                         ids=lambda value: getattr(value, "os_version", value))
def test_every_spelling_is_reached(entry, cloud):
    match = match_system(guest_of(entry), CATALOGUE, of_cloud(cloud))
    assert match.entry is not None
    found = CATALOGUE.find(NEAR.get(entry.os_version, "")) or entry
    assert target(match.entry) == target(found)
    if entry.listed_on(cloud):
        assert (match.grade, match.cloud) == ("exact", cloud)
        assert match.entry.listed_on(cloud)


def test_all_rows_are_there():
    assert len(ENTRIES) == len({entry.os_version for entry in ENTRIES}) == 386
    assert all(entry.prefer is None or CATALOGUE.find(entry.prefer) for entry in ENTRIES)


def is_lawful(match, guest):
    """Say whether a match keeps to the distribution, the major version, the machine and the product of the guest."""
    entry, known = match.entry, match.label or match.entry
    machine = "arm" if guest.architecture == "aarch64" else "x86"
    release = guest.version if guest.id == "windows" else guest.release or guest.version
    stream = "Stream" in guest.name or guest.variant == "stream"
    return (is_same_system(entry.id, guest.id) and (known.bits, known.architecture) == (guest.bits, machine)
            and major_version(entry.id, entry.version) == major_version(guest.id, release)
            and (entry.variant == "stream") == (guest.id == "centos" and stream))


MACHINES = (("x86_64", 64), ("x86", 32), ("aarch64", 64))


@pytest.mark.parametrize("entry", {target(entry): entry for entry in SYSTEMS}.values(),
ids=lambda entry: entry.os_version)
def test_a_near_miss_stays_within_its_bounds(entry):
    """Each system on each machine, as the next release and the next major version, with and without Stream."""
    guest = guest_of(entry)
    number = version_numbers(guest.version)[0]
    versions = (guest.version, f"{number}.99", str(number + 1), f"{number + 1}.1", f"{number}")
    for architecture, bits in MACHINES:
        for version in versions:
            for name in (entry.id, "CentOS Stream"):
                other = msgspec.structs.replace(guest, architecture=architecture, bits=bits, version=version,
                                                release=None, name=name)
                match = match_system(other, CATALOGUE, PROFILE)
                assert match.entry is None or is_lawful(match, other), (other, match)


def system(word, version, release=None, **more):
    values = {"type": "Linux", "name": word, "architecture": "x86_64", "bits": 64} | more
    return OperatingSystem(id=word, version=version, release=release, **values)


def windows(version, edition, **more):
    return system("windows", version, type="Windows", edition=edition, **more)


@pytest.mark.parametrize("guest", [
    pytest.param(system("fedora", "41", variant="coreos", name="Fedora CoreOS"), id="Fedora CoreOS is not CoreOS 1298"),
    pytest.param(system("flatcar", "3815.2.0"), id="Flatcar is not CoreOS"),
    pytest.param(system("rhcos", "4.14"), id="RHEL CoreOS is not RHEL 4"),
    pytest.param(system("opensuse-tumbleweed", "20240612"), id="Tumbleweed is not 42.3"),
    pytest.param(system("opensuse-leap-micro", "5.5"), id="Leap Micro is not Leap"),
    pytest.param(system("opensuse-leap", "16.0"), id="Leap 16 is not Leap 15"),
    pytest.param(system("sled", "15.3", "15-SP3"), id="the desktop is not the server"),
    pytest.param(system("sle-micro", "5.4"), id="SLE Micro is not SLES"),
    pytest.param(system("centos", "10", name="CentOS Stream 10"), id="Stream 10 is not Stream 9"),
    pytest.param(system("almalinux", "10", variant="kitten"), id="Kitten is not AlmaLinux"),
    pytest.param(system("debian", None), id="testing is not 12"),
    pytest.param(system("debian", "13", "13.1"), id="Debian 13 is not 12"),
    pytest.param(system("ubuntu", "23.10"), id="Ubuntu 23.10 is not 22.04"),
    pytest.param(system("raspbian", "12", "12.5"), id="Raspbian is not Debian"),
    pytest.param(system("euleros", "2.0"), id="EulerOS without a service pack"),
    pytest.param(system("kylin", "V11"), id="Kylin V11 is not V10"),
    pytest.param(system("freebsd", "14.1", type="Other"), id="FreeBSD 14 is not 13"),
    pytest.param(system("amzn", "2023"), id="a system that no cloud lists"),
    pytest.param(windows("8.1", "Professional"), id="Windows 8.1 is not 8 or 10"),
    pytest.param(windows("Vista", "Business"), id="Vista"),
    pytest.param(windows(None, None), id="Windows 10 or 11"),
    pytest.param(windows("10", "Professional", architecture="aarch64"), id="Windows for Arm"),
    pytest.param(windows("10", "Professional", architecture="x86", bits=32), id="Windows 10 of 32 bit"),
    pytest.param(windows("1909", "Datacenter"), id="a semi-annual server is not 2019"),
])
def test_another_system_has_no_name(guest):
    assert match_system(guest, CATALOGUE, PROFILE).grade == "none"


@pytest.mark.parametrize(("grade", "value", "guest"), [
    ("exact", "Windows Server 2019 Datacenter 64bit", windows("2019", "Datacenter")),
    ("exact", "Windows Server 2019 Standard 64bit", windows("2019", "ServerStandardCore")),
    ("exact", "Windows Server 2012 R2 Datacenter 64bit", windows("2012 R2", "ServerDatacenter")),
    ("exact", "Windows Server 2012 Datacenter 64bit", windows("2012", "Datacenter")),
    ("exact", "Windows Server 2012 Essentials R2 64bit", windows("2012 R2", "Essentials")),
    ("exact", "Windows Server 2008 R2 WEB 64bit", windows("2008 R2", "Web")),
    ("exact", "Windows 10 64bit", windows("10", "Enterprise LTSC")),
    ("exact", "Windows 10 64bit", windows("10", None)),
    ("exact", "Windows 11 64bit", windows("11", "Home, Professional")),
    ("sister", "Windows 7 Professional 64bit", windows("7", "Professional")),
    ("sister", "Windows 7 Professional 64bit", windows("7", "Home Premium, Professional, Ultimate")),
    ("near", "Windows Server 2019 Standard 64bit", windows("2019", "Standard, Datacenter")),
    ("near", "Windows Server 2022 Standard 64bit", windows("2022", "Essentials")),
    ("near", "Windows Server 2016 Standard 64bit", windows("2016", None)),
    ("near", "SUSE Linux Enterprise Server 15 SP5 64bit", system("sles_sap", "15.5", "15-SP5")),
    ("near", "SUSE Linux Enterprise Server 15 SP6 64bit", system("sles", "15.7", "15-SP7")),
    ("exact", "EulerOS 2.5 64bit", system("euleros", "2.0", "2.0-SP5")),
    ("sister", "EulerOS 2.10 64bit", system("euleros", "2.0", "2.0-SP10")),
    ("exact", "Ubuntu 24.04 server 64bit", system("ubuntu", "24.04", "24.04.1", architecture="aarch64")),
    ("exact", "openEuler 20.03 64bit", system("openEuler", "20.03", "20.03-LTS", architecture="aarch64")),
    ("label", "CentOS 7.6 64bit with ARM", system("centos", "7", "7.6.1810", architecture="aarch64")),
    ("label", "Huawei Cloud EulerOS 2.0 64bit", system("hce", "2.0", "2.0")),
    ("label", "Windows Server 2025 Standard 64bit", windows("2025", "Standard")),
    ("label", "Kylin V10 64bit", system("kylin", "V10", "V10-SP1")),
])
def test_names_of_the_real_catalogue(grade, value, guest):
    match = match_system(guest, CATALOGUE, PROFILE)
    assert (match.grade, match.entry.os_version) == (grade, value)
    assert match.value == (None if grade == "label" else value)
