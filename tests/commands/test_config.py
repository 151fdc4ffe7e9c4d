"""Configuration in use: what comes before what, what it changes in a run, and what it cannot do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from program import run

SAMPLES = Path(__file__).parent.parent.parent / "samples"
IMAGE = "debian-12-tiny.qcow2"
SISTER = "ims-os-version-of-a-sister-cloud"


@pytest.fixture
def folder(tmp_path):
    shutil.copy(SAMPLES / IMAGE, tmp_path)
    return tmp_path


def configure(folder, text):
    (folder / "imgbuild.toml").write_text(text)


def value_of(result, name):
    (found,) = [(it["value"], it["origin"]) for it in result.document["values"] if it["name"] == name]
    return found


def shown(folder, *words, **environment):
    return run("config", *words, "--format", "json", folder=folder, **environment)


def test_what_comes_before_what(folder):
    assert value_of(shown(folder), "fail-on") == ("error", "built in")
    configure(folder, 'fail-on = "warning"')
    assert value_of(shown(folder), "fail-on") == ("warning", "imgbuild.toml")
    from_environment = shown(folder, IMGBUILD_FAIL_ON="note")
    assert value_of(from_environment, "fail-on") == ("note", "environment, IMGBUILD_FAIL_ON")
    assert value_of(shown(folder, "--fail-on", "never", IMGBUILD_FAIL_ON="note"), "fail-on") == (
        "never", "command line")


def test_the_request_has_defaults(folder):
    configure(folder, '[request]\nmin_ram = 2048\ntags = ["a=b"]\ndescription = "by the pipeline"\n')
    body = run("build", IMAGE, "--request-only", folder=folder).document
    assert (body["min_ram"], body["tags"], body["description"]) == (2048, ["a=b"], "by the pipeline")
    chosen = run("build", IMAGE, "--request-only", "--min-ram", "0", "--set", "description=x", folder=folder).document
    assert (chosen["min_ram"], chosen["description"]) == (0, "x")


def test_fail_on_decides_the_status(folder):
    assert run("check", IMAGE, folder=folder).status == 0
    configure(folder, 'fail-on = "warning"')
    assert run("check", IMAGE, folder=folder).status == 1
    assert run("check", IMAGE, folder=folder, IMGBUILD_FAIL_ON="error").status == 0


def test_a_suppression_is_shown_with_its_reason(folder):
    configure(folder, f'fail-on = "warning"\n[[suppress]]\nrule = "{SISTER}"\nreason = "the region has it"\n')
    result = run("check", IMAGE, "--format", "json", folder=folder)
    assert result.status == 0
    assert [(it["finding"]["rule"], it["reason"]) for it in result.document["accepted"]] == [
        (SISTER, "the region has it")]
    text = run("check", IMAGE, folder=folder).out
    assert "Accepted  1 finding\n" in text
    assert "the region has it" in text
    sarif = run("check", IMAGE, "--format", "sarif", folder=folder).document["runs"][0]["results"]
    assert [it["suppressions"][0]["justification"] for it in sarif if "suppressions" in it] == ["the region has it"]


def test_a_suppression_that_expired(folder):
    configure(folder, f'[[suppress]]\nrule = "{SISTER}"\nreason = "for now"\nexpires = 2020-01-01\n')
    result = run("check", IMAGE, "--format", "json", folder=folder)
    assert result.document["accepted"] == []
    assert result.err.endswith(f"the suppression of {SISTER} expired on 2020-01-01: it accepts nothing now\n")


def test_a_baseline_fails_on_what_is_new(folder):
    assert run("check", IMAGE, "--format", "json=known.json", folder=folder).status == 0
    words = ("check", IMAGE, "--baseline", "known.json", "--fail-on", "note", "--format", "json")
    known = run(*words, folder=folder)
    assert (known.status, known.document["findings"]) == (0, [])
    new = run(*words, "--min-disk", "1", folder=folder)
    assert new.status == 1
    assert {finding["rule"] for finding in new.document["findings"]} >= {"ims-min-disk-below-disk"}


@pytest.mark.parametrize(("text", "message"), [
    ('fail-on = "fatal"', "invalid value for '--fail-on': 'fatal' is not one of"),
    ('[severity]\nno-such-rule = "error"', "no rule 'no-such-rule' (imgbuild rules lists them)"),
    ("cloud = ", "is no TOML"),
    ('[request]\nx = ["a"]', "request.x is a list (only tags are one)"),
    ('cloud = "nowhere"', "no cloud 'nowhere' (one of: "), ('select = ["no-such-rule"]', "no rule 'no-such-rule'"),
])
def test_a_broken_configuration_is_work_that_cannot_be_done(folder, text, message):
    configure(folder, text)
    result = run("check", IMAGE, folder=folder)
    assert (result.status, result.out) == (3, "")
    assert message in result.err
    assert "imgbuild.toml" in result.err
    assert result.err.count("\n") == 1


def test_a_wrong_word_of_the_command_line_is_not_the_files(folder):
    configure(folder, 'cloud = "nowhere"')
    for words in (["--cloud", "nowhere"], ["--cloud=nowhere"], ["--set", "="]):
        result = run("check", IMAGE, "--cloud", "otc", *words, folder=folder)
        assert (result.status, "imgbuild.toml" in result.err) == (2, False)


def test_help_and_version_do_not_ask_for_it(folder):
    configure(folder, "cloud = ")
    assert run("--version", folder=folder).status == 0
    assert run("check", "--help", folder=folder).status == 0


def test_the_folder_of_an_image_configures_nothing(folder):
    configure(folder, f'[severity]\n{SISTER} = "off"\n')
    (folder / "elsewhere").mkdir()
    (folder / "imgbuild.toml").rename(folder / "elsewhere" / "imgbuild.toml")
    shutil.move(folder / IMAGE, folder / "elsewhere" / IMAGE)
    found = run("check", f"elsewhere/{IMAGE}", "--format", "json", folder=folder).document["findings"]
    assert SISTER in {finding["rule"] for finding in found}


def test_text(folder):
    configure(folder, f'cloud = "huaweicloud"\n[request]\nmin_ram = 1\n[severity]\n{SISTER} = "note"\n'
                      '[[suppress]]\nrule = "image-dirty"\nreason = "known"\nexpires = 2030-01-01\n')
    lines = run("config", folder=folder).out.splitlines()
    assert lines[0] == "configuration  imgbuild.toml"
    assert lines[1].split() == ["cloud", "huaweicloud", "imgbuild.toml"]
    assert lines[-6:] == ["Request", "  min_ram  1", "Severity", f"  {SISTER}  note", "Accepted",
                          "  image-dirty  until 2030-01-01  known"]


def test_json_has_a_schema(folder):
    assert json.loads(run("schema", "configuration", folder=folder).out)["title"].startswith("imgbuild configuration")
