"""The table of reports."""

from __future__ import annotations

import unicodedata

import pytest
from documents import HOSTILE, IMAGE, findings

from imgbuild import reports
from imgbuild.errors import UsageError
from imgbuild.reports.page import Page
from imgbuild.reports.views import FindingsView, ImageView

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@pytest.mark.parametrize(("path", "name"), [
    ("a.json", "json"), ("A.JSON", "json"), ("a.jsonl", "json"), ("a.txt", "text"), ("a.sarif", "sarif"),
    ("a.sarif.json", "sarif"), ("junit.xml", "junit"), ("summary.md", "markdown"), ("a.html", "html"),
    ("a.qcow2", None), ("json", None), ("a.json/b", None)])
def test_the_ending_of_a_file_name_asks_for_a_report(path, name):
    assert reports.by_ending(path) == name


def test_text_comes_first_and_json_is_there():
    assert reports.NAMES[:2] == ("text", "json")


@pytest.mark.parametrize("name", reports.NAMES)
def test_nothing_of_an_image_gets_a_control_character_through(name):
    view = FindingsView(findings=findings(HOSTILE), cloud="huaweicloud", status=1, images=(IMAGE,), manifests=(None,))
    made = reports.render(name, view, Page()).decode()
    assert not [character for character in made if character != "\n" and unicodedata.category(character) in HIDDEN]
    assert not [line for line in made.split("\n") if line.startswith("::error::b")]


@pytest.mark.parametrize("name", [name for name in reports.NAMES if name not in {"text", "json"}])
def test_reports_on_findings_are_of_findings_only(name):
    with pytest.raises(UsageError, match=f"^there is no {name} report of this"):
        reports.render(name, ImageView(image=IMAGE), Page())
