"""The request, the import path that can carry the file, and the answers to expect."""

import json
import re
from pathlib import Path

import pytest

from imgbuild import rulebook
from imgbuild.derivation import Choices, derive
from imgbuild.model import Firmware, Inspection, OperatingSystem, Partition, Problem, Request
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
    assert found.why == ("upload-file: the file has 128 GiB, it takes less than 2 GB",
                         "register-file: the file has 128 GiB, it takes at most 128 GB")


def test_a_format_that_no_path_takes_is_told():
    assert choose_route(image(format="tar"), CREATE, BOOK.profile).why[0] == "upload-file: it does not take tar"


def test_the_other_paths_say_whether_they_could():
    others = {other.operation: other.why_not for other in choose_route(image(), CREATE, BOOK.profile).others}
    assert others["register-file"] is None
    assert others["quickimport-system"] == "it does not take qcow2"


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
