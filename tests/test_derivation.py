"""Derived fields: the value, the reason, and what must not be guessed."""

import msgspec
import pytest

from imgbuild import rulebook
from imgbuild.derivation import Choices, derive, image_name
from imgbuild.model import Firmware, Inspection, OperatingSystem
from imgbuild.sizes import GIB

BOOK = rulebook.load("huaweicloud")
NAME_PATTERN = BOOK.profile.operations["create-metadata"].fields["name"].pattern
UBUNTU = OperatingSystem(type="Linux", id="ubuntu", version="22.04", release="22.04.4", name="Ubuntu 22.04.4 LTS",
                         architecture="x86_64", bits=64, source="/usr/lib/os-release")
WINDOWS = msgspec.structs.replace(UBUNTU, type="Windows", id="windows", version="2019", release=None, name="Windows")


def image(**facts):
    known = {"path": "web.qcow2", "size": 10, "format": "qcow2", "disk_format": "qcow2", "virtual_size": 2 * GIB}
    return Inspection(**(known | facts))


def derived(facts, choices=None, policy="greater"):
    return derive(facts, choices or Choices(), BOOK, policy)


@pytest.mark.parametrize(("name", "path"), [
    ("debian-12", "debian-12.qcow2"),
    ("debian-12", "dir.raw/debian-12.qcow2"),
    ("debian-12", "debian-12.qcow2.xz"),
    ("disk", "disk.img"),
    ("disk", "disk.VHD"),
    ("rocky-9.4", "rocky-9.4"),
    ("rocky-9.4", "rocky-9.4.raw"),
    ("ubuntu-22.04.4-server", "ubuntu-22.04.4-server.zvhd2"),
    ("a-b", "a&b.raw"),
    ("web-1-", "web(1).raw"),
    ("web 1", " web 1 .raw"),
    ("镜像", "镜像.raw"),
    (".raw", ".raw"),
    ("x" * 128, "x" * 200 + ".raw"),
    ("image", " .raw"),
])
def test_the_name_comes_from_the_file_name(name, path):
    assert image_name(path, NAME_PATTERN)[0] == name


def test_a_floor_for_a_system_that_was_not_seen_says_so():
    assert "no system was seen; least for Linux on Huawei Cloud IMS: 10 GiB" in derived(image())["min_disk"].why


def test_a_replaced_character_is_told():
    assert image_name("a&b.raw", NAME_PATTERN)[1] == (
        "from the file name, without '.raw'", "'a&b' has what the cloud refuses in a name; replaced by hyphens or cut")


@pytest.mark.parametrize(("value", "facts"), [
    (10, {"virtual_size": 2 * GIB, "os": UBUNTU}),
    (10, {"virtual_size": 10 * GIB - 1, "os": UBUNTU}),
    (11, {"virtual_size": 10 * GIB, "os": UBUNTU}),
    (20, {"virtual_size": 2 * GIB, "os": WINDOWS}),
    (10, {"virtual_size": 2 * GIB, "os": None}),
    (2049, {"virtual_size": 2048 * GIB, "os": UBUNTU}),
    (10, {"format": "iso", "virtual_size": 30 * GIB}),
    (41, {"format": "vhd", "virtual_size": 40 * GIB - 512, "container": {"chs_size": 40 * GIB}}),
])
def test_min_disk_is_the_larger_of_floor_and_disk(value, facts):
    assert derived(image(**facts))["min_disk"].value == value


def test_min_disk_by_the_other_reading():
    assert derived(image(virtual_size=40 * GIB), policy="not-less")["min_disk"].value == 40


def test_min_disk_says_why():
    found = derived(image(virtual_size=40 * GIB, os=UBUNTU))["min_disk"]
    assert found.why == ("the disk is 40 GiB (42949672960 bytes); a whole GiB greater than that is 41",
                         "least for Linux on Huawei Cloud IMS: 10 GiB")
    assert all(source.url for source in found.sources)


