"""Requests load into the models of the vendor's published Python SDK and come out as they went in.

A second witness for the names and the types of the fields: the models drop what they do not know. What they lose is
written down here, so that a new version of the SDK which loses more, or less, is noticed:

- additional properties of create-metadata, all of them;
- three fields of action, and of the data disks that go along with it the file, its size and the tags as objects;
- the upload of a file (PUT /v2/images/{image_id}/file), for which it has no call.

``build --script python`` therefore hands bodies to the SDK as they are, and sends the file itself
(tests/reports/test_scripts.py sees to it that nothing is lost on that way).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huaweicloudsdkcore.utils.http_utils import sanitize_for_serialization
from huaweicloudsdkims.v2 import (
    CreateDataImageRequestBody,
    CreateImageRequestBody,
    GlanceCreateImageMetadataRequestBody,
    ImsClient,
    QuickImportImageByFileRequestBody,
    RegisterImageRequestBody,
)

from imgbuild import rulebook
from imgbuild.choices import Choices
from imgbuild.derivation import derive
from imgbuild.documents.inspection import Inspection
from imgbuild.model import Firmware, OperatingSystem
from imgbuild.request import build_request
from imgbuild.sizes import GIB

BOOK = rulebook.load()
SAMPLES = Path(__file__).parent.parent / "samples" / "requests"
MODELS = {
    "create-metadata": GlanceCreateImageMetadataRequestBody, "register-file": RegisterImageRequestBody,
    "action": CreateImageRequestBody, "quickimport-system": QuickImportImageByFileRequestBody,
    "quickimport-data": QuickImportImageByFileRequestBody, "dataimage": CreateDataImageRequestBody,
}
UBUNTU = OperatingSystem(type="Linux", id="ubuntu", version="22.04", release="22.04.4", name="Ubuntu 22.04.4 LTS",
                         architecture="x86_64", bits=64)
IMAGE = Inspection(path="web.raw", size=10, format="raw", disk_format="raw", virtual_size=2 * GIB, os=UBUNTU,
                   firmware=Firmware(bios=True))
ISO = Inspection(path="web.iso", size=10, format="iso", disk_format="iso", virtual_size=2 * GIB, os=UBUNTU)
ID = "4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86"
# Every field that a person may give, so far as the models have it.
MORE = {
    "create-metadata": {"protected": "true"},
    "register-file": {"image_id": ID},
    "action": {"description": "a", "cmk_id": ID, "enterprise_project_id": "0", "is_config": "true", "max_ram": "4096",
               "is_quick_import": "true", "image_tags": '[{"key": "a", "value": "b"}]', "type": "BMS"},
    "quickimport-system": {"description": "a", "enterprise_project_id": ID, "license_type": "byol", "tags": "a.b"},
    "quickimport-data": {"description": "a", "enterprise_project_id": ID, "os_type": "Windows",
                         "image_tags": '[{"key": "a", "value": "b"}]'},
    "dataimage": {"description": "a", "cmk_id": ID, "enterprise_project_id": "", "os_type": "Linux", "tags": "a.b,c"},
}


def through_the_model(operation: str, body: dict[str, Any]) -> dict[str, Any]:
    return sanitize_for_serialization(ImsClient()._deserialize(body, MODELS[operation]))


def built(operation: str, image: Inspection, extra: dict[str, str]) -> dict[str, Any]:
    address = None if operation == "create-metadata" else f"images:{image.path}"
    found = BOOK.profile.operations[operation]
    derived = derive(image, Choices(address=address, extra=extra), BOOK, "greater", found)
    return build_request(derived, found).body


def test_every_call_with_a_body_has_a_model():
    assert set(MODELS) == {name for name, found in BOOK.profile.operations.items()
                           if found.content_type == "application/json"}


@pytest.mark.parametrize("image", [IMAGE, ISO], ids=lambda image: image.format)
@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("operation", MODELS)
def test_what_is_built_loads_without_loss(operation, extra, image):
    body = built(operation, image, MORE[operation] if extra else {})
    # Properties of one's own have no place in the model of the create call; the service takes them all the same.
    kept = {name: value for name, value in body.items()
            if operation != "create-metadata" or name not in BOOK.profile.custom_properties}
    assert kept
    assert through_the_model(operation, kept) == kept
    assert set(body) - set(kept) <= {"hw_firmware_type"}


@pytest.mark.parametrize(("name", "operation"), [("create-image", "create-metadata"),
                                                 *((name, name) for name in MODELS if name != "create-metadata")])
def test_a_sample_of_the_pages_loads_without_loss(name, operation):
    body = json.loads((SAMPLES / f"{name}.json").read_text())
    known = set(MODELS[operation].attribute_map.values())
    assert through_the_model(operation, body) == {key: value for key, value in body.items() if key in known}
    assert set(body) <= known


# What a page has and the model has not: the pages are the authority, so these are no slips of ours. The model of an
# item of data_images knows disks of a server (volume_id) only, not files: it has no image_url and no min_disk.
NOT_IN_THE_SDK = {("action", "os_type"), ("action", "is_config_init"), ("action", "license_type")}


@pytest.mark.parametrize("operation", MODELS)
def test_documented_fields_are_those_of_the_model(operation):
    fields = BOOK.profile.operations[operation].documented({})
    known = set(MODELS[operation].attribute_map.values())
    assert {(operation, name) for name in set(fields) - known} == {pair for pair in NOT_IN_THE_SDK
                                                                   if pair[0] == operation}


@pytest.mark.parametrize(("operation", "name", "field"), [
    (operation, name, field) for operation in MODELS
    for name, field in BOOK.profile.operations[operation].documented({}).items()
    if (operation, name) not in NOT_IN_THE_SDK])
def test_documented_types_are_those_of_the_model(operation, name, field):
    model = MODELS[operation]
    attribute = next(key for key, json_name in model.attribute_map.items() if json_name == name)
    found = model.openapi_types[attribute]
    wanted = {"string": "str", "integer": "int", "boolean": "bool", "string-list": "list[str]"}
    assert found == wanted.get(field.type) or (field.type == "object-list" and found.startswith("list["))


# What a field may hold, the values that are easily taken for nothing among them.
VALUES = {"string": ["a", ""], "integer": [40, 0], "boolean": [True, False], "string-list": [["a.b", ""], []],
          "object-list": [[]], "object": [{}]}


@pytest.mark.parametrize(("operation", "name", "value"), [
    pytest.param(operation, name, value, id=f"{operation} {name} {value}") for operation in MODELS
    for name, field in BOOK.profile.operations[operation].documented({}).items() for value in VALUES[field.type]])
def test_each_documented_field_comes_through(operation, name, value):
    lost = (operation, name) in NOT_IN_THE_SDK
    assert through_the_model(operation, {name: value}) == ({} if lost else {name: value})


NOT_IN_AN_ITEM = {("action", "data_images", name)
                  for name in ("image_url", "min_disk", "is_quick_import", "image_tags")}


@pytest.mark.parametrize(("operation", "name", "key", "value"), [
    pytest.param(operation, name, key, value, id=f"{operation} {name} {key} {value}") for operation in MODELS
    for name, field in BOOK.profile.operations[operation].documented({}).items()
    for key, item in field.items.items() for value in VALUES[item.type]])
def test_each_field_of_an_item_comes_through(operation, name, key, value):
    lost = (operation, name, key) in NOT_IN_AN_ITEM
    assert through_the_model(operation, {name: [{key: value}]}) == {name: [{} if lost else {key: value}]}


# Images of a server or of a disk of one are made by the same call; of a quick import there is one model for both.
ONLY_IN_THE_SDK = {"action": {"instance_id", "volume_id"}, "quickimport-system": {"os_type"},
                   "quickimport-data": {"architecture", "hw_firmware_type", "license_type", "os_version"}}


@pytest.mark.parametrize("operation", MODELS)
def test_the_models_have_nothing_that_no_page_has(operation):
    documented = BOOK.profile.operations[operation].documented({})
    assert set(MODELS[operation].attribute_map.values()) - set(documented) == ONLY_IN_THE_SDK.get(operation, set())


@pytest.mark.parametrize("name", BOOK.profile.custom_properties)
def test_an_additional_property_is_lost(name):
    assert through_the_model("create-metadata", {"name": "a", name: "true"}) == {"name": "a"}


def paths_of_the_sdk() -> set[tuple[str, str]]:
    """Return method and path of each call that the SDK makes; its templates stand for what a request would say."""
    found = set()
    for name in dir(ImsClient):
        if name.endswith("_http_info"):
            call = getattr(ImsClient, name)(type("Request", (), {"attribute_map": {}})())
            found.add((call["method"], call["resource_path"]))
    return found


def test_of_the_seven_operations_only_the_upload_has_no_call():
    calls = {name: (found.method, found.path) for name, found in BOOK.profile.operations.items()}
    assert len(calls) == 7
    assert {name for name, call in calls.items() if call not in paths_of_the_sdk()} == {"upload-file"}
