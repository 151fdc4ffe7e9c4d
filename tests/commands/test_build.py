"""``imgbuild build``: choices, manifests, and what is no image."""

from __future__ import annotations

import json
from pathlib import Path

from caller import Stand, call
from documents import BELOW, BODY, CUT, MANIFEST, NEAR, findings

from imgbuild.choices import Choices
from imgbuild.pipeline import Built

GOOD = Built(MANIFEST, findings(NEAR))
NONE = Built(None, findings(CUT, NEAR))


def test_it_hands_on_the_choices(monkeypatch):
    stand = Stand(monkeypatch, "build", GOOD)
    words = ["--name", "web", "--os-version", "Other", "--min-disk", "7", "--min-ram", "512", "--tag", "a",
             "--tag", "b", "--protected", "--visibility", "private", "--set", "x=1", "--operation", "action"]
    assert call("build", "a.raw", *words).exit_code == 0
    assert stand.calls[0][0][2] == Choices(name="web", os_version="Other", min_disk=7, min_ram=512, tags=("a", "b"),
                                           protected=True, visibility="private", extra={"x": "1"})
    assert stand.settings.operation == "action"


def test_protected_has_three_states(monkeypatch):
    stand = Stand(monkeypatch, "build", GOOD)
    for words, expected in (([], None), (["--protected"], True), (["--no-protected"], False)):
        call("build", "a.raw", *words)
        assert stand.calls[-1][0][2].protected is expected


def test_a_manifest_is_printed(monkeypatch):
    Stand(monkeypatch, "build", GOOD)
    result = call("build", "a.raw", "--format", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["kind"] == "manifest"


def test_the_request_alone(monkeypatch):
    Stand(monkeypatch, "build", GOOD)
    assert json.loads(call("build", "a.raw", "--request-only").stdout) == BODY
    lines = call("build", "a.raw", "b.raw", "--request-only").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [BODY, BODY]


def test_what_is_no_image_is_said_in_one_line_and_nothing_is_written(monkeypatch, tmp_path):
    Stand(monkeypatch, "build", NONE)
    kept = tmp_path / "manifest.json"
    kept.write_text("kept")
    result = call("build", "a.raw", "-o", kept)
    assert (result.exit_code, result.stdout, kept.read_text()) == (1, "", "kept")
    assert result.stderr == ("imgbuild: 'a.raw' is no disk image to build a request for: the file ends before its"
                             " tables (image-truncated)\n")


def test_what_is_no_image_and_has_no_problem(monkeypatch):
    Stand(monkeypatch, "build", Built(None, findings()))
    assert call("build", "a.raw").stderr == (
        "imgbuild: 'a.raw' is no disk image to build a request for: its format is not known\n")


def test_the_others_are_built_nevertheless(monkeypatch, tmp_path):
    Stand(monkeypatch, "build", NONE, GOOD)
    result = call("build", "a", "b", "-o", tmp_path / "all.jsonl")
    assert result.exit_code == 1
    lines = Path(tmp_path / "all.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["manifest"]


def test_what_is_wrong_with_the_image_counts(monkeypatch):
    Stand(monkeypatch, "build", Built(MANIFEST, findings(CUT)))
    assert call("build", "a.raw").exit_code == 0
    result = call("build", "a.raw", "--fail-on", "warning", "-q")
    assert (result.exit_code, result.stdout) == (1, "disk.qcow2  -> huaweicloud\n")
    assert result.stderr == "imgbuild: 'a.raw': warning: the file ends before its tables (image-truncated)\n"
    Stand(monkeypatch, "build", Built(MANIFEST, findings(BELOW)))
    assert call("build", "a.raw", "--fail-on", "never").exit_code == 0
