"""``--catalogue``: the OS list of a region, in every command that asks for OS versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from caller import call, errors

SAMPLES = Path(__file__).parent.parent.parent / "samples"
IMAGE, REGION = SAMPLES / "debian-12-tiny.qcow2", SAMPLES / "os_version.json"


def document(*words: object) -> dict[str, Any]:
    return json.loads(call(*words, "--format", "json").stdout)


def test_build_picks_from_it_and_says_so():
    made = document("build", IMAGE, "--catalogue", REGION, "--no-checksum")
    assert made["policy"]["catalogue"] == {"name": str(REGION), "exact": True, "entries": 10}
    assert made["derived"]["__os_version"]["value"] == "Debian GNU/Linux 12.0.0 64bit"
    assert made["derived"]["__os_version"]["why"][1:] == [
        "huaweicloud lists no 12.5; same distribution, major version and architecture: 12.0.0",
        "spelt as in the list of the region, os_version.json"]


def test_without_it_build_says_how_old_the_list_is_and_how_sure_the_spelling():
    made = document("build", IMAGE, "--no-checksum")
    assert "catalogue" not in made["policy"]
    assert made["derived"]["__os_version"]["why"][-1] == (
        "built-in list: in lists of the console or in somebody's tool, so likely a value, 2024-09-17 to 2024-12-17")


def test_check_takes_its_word():
    words = ("check", IMAGE, "--no-checksum", "--select", "ims-os-version-of-a-sister-cloud")
    assert document(*words)["summary"]["warning"] == 1
    assert document(*words, "--catalogue", REGION)["summary"]["warning"] == 0


def test_the_configuration_takes_it_relative_to_its_file(tmp_path, monkeypatch):
    (tmp_path / "list.json").write_bytes(REGION.read_bytes())
    (tmp_path / "imgbuild.toml").write_text('catalogue = "list.json"\n')
    (tmp_path / "r.json").write_text('{"__os_version": "CentOS 7.9 64bit"}')
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    found = {finding["rule"]: finding["message"] for finding in document("lint", "../r.json")["findings"]}
    assert found["ims-os-version-not-in-region"] == "'CentOS 7.9 64bit' is not in the list of the region, list.json"


@pytest.mark.parametrize("words", [["build", IMAGE], ["check", IMAGE], ["rules"], ["explain", "CentOS 7.9 64bit"],
                                   ["lint", SAMPLES / "requests" / "create-image.json"],
                                   ["verify", SAMPLES / "debian-12-tiny.manifest.json"]])
def test_a_broken_one_is_refused_before_any_work(tmp_path, words):
    (tmp_path / "list.json").write_text("[1]")
    assert errors(*words, "--catalogue", tmp_path / "list.json") == (3, (
        f"the catalogue '{tmp_path}/list.json', line 1, column 2: it is no object (save the whole answer of GET"
        " /v1/cloudimages/os_version to it)"))


def test_a_cloud_without_such_a_list_takes_none():
    assert errors("build", IMAGE, "--cloud", "openstack", "--catalogue", REGION) == (
        2, "openstack has no list of OS versions (leave out --catalogue)")


def test_verify_takes_it_and_rules_of_ones_own(tmp_path):
    (tmp_path / "a.toml").write_text('[[rule]]\nid = "ims-os-version-near"\nseverity = "error"\n')
    found = document("verify", SAMPLES / "debian-12-tiny.manifest.json", "--rules", tmp_path, "--catalogue", REGION)
    assert {(finding["rule"], finding["severity"]) for finding in found["findings"]
            if finding["rule"].startswith("ims-os-version")} == {("ims-os-version-near", "error")}


def test_it_decides_how_the_default_is_spelt(tmp_path):
    (tmp_path / "r.json").write_text('{"__os_version": "Other Linux (64 bit)"}')
    words = ("lint", tmp_path / "r.json", "--select", "ims-os-version-misspelt")
    assert document(*words)["findings"] == []
    assert [finding["hint"] for finding in document(*words, "--catalogue", REGION)["findings"]] == [
        "Write 'Other Linux(64 bit)'."]


def test_explain_shows_a_spelling_and_the_list_it_is_of():
    shown = document("explain", "Ubuntu 22.04 server 64bit")
    (entry,) = shown["os_versions"]
    assert (entry["id"], entry["version"], entry["usable_as_os_version"]) == ("ubuntu", "22.04", "yes")
    assert entry["seen"].startswith("built-in list: printed as a value, 20")
    assert shown["catalogue"]["entries"] == sum(shown["catalogue"]["usable_as_os_version"].values())
    assert shown["catalogue"]["oldest"] < shown["catalogue"]["newest"]

    of_region = document("explain", "Ubuntu 22.04 server 64bit", "--catalogue", REGION)
    assert of_region["catalogue"] == {"name": str(REGION), "exact": True, "entries": 10}
    assert of_region["os_versions"][0]["seen"] == "spelt as in the list of the region, os_version.json"


def test_explain_of_a_rule_on_os_versions_says_how_old_the_list_is():
    text = call("explain", "ims-os-version-unlisted").stdout
    assert "  list    built in: " in text
    assert "printed as a value" in text
    assert "catalogue" not in document("explain", "ims-name-missing")


def test_a_slip_in_a_spelling_is_told():
    assert errors("explain", "CentOS 7.9 64BIT") == (2, "no rule 'CentOS 7.9 64BIT' (did you mean 'CentOS 7.9 64bit'?)")
