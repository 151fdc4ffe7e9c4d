"""Images from elsewhere, with what is known of them: ``pytest --corpus DIR``, where DIR holds ``truth.json``.

That is a list of ``{"file": …, "format": …, "virtual_size": …, "verdict": …}``. A verdict is ``safe``, or starts with
``warn``, ``unsafe``, ``not-image`` or ``invalid``; what follows the colon is for people.
"""

from __future__ import annotations

import json

import pytest
from program import run

from imgbuild.formats import FORMATS

READ = {format_.name for format_ in FORMATS if format_.open is not None}
NAMED = {format_.name for format_ in FORMATS}
SEVERITIES = {"warn": {"error", "warning", "note"}, "unsafe": {"error"}, "not-image": {"error"}, "invalid": {"error"}}


def pytest_generate_tests(metafunc):
    folder = metafunc.config.getoption("corpus").resolve()
    entries = json.loads((folder / "truth.json").read_text())
    metafunc.parametrize("entry", entries, ids=[entry["file"] for entry in entries])


@pytest.fixture
def path(entry, request):
    return request.config.getoption("corpus").resolve() / entry["file"]


def test_the_facts(entry, path, tmp_path):
    result = run("inspect", path, "--format", "json", folder=tmp_path)

    assert (result.status, result.err) == (0, "")
    facts = result.document
    if entry["format"] in NAMED:
        assert facts["format"] == entry["format"]
    if entry["format"] in READ:
        assert facts["virtual_size"] == entry["virtual_size"]


def test_the_verdict(entry, path, tmp_path):
    verdict = entry["verdict"].partition(":")[0]
    result = run("check", path, "--format", "json", folder=tmp_path)

    assert result.status in {0, 1}
    found = [finding for finding in result.document["findings"] if finding["subject"]["kind"] == "image"]
    if verdict == "safe":
        assert [finding for finding in found
                if finding["severity"] == "error" and finding["group"] in {"safety", "integrity"}] == []
    else:
        assert {finding["severity"] for finding in found} & SEVERITIES[verdict]
