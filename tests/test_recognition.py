"""Which operation a body is for: the samples of the pages, bodies that fit several, and bodies that fit none."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgbuild import linting, rulebook
from imgbuild.checks import Context
from imgbuild.documents.inspection import Inspection
from imgbuild.recognition import recognise

BOOK = rulebook.load()
PROFILE = BOOK.profile
SAMPLES = Path(__file__).parent.parent / "samples" / "requests"
SYSTEM = {"name": "a", "image_url": "images:a.raw", "min_disk": 40, "os_version": "CentOS 7.0 64bit"}
DATA = {"name": "a", "image_url": "images:a.qcow2", "min_disk": 40}


def recognised(body, **image):
    facts = msgspec.convert({"path": "a", "size": 1, "format": "raw"} | image, Inspection) if image else None
    return recognise(body, PROFILE, facts)


@pytest.mark.parametrize(("operation", "name"), [
    ("create-metadata", "create-image"), ("register-file", "register-file"), ("action", "action"),
    ("quickimport-system", "quickimport-system"), ("quickimport-data", "quickimport-data"),
    ("dataimage", "dataimage")])
def test_a_sample_of_the_pages_is_for_its_page(operation, name):
    assert recognised(json.loads((SAMPLES / f"{name}.json").read_text())).operation == operation


@pytest.mark.parametrize(("operation", "body"), [
    ("create-metadata", {}),
    ("create-metadata", {"name": "a"}),
    ("create-metadata", {"name": "a", "min_disk": 40}),
    ("create-metadata", {"__os_version": "CentOS 7.0 64bit"}),
    ("create-metadata", {"name": "a", "disk_format": "raw", "image_url": 7}),
    ("create-metadata", {"name": "a", "team": "web"}),
    ("register-file", {"image_url": "images:a.raw"}),
    ("register-file", {"image_url": "images:a.raw", "image_id": "a"}),
    ("action", {**DATA, "is_config": True}),
    ("action", {**DATA, "type": "IsoImage"}),
    ("action", {**DATA, "type": "FusionCompute"}),
    ("action", {**DATA, "max_ram": 4096}),
    ("action", {**DATA, "os_version": "CentOS 7.0 64bit"}),
    ("action", {**DATA, "os_type": "Other"}),
    ("action", {**DATA, "architecture": "mips"}),
    ("action", {**DATA, "license_type": "bought", "os_type": "Linux"}),
    ("action", {**DATA, "type": "ecs"}),
    ("action", {**DATA, "image_url": "images:a.raw", "type": "isoimage"}),
    ("quickimport-data", {**DATA, "image_url": "images:a.raw", "type": "dataimage"}),
    ("action", {**DATA, "data_images": []}),
    ("action", {**SYSTEM, "is_quick_import": True}),
    ("action", {**SYSTEM, "cmk_id": "x"}),
    ("action", {**DATA, "min_disk": 20}),
    ("quickimport-data", {**DATA, "type": "DataImage"}),
    ("quickimport-data", {"type": "DataImage"}),
    ("quickimport-system", SYSTEM),
    ("dataimage", DATA),
    ("dataimage", {**DATA, "cmk_id": "x"}),
    ("dataimage", {**DATA, "min_disk": 2000}),
])
def test_fields_speak_for_an_operation(operation, body):
    assert recognised(body).operation == operation


@pytest.mark.parametrize(("operation", "others", "body"), [
    ("quickimport-system", ("action",), SYSTEM),
    ("dataimage", ("action",), DATA),
    ("dataimage", ("action",), {"name": "a", "image_url": "images:a.qcow2"}),
    ("create-metadata", (), {"__os_version": "CentOS 7.0 64bit", "name": "a"}),
    ("action", (), {**DATA, "os_version": "CentOS 7.0 64bit"}),
])
def test_of_several_alike_the_others_are_named(operation, others, body):
    found = recognised(body)
    assert (found.operation, found.others) == (operation, others)


def test_an_image_decides_between_system_and_data():
    system = {"firmware": {"bios": True}}
    data = {"partitions": [{"index": 0, "start": 0, "size": 1, "filesystem": "ext4"}]}
    assert (recognised(DATA, **system).operation, recognised(DATA, **system).others) == ("action", ())
    assert (recognised(DATA, **data).operation, recognised(DATA, **data).others) == ("dataimage", ())


@pytest.mark.parametrize(("why", "body"), [
    ("it has disk_format", {"name": "a", "disk_format": "raw"}),
    ("nothing in it speaks for another one", {}),
    ("it has image_url, os_version", SYSTEM),
])
def test_it_says_why(why, body):
    assert recognised(body).why.startswith(why)


@pytest.mark.parametrize("body", [
    {"image_url": None, "type": [], "min_disk": {}}, {"type": {}}, {"min_disk": True}, {"image_url": ""}, {"": ""},
    {"data_images": [1, {"image_url": []}]}, {f"key{number}": number for number in range(5000)}])
def test_absurd_bodies_are_for_something(body):
    assert recognised(body).operation in PROFILE.operations


# Whatever a body holds: it is for something, and every rule of that operation can be asked

NAMES = sorted({part for found in PROFILE.operations.values() for name, field in found.fields.items()
                for part in (name, *field.items)} | {"hw_firmware_type", "os_shutdown_timeout", "status"})
WORDS = st.sampled_from(["images:a.iso", "images:a.raw", ":", "a.b", "IsoImage", "BMS", "DataImage", "Windows",
                         "arm", "CentOS 7.0 64bit", "", "\ud800", "=", "true"])
LEAVES = st.none() | st.booleans() | st.integers(-(1 << 63), 1 << 63) | st.floats() | st.text(max_size=5) | WORDS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=4), max_leaves=12)
BODIES = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), VALUES, max_size=8)


@given(body=BODIES, image=st.sampled_from([None, {"format": "iso"}, {"firmware": {"bios": True}}, {"format": "raw"}]),
       named=st.sampled_from([None, *PROFILE.operations]))
@settings(max_examples=200, deadline=None)
def test_no_body_is_too_odd_for_a_rule(body, image, named):
    facts = msgspec.convert({"path": "a", "size": 1, "format": "raw"} | image, Inspection) if image else None
    found = recognise(body, PROFILE, facts)
    assert found.operation in PROFILE.operations
    context = Context(operation=named or found.operation, recognised=found, body=body, image=facts)
    assert all(finding.message for finding in linting.lint(BOOK, context)[0])
