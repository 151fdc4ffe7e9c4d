"""JSON for programs: the contract's heads, one line each for several, the same bytes for the same facts."""

from __future__ import annotations

import json

import msgspec
import pytest
from documents import BELOW, BODY, IMAGE, MANIFEST, findings

from imgbuild import __version__, reports
from imgbuild.documents.rules import Rules
from imgbuild.reports.json import encode
from imgbuild.reports.page import Page
from imgbuild.reports.views import FindingsView, ImageView, ManifestView, RulesView

VIEWS = {
    "inspection": ImageView(image=IMAGE), "manifest": ManifestView(manifest=MANIFEST),
    "findings": FindingsView(findings=findings(BELOW), cloud="huaweicloud", status=1),
    "rules": RulesView(rules=Rules(cloud="huaweicloud", rules=())),
}


def rendered(view):
    return reports.render("json", view, Page(width=10, colour=True, verbose=True, quiet=True))


@pytest.mark.parametrize("kind", VIEWS)
def test_each_document_begins_with_version_schema_and_kind(kind):
    data = rendered(VIEWS[kind])
    head = list(json.loads(data).items())[:3]
    assert head == [("imgbuild", __version__), ("schema", 1), ("kind", kind)]
    assert data.endswith(b"}\n")
    assert data.count(b"\n") > 3
    assert rendered(VIEWS[kind]) == data


def test_one_of_several_is_a_line():
    for view in (ImageView(image=IMAGE, several=True), ManifestView(manifest=MANIFEST, several=True)):
        assert rendered(view).count(b"\n") == 1


@pytest.mark.parametrize("several", [False, True])
def test_the_request_alone_is_its_body(several):
    data = rendered(ManifestView(manifest=MANIFEST, request_only=True, several=several))
    assert json.loads(data) == BODY


def test_control_characters_of_a_guest_do_not_pass():
    image = msgspec.structs.replace(IMAGE, path="a\x1b\x9b\u202e\n.raw")
    data = rendered(ImageView(image=image))
    assert json.loads(data)["path"] == image.path
    assert b"a\\u001b\\u009b\\u202e\\n.raw" in data


def test_a_file_name_that_is_not_utf_8_is_shown_escaped():
    image = msgspec.structs.replace(IMAGE, path="disk\udcff.raw")
    assert json.loads(rendered(ImageView(image=image)))["path"] == "disk\\xff.raw"


def test_facts_on_the_run_are_absent_unless_asked_for():
    assert "run" not in json.loads(rendered(ImageView(image=IMAGE)))


def test_a_line_has_no_white_space_of_its_own():
    assert encode({"a": [1, 2]}, line=True) == b'{"a":[1,2]}\n'
