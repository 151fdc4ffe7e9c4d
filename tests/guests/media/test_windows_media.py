"""Windows media: what Setup's images say together."""

import pytest
from images import udfdiscs, wims
from images.udfdiscs import Hole
from images.wims import ARM64, X64, X86, image
from phony import PhonyFileSystem

from imgbuild.filesystems.iso9660 import open_iso9660
from imgbuild.guests import media
from imgbuild.guests.media import windows
from imgbuild.guests.media.disc import Disc
from imgbuild.source import open_source


def identify(*images, path="/sources/install.wim", **more):
    return windows.identify(Disc(lambda: PhonyFileSystem({path: wims.wim(*images), **more}, kind="udf")))


def words(found):
    system = found.system
    return system.version, system.edition, system.build, system.architecture, system.name


@pytest.mark.parametrize(("expected", "images"), [
    (("2019", "Standard, Datacenter", 17763, "x86_64", "Windows Server 2019"),
     [image("ServerStandardCor", kind="Server Core"), image("ServerStandard"),
      image("ServerDatacenterCor", kind="Server Core"), image("ServerDatacenter")]),
    (("2022", "Datacenter", 20348, "x86_64", "Windows Server 2022"), [image("ServerDatacenterEval", 20348)]),
    (("2025", "Standard", 26100, "x86_64", "Windows Server 2025"), [image("ServerStandard", 26100)]),
    (("2016", "Standard", 14393, "x86_64", "Windows Server 2016"), [image("ServerStandard", 14393)]),
    (("2012 R2", "Essentials", 9600, "x86_64", "Windows Server 2012 R2"), [image("ServerSolution", 9600,
    version="6.3")]),
    (("2012", "Datacenter", 9200, "x86_64", "Windows Server 2012"), [image("ServerDatacenter", 9200, version="6.2")]),
    (("2008 R2", "Enterprise, Web", 7601, "x86_64", "Windows Server 2008 R2 SP1"),
     [image(edition, 7601, version="6.1",
     VERSION="<MAJOR>6</MAJOR><MINOR>1</MINOR><BUILD>7601</BUILD><SPLEVEL>1</SPLEVEL>")
      for edition in ("ServerEnterprise", "ServerWeb")]),
    (("2008", "Standard", 6002, "x86", "Windows Server 2008"),
     [image("ServerStandard", 6002, arch=X86, version="6.0", INSTALLATIONTYPE=None)]),
    (("7", "Professional", 7601, "x86_64", "Windows 7"), [image("Professional", 7601, kind="Client", version="6.1")]),
    (("8.1", "Home, Professional", 9600, "x86", "Windows 8.1"),
     [image(edition, 9600, kind="Client", arch=X86, version="6.3") for edition in ("Core", "Professional")]),
    (("10", "Enterprise LTSC", 19044, "x86_64", "Windows 10"), [image("EnterpriseS", 19044, kind="Client")]),
    (("11", "Professional", 22631, "aarch64", "Windows 11"), [image("Professional", 22631, kind="Client", arch=ARM64)]),
    # What the images are not of one mind on is not said.
    ((None, "Professional", None, "x86_64", "Windows"),
     [image("Professional", 19045, kind="Client"), image("Professional", 22631, kind="Client")]),
    (("10", "Professional", 19045, None, "Windows 10"),
     [image("Professional", 19045, kind="Client", arch=arch) for arch in (X86, X64)]),
    ((None, "Professional, Standard", 9600, "x86_64", "Windows"),
     [image("Professional", 9600, kind="Client"), image("ServerStandard", 9600)]),
    ((None, "Standard", 21000, "x86_64", "Windows"), [image("ServerStandard", 21000)]),
    ((None, "Azure Stack HCI", 20348, "x86_64", "Windows"), [image("ServerAzureCor", 20348, kind="Server Core")]),
])
def test_product_and_editions(expected, images):
    found = identify(*images)
    assert words(found) == expected
    assert (found.system.type, found.system.id, found.system.source) == ("Windows", "windows", "/sources/install.wim")


@pytest.mark.parametrize("path", ["/sources/install.esd", "/sources/install.swm", "/x64/sources/install.esd"])
def test_the_other_names_of_the_file(path):
    assert identify(image(), path=path).system.source == path


def test_a_medium_for_both_machines():
    found = identify(image("Core", 19045, kind="Client", arch=X64), path="/x64/sources/install.esd",
                     **{"/x86/sources/install.esd": wims.wim(image("Core", 19045, kind="Client", arch=X86))})
    assert words(found) == ("10", "Home", 19045, None, "Windows 10")


def test_images_are_listed():
    assert identify(image("ServerStandard", name="Windows Server 2019 SERVERSTANDARD")).images == (
        {"name": "Windows Server 2019 SERVERSTANDARD", "edition_id": "ServerStandard", "installation_type": "Server",
         "version": "10.0.17763.107", "languages": ["en-US", "de-DE"]},)


def test_windows_pe_is_no_system_to_install():
    assert identify(image("WindowsPE", kind="WindowsPE")).system is None


@pytest.mark.parametrize("data", [b"", b"MSWIM\0\0\0", bytes(500), wims.wim(image(VERSION=None))])
def test_a_file_that_says_nothing(data):
    disc = Disc(lambda: PhonyFileSystem({"/sources/install.wim": data}))
    assert windows.identify(disc) is None


def test_a_disc_with_setup_alone():
    tree = {"/sources/boot.wim": wims.wim(image("WindowsPE", kind="WindowsPE"))}
    assert windows.is_setup(Disc(lambda: PhonyFileSystem(tree)))
    header = {"volume_id": "WINPE", "boot_platforms": ["bios"]}
    assert media.examine(header, lambda: PhonyFileSystem(tree)) == media.Medium(None, "Windows PE without a system to"
                                                                                      " install")


def test_images_beat_the_name_of_the_volume():
    header = {"volume_id": "CCCOMA_X64FRE_EN-US_DV9", "boot_platforms": ["bios"]}
    tree = {"/sources/install.wim": wims.wim(image("Professional", 22631, kind="Client"))}
    found = media.examine(header, lambda: PhonyFileSystem(tree))
    assert found.system.version == "11"
    assert found.system.source == "installation medium, /sources/install.wim"
    assert media.examine(header, lambda: PhonyFileSystem({"/x": ""})).system.version is None


def test_a_bridge_disc_with_an_install_wim_of_five_gib(tmp_path):
    text = wims.xml(image("ServerDatacenter", 26100))
    size = (5 << 30) + len(text)
    wim = Hole(size, {0: wims.header(size - len(text), len(text)), size - len(text): text})
    path = udfdiscs.build(tmp_path / "x.iso", {"setup.exe": b"MZ", "sources/install.wim": wim,
                                              "sources/boot.wim": b"MSWIM\0\0\0"}, label="SSS_X64FREE_EN-US_DV9")
    source = open_source(str(path))
    try:
        found = media.examine({"volume_id": "SSS_X64FREE_EN-US_DV9"}, lambda: open_iso9660(source))
        assert (found.system.version, found.system.edition, found.system.build) == ("2025", "Datacenter", 26100)
        assert source.bytes_read < 1 << 20
    finally:
        source.close()
