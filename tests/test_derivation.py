"""Derived fields: the value, the reason, and what must not be guessed."""

import msgspec
import pytest

from imgbuild import rulebook
from imgbuild.choices import Choices, DataImage
from imgbuild.derivation import derive, image_name
from imgbuild.documents.inspection import Inspection
from imgbuild.errors import UsageError
from imgbuild.model import Firmware, OperatingSystem
from imgbuild.sizes import GIB

BOOK = rulebook.load("huaweicloud")
NAME_PATTERN = BOOK.profile.operations["create-metadata"].fields["name"].pattern
UBUNTU = OperatingSystem(type="Linux", id="ubuntu", version="22.04", release="22.04.4", name="Ubuntu 22.04.4 LTS",
                         architecture="x86_64", bits=64, source="/usr/lib/os-release")
SCIENTIFIC = msgspec.structs.replace(UBUNTU, id="rhel", version="7.9", release="7.9",
                                     name="Scientific Linux 7.9 (Nitrogen)")
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
                         "huaweicloud lists exactly this system",
                         "built-in list: printed as a value, 2024-12-17 to 2026-09")


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


# The other operations

ARM = msgspec.structs.replace(UBUNTU, architecture="aarch64")
FREEBSD = msgspec.structs.replace(UBUNTU, type="FreeBSD", id="freebsd", version="14.1", release="14.1", name="FreeBSD")


def operated(operation, facts, choices=None, disks=()):
    found = BOOK.profile.operations[operation]
    policy = BOOK.profile.min_disk_of(operation).policy
    return derive(facts, choices or Choices(), BOOK, policy, found, disks)


@pytest.mark.parametrize(("operation", "names"), [
    ("create-metadata", ["name", "disk_format", "min_disk", "min_ram", "__os_version", "hw_firmware_type",
                         "container_format", "visibility", "protected", "tags"]),
    ("upload-file", ["image_id"]),
    ("register-file", ["image_url", "image_id"]),
    ("action", ["name", "image_url", "min_disk", "min_ram", "os_version", "architecture", "hw_firmware_type", "type"]),
    ("quickimport-system", ["name", "image_url", "min_disk", "os_version", "architecture", "hw_firmware_type", "type"]),
    ("quickimport-data", ["name", "image_url", "min_disk", "os_type", "type"]),
    ("dataimage", ["name", "image_url", "min_disk", "os_type"]),
])
def test_each_operation_has_its_fields(operation, names):
    choices = Choices(address="images:web.qcow2") if "image_url" in names else None
    assert list(operated(operation, image(os=UBUNTU, firmware=Firmware(bios=True)), choices)) == names


@pytest.mark.parametrize(("value", "why", "address"), [
    ("images:other.raw", ("chosen",), "images:other.raw"),
    ("images:a/b/web.qcow2", ("the chosen folder, and the name of the file",), "images:a/b/"),
    ("images:web.qcow2", ("the chosen folder, and the name of the file",), "images:"),
    (None, ("only you know where in the object store the file will lie: give --object BUCKET:KEY",), None),
])
def test_where_the_file_lies_is_said_by_a_person(value, why, address):
    found = operated("action", image(path="folder/web.qcow2"), Choices(address=address))["image_url"]
    assert (found.value, found.why) == (value, why)


def test_the_id_is_that_of_an_answer():
    assert operated("upload-file", image())["image_id"].value is None
    choices = Choices(extra={"image_id": "4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86"})
    assert operated("upload-file", image(), choices)["image_id"].value == "4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86"


@pytest.mark.parametrize(("operation", "option", "choices"), [
    ("create-metadata", "--object is not for create-metadata, which has no image_url", Choices(address="b:k")),
    ("upload-file", "--object is not for upload-file, which has no image_url", Choices(address="b:k")),
    ("dataimage", "--data-image is not for dataimage, which has no data_images",
     Choices(data_images=(DataImage(path="a", address="b:k"),))),
])
def test_a_place_is_refused_where_no_field_takes_it(operation, option, choices):
    with pytest.raises(UsageError) as caught:
        operated(operation, image(), choices, [image()])
    assert str(caught.value) == f"{option} (name another --operation, or leave it out)"


