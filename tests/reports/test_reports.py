"""The table of reports."""

from __future__ import annotations

import pytest

from imgbuild import reports


@pytest.mark.parametrize(("path", "name"), [
    ("a.json", "json"), ("A.JSON", "json"), ("a.jsonl", "json"), ("a.txt", "text"), ("a.qcow2", None), ("json", None),
    ("a.json/b", None)])
def test_the_ending_of_a_file_name_asks_for_a_report(path, name):
    assert reports.by_ending(path) == name


def test_text_comes_first_and_json_is_there():
    assert reports.NAMES[:2] == ("text", "json")
