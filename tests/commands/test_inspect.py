"""``imgbuild inspect``: what it asks the pipeline for, and how it ends."""

from __future__ import annotations

import json

import msgspec
from caller import Stand, call
from documents import IMAGE

from imgbuild.errors import SourceError
from imgbuild.model import Problem

OTHER = msgspec.structs.replace(IMAGE, path="other.raw")


def test_it_hands_on_what_was_asked(monkeypatch):
    stand = Stand(monkeypatch, "inspect", IMAGE)
    result = call("inspect", "a.raw", "--claim", "raw", "--cloud", "c", "--checksum", "sha1", "--time-limit", "5", "-v")
    assert result.exit_code == 0
    assert stand.calls[0][0][0] == "a.raw"
    settings = stand.settings
    assert (settings.claim, settings.cloud, settings.checksums, settings.time_limit) == ("raw", "c", ("sha1",), 5.0)
    assert settings.run_facts


def test_it_ends_well_whatever_is_wrong_with_the_image(monkeypatch):
    broken = msgspec.structs.replace(IMAGE, problems=(Problem(code="truncated", message="it ends early"),))
    Stand(monkeypatch, "inspect", broken)
    result = call("inspect", "a.raw")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "it ends early" in result.stdout


def test_several_are_lines_of_json_or_stand_apart(monkeypatch):
    Stand(monkeypatch, "inspect", IMAGE, OTHER)
    lines = call("inspect", "a", "b", "--format", "json").stdout.splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["disk.qcow2", "other.raw"]
    Stand(monkeypatch, "inspect", IMAGE, OTHER)
    text = call("inspect", "a", "b").stdout
    assert "\n\nother.raw  " in text


def test_one_is_a_document(monkeypatch):
    Stand(monkeypatch, "inspect", IMAGE)
    assert call("inspect", "a", "--format", "json").stdout.startswith("{\n  ")


def test_what_was_found_before_a_failure_is_there(monkeypatch):
    Stand(monkeypatch, "inspect", IMAGE, SourceError("no such file: 'b'"))
    result = call("inspect", "a", "b", "-q")
    assert (result.exit_code, result.stderr) == (3, "imgbuild: no such file: 'b'\n")
    assert result.stdout.startswith("disk.qcow2")
