"""``imgbuild build --script``: where the script goes, and what goes beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from caller import call, errors

TINY = Path(__file__).parent.parent.parent / "samples" / "debian-12-tiny.qcow2"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("kind", "first"), [("curl", "#!/usr/bin/env bash"), ("openstack", "#!/usr/bin/env bash"),
                                             ("python", "#!/usr/bin/env python3")])
def test_the_script_is_all_there_is(kind, first):
    result = call("build", TINY, "--script", kind)
    assert (result.exit_code, result.stdout.splitlines()[0], result.stderr) == (0, first, "")


def test_script_and_manifest_go_to_files(folder):
    result = call("build", TINY, "--script", "curl", "-o", "send.sh", "--format", "json=manifest.json")
    assert (result.exit_code, result.stdout) == (0, "")
    body = json.loads((folder / "manifest.json").read_text())["request"]["body"]
    assert f'"name": "{body["name"]}"' in (folder / "send.sh").read_text()


@pytest.mark.parametrize(("words", "status", "message"), [
    (("--format", "json"), 2,
     "the report 'json' and the script both go to one place (give the report a file: --format json=FILE)"),
    (("--request-only",), 2, "--script and --request-only contradict each other (give one of them)"),
    ((TINY,), 2, "one script, but 2 images (give each image a run of its own)"),
    (("-o", "a.json", "--format", "json=a.json"), 2, "two outputs go to one file (give each a file of its own)"),
    (("-o", TINY), 2, f"the output {str(TINY)!r} is the input {str(TINY)!r} (name another file)")])
def test_words_that_contradict(words, status, message):
    assert errors("build", TINY, "--script", "curl", *words) == (status, message)


def test_what_a_client_cannot_do_is_said():
    assert errors("build", TINY, "--script", "openstack", "--operation", "action", "--object", "images:a.qcow2") == (
        3, "no script: openstack has no command for action (--script curl and --script python send any request)")


def test_a_request_that_lacks_something_has_no_script(folder):
    result = call("build", TINY, "--script", "curl", "--operation", "action", "-o", "send.sh")
    assert (result.exit_code, list(folder.iterdir())) == (1, [])
    assert "image_url is missing" in result.stderr