@pytest.mark.parametrize(("value", "operation", "facts", "choices"), [
    ("Ubuntu 22.04 server 64bit", "action", {"os": UBUNTU}, None),
    ("Ubuntu 22.04 server 64bit", "quickimport-system", {"os": UBUNTU}, None),
    ("Ubuntu 22.04 server 64bit", "action", {"os": UBUNTU, "format": "iso"}, None),
    # An unlisted Linux may be left out where the server looks itself; where it must be told, it is the default.
    ("left out", "action", {"os": msgspec.structs.replace(UBUNTU, id="guix", version="1.4")}, None),
    ("Other Linux(64 bit)", "quickimport-system", {"os": msgspec.structs.replace(UBUNTU, id="guix")}, None),
    ("Other Linux(64 bit)", "action", {"os": msgspec.structs.replace(UBUNTU, id="guix", version="1.4")},
     Choices(extra={"is_quick_import": "true"})),
    ("Other Linux(64 bit)", "action", {"os": msgspec.structs.replace(UBUNTU, id="guix"), "format": "iso"}, None),
    # A system that was not seen is never guessed.
    ("left out", "action", {"os": None}, None),
    (None, "quickimport-system", {"os": None}, None),
    (None, "action", {"os": None, "format": "iso"}, None),
    (None, "action", {"os": None}, Choices(extra={"type": "IsoImage"})),
    ("Debian", "action", {"os": None, "format": "iso"}, Choices(os_version="Debian")),
])
def test_the_system_is_named_where_the_operation_must_be_told(value, operation, facts, choices):
    found = operated(operation, image(**facts), choices)
    assert (found["os_version"].value if "os_version" in found else "left out") == value


XP = msgspec.structs.replace(WINDOWS, version="XP", name="Windows XP", edition="Professional")
OLD = msgspec.structs.replace(UBUNTU, id="guix", bits=32, architecture="x86")


@pytest.mark.parametrize(("value", "cloud", "operation", "system"), [
    # What the server would put for a system that is in no list is false of a Windows, as of 32 bit on most clouds.
    (None, "huaweicloud", "create-metadata", XP), (None, "huaweicloud", "action", XP),
    (None, "huaweicloud", "quickimport-system", XP), (None, "otc", "create-metadata", XP),
    (None, "otc-swiss", "action", XP), (None, "otc", "create-metadata", OLD), (None, "otc", "quickimport-system", OLD),
    ("Other(32 bit)", "huaweicloud", "create-metadata", OLD),
    ("Other(64 bit) 64bit", "huaweicloud-stack", "quickimport-system", msgspec.structs.replace(UBUNTU, id="guix")),
    # Its ID is that of Red Hat, whose entries do not name it.
    ("left out", "huaweicloud", "create-metadata", SCIENTIFIC), ("left out", "otc", "action", SCIENTIFIC),
    ("Other Linux(64 bit)", "otc", "quickimport-system", SCIENTIFIC),
])
def test_a_system_in_no_list_gets_no_false_name(value, cloud, operation, system):
    book = rulebook.load(cloud)
    found = derive(image(os=system), Choices(), book, "greater", book.profile.operations[operation])
    name = "__os_version" if operation == "create-metadata" else "os_version"
    assert (found[name].value if name in found else "left out") == value
    if value is None:
        default = book.profile.default_system.value
        assert any(f"the default, {default!r}, would be false" in reason for reason in found[name].why)
    if operation == "action":
        assert found["os_type"].value == system.type


