"""The request, the import path that can carry the file, and the answers to expect."""

import json
import re
from pathlib import Path

import pytest

from imgbuild import rulebook
from imgbuild.choices import Choices
from imgbuild.derivation import derive
from imgbuild.documents.inspection import Inspection
from imgbuild.documents.manifest import Request
from imgbuild.errors import UsageError
from imgbuild.model import Firmware, OperatingSystem, Partition, Problem
from imgbuild.request import build_request, choose_route, expect
from imgbuild.sizes import GIB

BOOK = rulebook.load("huaweicloud")
CREATE = BOOK.profile.operations["create-metadata"]
SAMPLES = Path(__file__).parent.parent / "samples" / "requests"


def image(**facts):
    known = {"path": "web.qcow2", "size": 4096, "format": "qcow2", "disk_format": "qcow2", "virtual_size": 2 * GIB,
             "checksums": {"md5": "0" * 32}}
    return Inspection(**(known | facts))


def expected(facts, **choices):
    request = build_request(derive(facts, Choices(**choices), BOOK, "greater"), CREATE)
    return expect(request, facts, BOOK)


def test_the_request_is_the_documented_call():
    request = build_request(derive(image(), Choices(), BOOK, "greater"), CREATE)
    assert (request.operation, request.method, request.path) == ("create-metadata", "POST", "/v2/images")
    assert request.body["name"] == "web"


@pytest.mark.parametrize(("route", "why", "size"), [
    ("upload-file", "the file has 2 GiB, it takes less than 2 GB", 2 * GIB - 1),
    ("register-file", "the file has 2 GiB, it takes at most 128 GB", 2 * GIB),
    ("register-file", "the file has 128 GiB, it takes at most 128 GB", 128 * GIB),
])
def test_the_route_depends_on_the_size(route, why, size):
    found = choose_route(image(size=size), CREATE, BOOK.profile)
    assert found.operation == route
    assert found.why == (why.replace("2 GiB, it takes less", "2.00 GiB, it takes less"),)


def test_no_route_says_why_each_refuses():
    found = choose_route(image(size=128 * GIB + 1), CREATE, BOOK.profile)
    assert found.operation is None
    assert found.why == ("upload-file: the file has 128 GiB (137438953473 bytes), it takes less than 2 GB",
                         "register-file: the file has 128 GiB (137438953473 bytes), it takes at most 128 GB")


def test_a_format_that_no_path_takes_is_told():
    assert choose_route(image(format="tar"), CREATE, BOOK.profile).why[0] == "upload-file: it does not take tar"


def test_the_other_paths_say_whether_they_could():
    others = {other.operation: other.why_not for other in choose_route(image(), CREATE, BOOK.profile).others}
    assert others["register-file"] is None
    assert others["quickimport-system"] == "it does not take qcow2"


@pytest.mark.parametrize(("operation", "route", "why"), [
    ("action", "action", ("the file has 4 KiB, it takes at most 128 GB",)),
    ("register-file", "register-file", ("the file has 4 KiB, it takes at most 128 GB",)),
    ("quickimport-system", None, ("quickimport-system: it does not take qcow2",)),
    ("dataimage", None, ("dataimage: it makes images of data disks, and this is a system disk",)),
])
def test_an_operation_that_takes_a_file_is_its_own_way(operation, route, why):
    found = choose_route(image(os=SYSTEM), BOOK.profile.operations[operation], BOOK.profile)
    assert (found.operation, found.why) == (route, why)
    others = {other.operation for other in found.others}
    assert others | {found.operation} >= {"upload-file", "register-file", "action", "quickimport-system",
                                          "quickimport-data", "dataimage"}


DATA = {"partitions": (Partition(index=0, start=0, size=1, filesystem="ext4"),)}
ISO = {"format": "iso", "disk_format": "iso"}


