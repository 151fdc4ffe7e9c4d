"""The documents of the clouds contradict each other in 24 places: what comes of it on each cloud of the service.

The numbers are those of ``tests/reference/ims.toml``. Where the documents of one cloud leave no doubt, the value is
taken as it is there; where they disagree, what another page takes is a warning, and what none takes an error.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from imgbuild import jsontext, linting, rulebook
from imgbuild.checks import Context
from imgbuild.choices import Choices
from imgbuild.derivation import derive
from imgbuild.documents.inspection import Inspection
from imgbuild.model import OperatingSystem
from imgbuild.request import build_request, expect
from imgbuild.sizes import GIB

BOOKS = {cloud: book for cloud in rulebook.clouds()
         if "huaweicloud" in (book := rulebook.load(cloud)).profile.chain}
CLOUDS = tuple(BOOKS)
HUAWEI = ("huaweicloud", "eu-west-101")
TELEKOM = ("otc", "otc-swiss")
FROM_1 = (*TELEKOM, "eu-west-0", "tr-central-201", "huaweicloud-stack")
TO_255 = ("ae-ad-1", "my-kualalumpur-1")
URL = {"image_url": "images:a.zvhd2"}
RHEL = OperatingSystem(type="Linux", id="rhel", version="8.2", release="8.2", name="Red Hat Enterprise Linux 8.2",
                       architecture="x86_64", bits=64)
ARM = msgspec.structs.replace(RHEL, id="openEuler", version="20.03", release=None, name="openEuler 20.03 (LTS)",
                              architecture="aarch64")


def found(cloud: str, body: dict[str, Any], operation: str = "create-metadata", policy: Any = None,
          **facts: Any) -> dict[str, str]:
    """Return the rules that object to a request, and how much they do."""
    image = Inspection(**({"path": "a.zvhd2", "size": GIB, "format": "zvhd2"} | facts)) if facts else None
    context = Context(operation=operation, document=jsontext.parse(json.dumps(body).encode()), body=body, image=image,
                      min_disk_policy=policy)
    return {finding.rule: finding.severity for finding in linting.lint(BOOKS[cloud], context)[0]}


def only(rules: dict[str, str], *words: str) -> dict[str, str]:
    return {rule: severity for rule, severity in rules.items() if any(word in rule for word in words)}


def cases(*rows: tuple[tuple[str, ...], Any, Any]) -> pytest.MarkDecorator:
    """Return a mark that asks each row on each of its clouds."""
    return pytest.mark.parametrize(("cloud", "value", "expected"), [
        (cloud, value, expected) for clouds, value, expected in rows for cloud in clouds])


@cases((CLOUDS, 0, "error"), (CLOUDS, 1025, "error"), (CLOUDS, 40, None), (CLOUDS, 255, None),
       (FROM_1, 1, None), (HUAWEI, 9, "warning"), (HUAWEI, 10, None), (TO_255, 39, "warning"), (TO_255, 256, "warning"),
       ((*HUAWEI, *FROM_1), 1024, None))
def test_1_bounds_of_min_disk(cloud, value, expected):
    for operation in ("create-metadata", "action", "quickimport-system"):
        rules = only(found(cloud, {"min_disk": value, "os_version": "x"}, operation), "min-disk-out", "min-disk-below")
        assert list(rules.values()) == ([expected] if expected else [])


@cases((CLOUDS, ("create-metadata", None), "warning"), (CLOUDS, ("create-metadata", "not-less"), None),
       (CLOUDS, ("quickimport-system", None), "warning"), (CLOUDS, ("dataimage", None), None))
def test_2_min_disk_that_is_the_disk(cloud, value, expected):
    operation, policy = value
    rules = found(cloud, {"min_disk": 40}, operation, policy, virtual_size=40 * GIB)
    assert rules.get("ims-min-disk-equals-disk") == expected
    assert found(cloud, {"min_disk": 39}, operation, policy,
                 virtual_size=40 * GIB)["ims-min-disk-below-disk"] == "error"


@cases((CLOUDS, ("create-metadata", 128), None), (CLOUDS, ("create-metadata", 129), "warning"),
       (CLOUDS, ("create-metadata", 255), "warning"), (CLOUDS, ("create-metadata", 256), "error"),
       (CLOUDS, ("action", 129), "error"))
def test_3_length_of_names(cloud, value, expected):
    operation, length = value
    rules = only(found(cloud, {"name": "x" * length}, operation), "name-over", "name-too-long")
    assert list(rules.values()) == ([expected] if expected else [])


@cases((CLOUDS, ("create-metadata", ["a=b"]), None), (CLOUDS, ("create-metadata", ["a=b=c"]), "warning"),
       (TELEKOM, ("create-metadata", ["a.b"]), "warning"), (HUAWEI, ("create-metadata", ["a.b"]), None),
       (TELEKOM, ("create-metadata", ["队"]), "warning"), (HUAWEI, ("create-metadata", ["队"]), None),
       (CLOUDS, ("action", ["a=b"]), "error"), (TELEKOM, ("action", ["a.b.c"]), "error"),
       (HUAWEI, ("action", ["a.b.c"]), None), (CLOUDS, ("create-metadata", [f"k{n}" for n in range(11)]), "warning"),
       (CLOUDS, ("action", [f"k{n}" for n in range(11)]), "error"))
def test_4_tags(cloud, value, expected):
    operation, tags = value
    assert list(only(found(cloud, {"tags": tags}, operation), "-tag").values()) == ([expected] if expected else [])


@cases((CLOUDS, "qcow2", None), (CLOUDS, "vmdk", "error"), (("otc-swiss", "huaweicloud-stack"), "zvhd", None),
       ((*HUAWEI, "otc"), "zvhd", "warning"), ((*HUAWEI, "otc-swiss", *TO_255), "iso", None),
       (("otc",), "iso", "warning"), (("huaweicloud-stack",), "iso", "error"))
def test_5_words_for_formats(cloud, value, expected):
    rules = only(found(cloud, {"disk_format": value}), "disk-format-unknown", "of-another-page")
    assert list(rules.values()) == ([expected] if expected else [])
    assert BOOKS[cloud].profile.default_disk_format == "zvhd2"


@cases((("huaweicloud", "eu-west-0", "my-kualalumpur-1"), 2 * GIB, "less than 2 GB"),
       (("otc",), 128 * GIB, "less than 128 GB"), (("otc-swiss",), 256 * GIB, "less than 256 GB"))
def test_6_size_of_an_upload(cloud, value, expected):
    rules = BOOKS[cloud].profile.operations["upload-file"].file
    assert (rules.carries(value - 1), rules.carries(value), rules.limit) == (True, False, expected)


@cases((CLOUDS, ("dataimage", 40), None), (CLOUDS, ("dataimage", 2048), None), (CLOUDS, ("dataimage", 39), "warning"),
       (CLOUDS, ("dataimage", 2049), "error"), (TELEKOM, ("quickimport-data", 1), None),
       (HUAWEI, ("quickimport-data", 9), "warning"), (CLOUDS, ("quickimport-data", 1024), None),
       (CLOUDS, ("quickimport-data", 1025), "warning"))
def test_7_size_of_data_disks(cloud, value, expected):
    operation, size = value
    rules = only(found(cloud, {"type": "DataImage", "min_disk": size}, operation), "data-disk")
    assert list(rules.values()) == ([expected] if expected else [])


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize(("size", "expected"), [(0, "error"), (1, None), (2048, None), (2049, "error")])
def test_7_size_of_data_disks_of_a_system_image(cloud, size, expected):
    body = {**URL, "data_images": [{"image_url": "images:b.zvhd2", "min_disk": size}]}
    assert found(cloud, body, "action").get("ims-field-value") == expected


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("spelling", ["Other Linux(64 bit)", "Other Linux (64 bit)"])
def test_8_both_spellings_of_the_default_are_taken(cloud, spelling):
    assert only(found(cloud, {"__os_version": spelling}), "os-version") == {}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_8_the_default_that_is_written(cloud):
    expected = "Other(64 bit) 64bit" if cloud == "huaweicloud-stack" else "Other Linux(64 bit)"
    assert BOOKS[cloud].profile.default_system.value == expected


def built(cloud: str, system: OperatingSystem, **facts: Any) -> Any:
    image = Inspection(path="a.qcow2", size=GIB, format="qcow2", virtual_size=2 * GIB, os=system, **facts)
    book = BOOKS[cloud]
    derived = derive(image, Choices(), book, "greater")
    request = build_request(derived, book.profile.operations["create-metadata"])
    return derived, request, expect(request, image, book)


@pytest.mark.parametrize("cloud", [cloud for cloud in CLOUDS if cloud != "huaweicloud-stack"])
def test_9_the_spelling_is_one_of_the_cloud_or_the_nearest_sisters(cloud):
    _, request, _ = built(cloud, RHEL)
    entry = BOOKS[cloud].catalogue.find(request.body["__os_version"])
    home = cloud if cloud in {"huaweicloud", *TELEKOM} else "huaweicloud"
    assert entry.listed_on(home)
    assert (entry.id, entry.version.split(".")[0]) == ("rhel", "8")


@cases((TELEKOM, RHEL, "Red Hat"), ((*HUAWEI, *TO_255, "eu-west-0"), RHEL, "RedHat"))
def test_10_the_platform_that_is_answered(cloud, value, expected):
    assert built(cloud, value)[2].created["__platform"] == expected
    assert expected in BOOKS[cloud].profile.response["__platform"].allowed


@pytest.mark.parametrize("cloud", CLOUDS)
def test_11_to_13_what_the_answer_may_hold(cloud):
    created = built(cloud, RHEL)[2].created
    assert created["__os_type"] == "Linux"
    assert created["protected"] is False
    assert found(cloud, {"protected": True}).get("ims-wrong-type") is None
    for name in ("checksum", "virtual_size", "size"):
        assert created[name]["not_in_use"]
        assert created[name]["may_be_absent"]


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize(("operation", "word", "expected"), [
    ("action", "ECS", None), ("action", "BMS", None), ("action", "FusionCompute", None), ("action", "Ironic", None),
    ("action", "VM", "error"), ("quickimport-system", "BMS", None), ("quickimport-system", "Ironic", "error"),
])
def test_14_kinds_of_images(cloud, operation, word, expected):
    assert found(cloud, {**URL, "type": word, "os_version": "x"}, operation).get("ims-field-value") == expected


@cases((("otc",), "IMG.0026", 403), ((*HUAWEI, *TO_255, "otc-swiss"), "IMG.0026", 400))
def test_15_the_status_of_a_missing_right(cloud, value, expected):
    assert BOOKS[cloud].errors[value].status == expected


@cases((TELEKOM, "IMG.0056", "OS version not allowed"), (HUAWEI, "IMG.0056", "OS type not allowed"))
def test_15_the_meaning_of_a_code(cloud, value, expected):
    assert BOOKS[cloud].errors[value].meaning == expected


@cases((TELEKOM, "IMG.0238", True), ((*HUAWEI, *TO_255), "IMG.0238", False), (TELEKOM, "IMG.0158", False),
       (HUAWEI, "IMG.0158", True), (TELEKOM, "IMG.0042", False), (HUAWEI, "IMG.0042", True))
def test_15_codes_of_one_table_only(cloud, value, expected):
    assert (value in BOOKS[cloud].all_errors) == expected


@pytest.mark.parametrize("cloud", CLOUDS)
def test_15_and_22_spaces(cloud):
    """Inside of descriptions and names they are taken, whatever one hint says; in object keys they are not."""
    rules = found(cloud, {"name": "Debian 12", "description": "two words", "image_url": "images:a b.zvhd2"}, "action")
    assert only(rules, "name-", "description") == {}
    assert only(rules, "space") == {"ims-image-url-space": "error"}


@cases((("otc",), "IMG.0088", "256 tenants"), (("otc-swiss", *HUAWEI), "IMG.0088", "128 tenants"),
       ((*TELEKOM, *HUAWEI), "IMG.0015", "50 private images"))
def test_16_quotas(cloud, value, expected):
    error = BOOKS[cloud].all_errors[value]
    assert expected in next(error.readings[source] for source in (*error.sources, *error.readings)
                            if source in error.readings)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_17_no_way_to_log_in_is_held_against_an_image(cloud):
    rules = {rule.id: rule.severity for rule in BOOKS[cloud].rules}
    assert {rules[rule] for rule in ("guest-nobody-can-log-in", "guest-root-login-contradiction")} == {"note"}
    assert ("guest-account-linux" in rules) == (cloud not in TELEKOM)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_18_the_type_of_a_data_image_is_optional(cloud):
    body = {"name": "a", "image_url": "images:a.zvhd2", "min_disk": 40}
    assert only(found(cloud, body, "dataimage"), "missing", "os-type") == {}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize(("size", "expected"), [
    (GIB // 2, {"ims-system-disk-below-1": "note"}), (GIB, {}), (20 * GIB, {}), (1024 * GIB, {}),
    (1024 * GIB + 1, {"ims-system-disk-too-large": "error"}),
])
def test_19_size_of_the_system_disk_in_the_file(cloud, size, expected):
    assert only(found(cloud, {}, virtual_size=size), "system-disk") == expected


@pytest.mark.parametrize("cloud", CLOUDS)
def test_20_max_ram_is_memory(cloud):
    body = {**URL, "min_ram": 1024, "max_ram": 512}
    assert only(found(cloud, body, "action"), "max-ram") == {"ims-max-ram-below-min-ram": "note"}
    assert found(cloud, {**URL, "max_ram": "0"}, "action")["ims-wrong-type"] == "error"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_21_sharing_of_an_encrypted_image_is_a_code(cloud):
    assert len(BOOKS[cloud].all_errors["IMG.0098"].readings) >= 2


@pytest.mark.parametrize("cloud", CLOUDS)
def test_23_a_spelling_without_arm_is_right_for_an_arm_image(cloud):
    rules = found(cloud, {"__os_version": "openEuler 20.03 64bit"}, os=ARM)
    assert rules["ims-os-version-without-arm"] == "note"
    assert "ims-os-version-not-the-guest" not in rules


@pytest.mark.parametrize("cloud", CLOUDS)
def test_24_windows_is_remarked_on_where_it_is_withdrawn(cloud):
    rules = found(cloud, {"__os_version": "Windows Server 2019 Standard 64bit"})
    assert rules.get("ims-windows-images-withdrawn") == ("note" if cloud == "huaweicloud" else None)
    assert rules.get("ims-windows-on-dedicated-host") == ("note" if cloud == "otc" else None)
    assert "error" not in rules.values()


def test_each_cloud_of_the_service_is_asked():
    assert set(CLOUDS) == {*HUAWEI, *FROM_1, *TO_255}


@cases((("otc",), ("otc-",), "otc-meta"), (("otc-swiss",), ("swiss-", "otc-"), "swiss-meta"),
       (("eu-west-0", "tr-central-201", "ae-ad-1"), ("eu-",), "eu-meta"), (("my-kualalumpur-1",), ("kl-",), "kl-meta"),
       (("eu-west-101",), ("hweu-",), "hweu-meta"), (("huaweicloud-stack",), ("hcs-",), "hcs-provider"))
def test_a_clouds_own_documents_are_the_readings_that_are_taken(cloud, value, expected):
    book = BOOKS[cloud]
    bounds = book.profile.min_disk_of("create-metadata").bounds
    assert (bounds.sources[0], book.profile.default_system.sources[0]) == (expected, expected)
    mixed = [rule.sources for rule in book.rules if any(source.startswith(value) for source in rule.sources)]
    assert all(sources[0].startswith(value) for sources in mixed)
