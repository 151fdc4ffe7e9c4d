"""``imgbuild check``: one pass, one document, and the manifest beside it."""

from __future__ import annotations

import json

import msgspec
import pytest
from caller import Stand, call, errors
from documents import BELOW, CUT, IMAGE, MANIFEST, NEAR, REQUEST, findings

from imgbuild.pipeline import Checked

GOOD = Checked(findings(NEAR), (IMAGE,), (MANIFEST,))
BAD = Checked(findings(CUT, BELOW), (IMAGE,), (None,))


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "request.json").write_bytes(REQUEST)
    (tmp_path / "disk.qcow2").write_bytes(b"image")


def test_it_hands_on_images_choices_and_request(monkeypatch):
    stand = Stand(monkeypatch, "check", GOOD)
    call("check", "a", "b", "--name", "web", "--no-checksum")
    (paths, settings, choices), options = stand.calls[0]
    assert (paths, settings.checksums, choices.name) == (("a", "b"), None, "web")
    assert options["request"] is None
    call("check", "a", "--request", "request.json")
    assert stand.calls[1][1]["request"] == ("request.json", REQUEST)


def test_a_good_image_is_ready(monkeypatch):
    Stand(monkeypatch, "check", GOOD)
    result = call("check", "disk.qcow2")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].endswith("  READY")
    assert lines[-1].endswith("  exit 0")
    assert "\nRequest   POST /v2/images\n" in result.stdout


def test_a_bad_one_is_not(monkeypatch):
    Stand(monkeypatch, "check", BAD)
    result = call("check", "disk.qcow2")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].endswith("  NOT READY")
    assert "\nRequest" not in result.stdout


def test_a_request_of_ones_own_is_shown_by_its_lines(monkeypatch):
    Stand(monkeypatch, "check", Checked(findings(BELOW), (IMAGE,), (MANIFEST,)))
    text = call("check", "disk.qcow2", "--request", "request.json").stdout
    assert '  3 | "min_disk": 1\n' in text
    assert "\nRequest" not in text


def test_the_manifest_is_written_in_the_same_pass(monkeypatch):
    Stand(monkeypatch, "check", GOOD)
    result = call("check", "disk.qcow2", "--manifest", "m.json", "--format", "json")
    assert json.loads(result.stdout)["kind"] == "findings"
    with open("m.json", "rb") as file:
        assert msgspec.json.decode(file.read(), type=type(MANIFEST)) == MANIFEST


def test_several_manifests_are_lines(monkeypatch):
    Stand(monkeypatch, "check", Checked(findings(), (IMAGE, IMAGE, IMAGE), (MANIFEST, None, MANIFEST)))
    call("check", "a", "b", "c", "--manifest", "m.jsonl")
    with open("m.jsonl") as file:
        assert [json.loads(line)["kind"] for line in file] == ["manifest", "manifest"]


def test_no_manifest_is_written_for_what_is_no_image(monkeypatch, tmp_path):
    Stand(monkeypatch, "check", BAD)
    call("check", "disk.qcow2", "--manifest", "m.json")
    assert not (tmp_path / "m.json").exists()


@pytest.mark.parametrize(("words", "status", "message"), [
    (["--manifest", "disk.qcow2"], 2, "the output 'disk.qcow2' is the input 'disk.qcow2' (name another file)"),
    (["--request", "request.json", "-o", "request.json"], 2,
     "the output 'request.json' is the input 'request.json' (name another file)"),
    (["--manifest", "."], 3, "cannot write '.': it is a directory (name a file)"),
    (["--request", "absent.json"], 3, "no such file: 'absent.json' (check the path)"),
])
def test_what_cannot_be_is_said_before_the_work(words, status, message, monkeypatch):
    stand = Stand(monkeypatch, "check", GOOD)
    assert errors("check", "disk.qcow2", *words) == (status, message)
    assert stand.calls == []


@pytest.mark.parametrize(("fail_on", "status"), [("error", 0), ("warning", 0), ("note", 1), ("never", 0)])
def test_the_status_follows_what_counts(fail_on, status, monkeypatch):
    Stand(monkeypatch, "check", GOOD)
    assert call("check", "disk.qcow2", "--fail-on", fail_on).exit_code == status