@pytest.mark.parametrize(("operation", "refusal", "facts"), [
    ("action", "it makes images of system disks and ISO files, and this is a data disk", DATA),
    ("quickimport-system", "it makes images of system disks, and this is a data disk", {**DATA, "format": "raw"}),
    ("dataimage", None, DATA),
    ("upload-file", None, DATA),
    ("upload-file", "it does not take iso", ISO),
    ("register-file", None, ISO),
    ("action", None, ISO),
    ("action", "the file has 200 GiB (214748364800 bytes), it takes at most 128 GB", {"size": 200 * GIB}),
    ("quickimport-system", None, {"size": 1024 * GIB, "format": "raw"}),
    ("quickimport-data", "the file has 1.00 TiB (1099511627777 bytes), it takes at most 1 TB",
     {"size": 1024 * GIB + 1, "format": "raw"}),
])
def test_each_way_says_why_it_does_not_carry_a_file(operation, refusal, facts):
    found = choose_route(image(**facts), CREATE, BOOK.profile)
    ways = {other.operation: other.why_not for other in found.others} | {found.operation: None}
    assert ways[operation] == refusal


@pytest.mark.parametrize(("needs", "body", "facts"), [
    (["web.mf in the same bucket"], {}, {"path": "folder/web.raw"}),
    (["a/web.mf in the same bucket"], {"image_url": "images:a/web.raw"}, {"path": "folder/x.raw"}),
    (["web.12.mf in the same bucket"], {"image_url": "images:web.12.raw"}, {}),
    ([], {"image_url": "images:web.zvhd2"}, {"format": "zvhd2"}),
])
def test_the_quick_import_of_a_raw_file_needs_its_bitmap(needs, body, facts):
    quick = BOOK.profile.operations["quickimport-system"]
    found = choose_route(image(**{"format": "raw", **facts}), quick, BOOK.profile, body).needs
    assert list(found) == [*needs, "a guest that is prepared: the quick import configures nothing in it"]


@pytest.mark.parametrize(("size", "needs"), [
    (12 << 20, ()), ((12 << 20) + 1, ("a token: a request that is signed with AK/SK carries at most 12 MB",))])
def test_a_large_upload_needs_a_token(size, needs):
    assert choose_route(image(size=size), CREATE, BOOK.profile).needs == needs


@pytest.mark.parametrize(("size", "needs"), [
    (5 * GIB, ()),
    (5 * GIB + 1, ("a tool or the API to bring the file into the bucket: the console takes up to 5 GB",))])
def test_a_large_file_does_not_go_through_the_console(size, needs):
    assert choose_route(image(size=size), BOOK.profile.operations["action"], BOOK.profile).needs == needs


@pytest.mark.parametrize(("quick", "route"), [(False, None), (True, "action"), ("true", None)])
def test_the_quick_import_by_the_other_door_has_its_own_limits(quick, route):
    facts = image(format="raw", size=200 * GIB)
    found = choose_route(facts, BOOK.profile.operations["action"], BOOK.profile, {"is_quick_import": quick})
    assert found.operation == route


ID = "4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86"


@pytest.mark.parametrize(("operation", "path"), [
    ("upload-file", "/v2/images/{image_id}/file"), ("register-file", "/v1/cloudimages/{image_id}/upload")])
def test_an_id_stands_in_the_path(operation, path):
    found = BOOK.profile.operations[operation]
    for extra, expected_path in (({}, path), ({"image_id": ID}, path.replace("{image_id}", ID))):
        request = build_request(derive(image(), Choices(extra=extra), BOOK, "greater", found), found)
        assert (request.path, request.body) == (expected_path, {})


@pytest.mark.parametrize("text", ["a/b", "..%2F", "a b", ""])
def test_an_id_that_breaks_out_of_its_part_of_the_path_is_refused(text):
    found = BOOK.profile.operations["upload-file"]
    with pytest.raises(UsageError) as caught:
        build_request(derive(image(), Choices(extra={"image_id": text}), BOOK, "greater", found), found)
    assert str(caught.value) == f"image_id {text!r} cannot stand in a path (give the id of the answer)"


def test_an_upload_is_no_json():
    found = BOOK.profile.operations["upload-file"]
    assert build_request(derive(image(), Choices(), BOOK, "greater", found), found).content_type == (
        "application/octet-stream")


@pytest.mark.parametrize(("operation", "kind", "extra"), [
    ("action", "FusionCompute", {}), ("action", "Ironic", {"type": "BMS"}), ("action", "Ironic", {"type": "Ironic"}),
    ("quickimport-system", "FusionCompute", {}), ("quickimport-data", "DataImage", {}),
    ("dataimage", "DataImage", {})])
