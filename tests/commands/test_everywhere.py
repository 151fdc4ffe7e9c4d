"""``imgbuild check --cloud all``: the table, its JSON, the exit status, and who else takes ``all``."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from caller import call, errors

from imgbuild import rulebook
from imgbuild.schemas import schema_of

SAMPLES = Path(__file__).parent.parent.parent / "samples"
DEBIAN, OVERLAY = SAMPLES / "debian-12-tiny.qcow2", SAMPLES / "overlay.qcow2"
WORDS = ("check", "--cloud", "all", "--no-checksum")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_table_has_a_row_for_each_cloud_and_keeps_its_width(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.chdir(SAMPLES)
    result = call(*WORDS, DEBIAN.name)
    lines = result.stdout.splitlines()
    known = rulebook.clouds()
    assert (result.exit_code, lines[0]) == (0, f"{DEBIAN.name}  goes to {len(known)} of {len(known)} clouds")
    assert [cloud for cloud in known if sum(line.startswith(f"  {cloud} ") for line in lines) != 1] == []
    assert max(len(line) for line in lines) <= columns
    assert "Others    of these clouds only rules on the file are known" in lines
    assert any(line.split()[:5] == ["tencent", "fits", "ImportImage,", "from", "COS"] for line in lines)


def test_what_stands_in_the_way_everywhere_is_told_once():
    text = " ".join(call(*WORDS, OVERLAY).stdout.split())
    first, *others = rulebook.clouds()
    assert text.count("the image needs the backing file") == 1
    assert text.count(f"as at {first}") == len(others) + 8
    assert f"as at {first}; 1 more error" in text  # what a sibling says of the file besides


def test_the_json_is_of_its_schema():
    document = json.loads(call(*WORDS, DEBIAN, OVERLAY, "--format", "json").stdout)
    jsonschema.validate(document, schema_of("destinations"))
    assert [image["path"] for image in document["images"]] == [str(DEBIAN), str(OVERLAY)]
    assert (document["kind"], document["images"][0]["destinations"][0]["verdict"]) == ("destinations", "yes")


@pytest.mark.parametrize(("words", "status"), [([DEBIAN], 0), ([OVERLAY], 1), ([DEBIAN, OVERLAY], 1),
                                               ([OVERLAY, "--fail-on", "never"], 0), ([DEBIAN, "-q"], 0)])
def test_the_status_says_whether_each_can_go_somewhere(words, status):
    assert call(*WORDS, *words).exit_code == status


def test_quiet_is_a_line_for_each_image():
    assert len(call(*WORDS, "-q", DEBIAN).stdout.splitlines()) == 1


@pytest.mark.parametrize(("words", "option"), [
    (["--request", "r.json"], "request"), (["--manifest", "m.json"], "manifest"),
    (["--packer-manifest", "p.json"], "packer-manifest"), (["--operation", "action"], "operation"),
    (["--catalogue", "c.json"], "catalogue"),
])
def test_what_belongs_to_one_cloud_is_refused(words, option):
    assert errors(*WORDS, DEBIAN, *words) == (
        2, f"--{option} and --cloud all contradict each other (name the cloud that it is for)")


def test_no_image():
    assert errors(*WORDS) == (2, "no image is named (imgbuild check --cloud all IMAGE...)")


@pytest.mark.parametrize("command", ["build", "inspect", "lint", "rules"])
def test_other_commands_want_one_cloud(command):
    name = [] if command == "rules" else [SAMPLES / "requests" / "create-image.json" if command == "lint" else DEBIAN]
    assert errors(command, "--cloud", "all", *name) == (
        2, "no cloud 'all' (imgbuild check --cloud all IMAGE asks them all)")


def test_reports_on_findings_are_refused():
    status, message = errors(*WORDS, DEBIAN, "--format", "sarif")
    assert (status, message) == (
        2, "there is no sarif report of this (lint and check have sarif; here it is text or json)")