def test_the_size_of_an_iso_is_no_disk():
    assert "the size of an ISO says nothing on the disk it installs to" in derived(image(format="iso"))["min_disk"].why


def test_a_listed_system_is_named():
    found = derived(image(os=UBUNTU))["__os_version"]
    assert found.value == "Ubuntu 22.04 server 64bit"
    assert found.why == ("the guest is Ubuntu 22.04.4 LTS, x86_64 (/usr/lib/os-release)",
                         "huaweicloud lists exactly this system")


@pytest.mark.parametrize("facts", [
    pytest.param({"os": None}, id="no system was seen"),
    pytest.param({"os": msgspec.structs.replace(UBUNTU, id="guix", version="1.4")}, id="another 64-bit Linux"),
])
def test_the_system_is_left_out_where_the_servers_default_is_right_or_nothing_is_known(facts):
    assert "__os_version" not in derived(image(**facts))


def test_a_system_that_the_default_does_not_fit_is_not_left_out():
    found = derived(image(os=msgspec.structs.replace(UBUNTU, architecture="x86", bits=32)))["__os_version"]
    assert found.value == "Other(32 bit)"
    assert found.why[0].startswith("no entry fits Ubuntu 22.04.4 LTS, x86; nearest entry: ")


@pytest.mark.parametrize(("value", "firmware", "architecture"), [
    ("bios", Firmware(bios=True, uefi=False), "x86_64"),
    ("bios", Firmware(bios=True, uefi=True), "x86_64"),
    ("bios", Firmware(bios=True, uefi=None), "x86_64"),
    ("uefi", Firmware(bios=False, uefi=True), "x86_64"),
    ("uefi", Firmware(bios=None, uefi=True), "x86_64"),
    ("uefi", Firmware(), "aarch64"),
    ("uefi", Firmware(bios=False, uefi=False), "arm"),
])
def test_the_firmware_type_is_what_the_disk_boots_by(value, firmware, architecture):
    system = msgspec.structs.replace(UBUNTU, architecture=architecture)
    assert derived(image(os=system, firmware=firmware))["hw_firmware_type"].value == value


def test_an_arm_image_says_so():
    system = msgspec.structs.replace(UBUNTU, architecture="aarch64")
    assert derived(image(os=system))["__support_arm"].value == "true"
    assert "__support_arm" not in derived(image(os=UBUNTU))


@pytest.mark.parametrize("firmware", [Firmware(), Firmware(bios=False, uefi=False), Firmware(bios=False, uefi=None)])
def test_a_firmware_that_was_not_seen_is_not_named(firmware):
    assert "hw_firmware_type" not in derived(image(os=UBUNTU, firmware=firmware))


def test_a_format_that_another_page_takes_is_named():
    assert derived(image(format="zvhd", disk_format=None))["disk_format"].why == (
        "the file is zvhd by its content; Huawei Cloud IMS does not list it",)


def test_a_format_that_the_cloud_has_no_word_for_is_left_to_the_server():
    assert "disk_format" not in derived(image(format="vmdk", disk_format=None))


def test_a_choice_is_obeyed_and_typed_as_documented():
    choices = Choices(name="mine", min_disk=1, min_ram=512, protected=True, tags=("a=b",),
                      os_version="Other Linux(64 bit)", extra={
                          "hw_vif_multiqueue_enabled": "true", "min_ram": "1024", "mine": "7", "min_disk": "x"})
    found = {name: field.value for name, field in derived(image(os=UBUNTU), choices).items()}
    expected = {"name": "mine", "min_disk": "x", "min_ram": 1024, "protected": True, "tags": ["a=b"], "mine": "7",
                "__os_version": "Other Linux(64 bit)", "hw_vif_multiqueue_enabled": "true"}
    assert {name: found[name] for name in expected} == expected
    assert derived(image(os=UBUNTU), choices)["name"].why == ("chosen",)


def test_every_field_says_why():
    assert all(field.why for field in derived(image(os=UBUNTU)).values())