def test_an_import_answers_with_a_job(operation, kind, extra):
    found = BOOK.profile.operations[operation]
    choices = Choices(address="images:", extra=extra)
    facts = image(os=SYSTEM) if operation in {"action", "quickimport-system"} else image(**DATA)
    request = build_request(derive(facts, choices, BOOK, "greater", found), found)
    answer = expect(request, facts, BOOK)
    assert list(answer.created) == ["job_id"]
    assert (answer.active["status"], answer.active["virtual_env_type"], answer.active["name"]) == (
        "active", kind, "web")
    assert "checksum" not in answer.active
    assert ("__os_version" in answer.active) == (operation == "quickimport-system")


@pytest.mark.parametrize(("operation", "created"), [("upload-file", []), ("register-file", ["job_id"])])
def test_a_file_for_metadata_that_exist_is_expected_as_it_is(operation, created):
    found = BOOK.profile.operations[operation]
    answer = expect(build_request(derive(image(), Choices(), BOOK, "greater", found), found), image(), BOOK)
    assert (list(answer.created), answer.active["size"]) == (created, 4096)


def test_a_data_disk_call_does_not_carry_a_system():
    others = {other.operation: other.why_not for other in choose_route(image(os=SYSTEM), CREATE, BOOK.profile).others}
    assert others["dataimage"] == "it makes images of data disks, and this is a system disk"


def test_every_documented_field_is_expected():
    found = expected(image())
    assert set(BOOK.profile.response) == set(found.created) | set(found.active)
    assert len(BOOK.profile.response) == 30


def test_the_file_is_expected_once_it_is_there():
    found = expected(image())
    assert found.created["status"] == "queued"
    assert found.created["__image_size"] == "0"
    assert found.active == {"status": "active", "__image_size": "4096", "checksum": "0" * 32, "size": 4096,
                            "virtual_size": 2 * GIB}


EXT4 = Partition(index=0, start=0, size=1, filesystem="ext4")
SYSTEM = OperatingSystem(type="Linux", id="debian", version="12", release=None, name=None, architecture=None, bits=64)


@pytest.mark.parametrize(("kind", "facts"), [
    ("DataImage", {"partitions": (EXT4,)}),
    ("IsoImage", {"format": "iso", "disk_format": "iso"}),
    ("FusionCompute", {"os": SYSTEM}),
    ("FusionCompute", {"firmware": Firmware(bios=True)}),
    ({"set_by": "server", "allowed": ["FusionCompute", "DataImage"]}, {}),
    ({"set_by": "server", "allowed": ["FusionCompute", "DataImage"]},
     {"partitions": (EXT4,), "problems": (Problem(code="filesystem-unreadable", message="btrfs"),)}),
])
def test_the_kind_of_image_is_expected(kind, facts):
    assert expected(image(**facts)).created["virtual_env_type"] == kind


def test_a_system_left_out_may_come_back_in_both_spellings():
    assert expected(image()).created["__os_version"] == {
        "set_by": "server", "allowed": ["Other Linux(64 bit)", "Other Linux (64 bit)"]}


def test_the_documents_answer_fits_what_is_expected_for_the_documents_request():
    body = json.loads((SAMPLES / "create-image.json").read_text())
    answer = json.loads((SAMPLES / "create-image-response.json").read_text())
    request = Request(operation="create-metadata", method="POST", path="/v2/images", body=body)
    created = expect(request, image(format="vhd", disk_format="vhd", path="test.vhd"), BOOK).created
    assert not [name for name, value in answer.items() if not _fits(created[name], value)]
    assert not [name for name, wanted in created.items() if name not in answer and not _may_be_absent(wanted)]


def _fits(wanted, value):
    if not isinstance(wanted, dict):
        return wanted == value
    if "pattern" in wanted:
        return re.fullmatch(wanted["pattern"], value) is not None
    return value in wanted.get("allowed", [value])


def _may_be_absent(wanted):
    return isinstance(wanted, dict) and wanted.get("may_be_absent")