def test_the_label_of_the_console_for_another_windows_is_named_and_not_written():
    found = derive(image(os=XP), Choices(), BOOK, "greater")["__os_version"]
    assert found.why[1] == ("the default, 'Other Linux(64 bit)', would be false; the console has"
                            " 'Other_Windows (64_bit)', which no page has as a value")


@pytest.mark.parametrize(("value", "operation", "system"), [
    ("x86", "action", UBUNTU), ("arm", "action", ARM), ("x86", "quickimport-system", UBUNTU),
    ("left out", "action", None), ("left out", "dataimage", UBUNTU),
    ("left out", "action", msgspec.structs.replace(UBUNTU, architecture="riscv64")),
])
def test_the_architecture_is_that_of_the_guest(value, operation, system):
    found = operated(operation, image(os=system))
    assert (found["architecture"].value if "architecture" in found else "left out") == value
    assert "__support_arm" not in found


@pytest.mark.parametrize(("value", "operation", "facts"), [
    ("ECS", "action", {"os": UBUNTU}), ("ECS", "quickimport-system", {}), ("IsoImage", "action", {"format": "iso"}),
    ("DataImage", "quickimport-data", {}), ("ECS", "quickimport-system", {"format": "iso"}),
])
def test_the_type_is_the_kind_of_image(value, operation, facts):
    assert operated(operation, image(**facts))["type"].value == value


def test_bare_metal_is_a_choice():
    assert operated("action", image(os=UBUNTU), Choices(extra={"type": "BMS"}))["type"].why == ("chosen",)


@pytest.mark.parametrize(("value", "operation", "size", "system"), [
    (40, "dataimage", 2 * GIB, None), (40, "dataimage", 40 * GIB, None), (41, "dataimage", 40 * GIB + 1, None),
    (2049, "dataimage", 2048 * GIB + 1, None), (10, "quickimport-data", 2 * GIB, None),
    (41, "quickimport-data", 40 * GIB, None), (41, "action", 40 * GIB, UBUNTU), (20, "action", 2 * GIB, WINDOWS),
    (20, "quickimport-system", 2 * GIB, WINDOWS),
])
def test_min_disk_by_the_page_of_the_operation(value, operation, size, system):
    assert operated(operation, image(virtual_size=size, os=system))["min_disk"].value == value


def test_the_floor_of_a_data_disk_is_called_one():
    assert operated("dataimage", image())["min_disk"].why[0] == "least for a data disk on Huawei Cloud IMS: 40 GiB"


def test_an_os_type_that_the_call_has_no_word_for_is_left_out():
    assert operated("dataimage", image(os=UBUNTU))["os_type"].value == "Linux"
    assert "os_type" not in operated("dataimage", image(os=FREEBSD))
    assert "os_type" not in operated("dataimage", image())


def test_data_disks_come_with_their_place_and_least_size():
    choices = Choices(address="images:", data_images=(DataImage(path="a.raw", address="images:data/"),
                                                      DataImage(path="b.iso", address="images:b.raw")))
    disks = [image(path="a.raw", virtual_size=3 * GIB + 1), image(path="b.iso", format="iso")]
    found = operated("action", image(os=UBUNTU), choices, disks)["data_images"]
    assert found.value == [{"image_url": "images:data/a.raw", "min_disk": 4}, {"image_url": "images:b.raw"}]
    assert found.why == ("a.raw: the disk is 3.00 GiB (3221225473 bytes); a whole GiB not less than that is 4",)


def test_tags_in_the_form_of_the_call_say_so():
    found = operated("action", image(), Choices(tags=("team=web",)))["tags"]
    assert (found.value, found.why) == (["team.web"], ("chosen", "key.value is the form of this call"))
    assert operated("action", image(), Choices(tags=("team.web",)))["tags"].why == ("chosen",)


def test_tags_are_left_out_beside_their_other_form():
    assert "tags" not in operated("action", image(), Choices(extra={"image_tags": '[{"key": "a", "value": "b"}]'}))
