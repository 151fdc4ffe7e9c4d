"""What was read once is read again when it is another thing, and a pipe is not."""

from __future__ import annotations

import os

import pytest

import imgbuild
from imgbuild.settings import Settings
from imgbuild.stamps import stamp_of, stamp_of_file

REQUEST = b'{"name": "a"}'
CHANGED = "ims-os-version-missing"


def folder_of_rules(path, severity):
    path.mkdir(exist_ok=True)
    (path / "own.toml").write_text(f'[[rule]]\nid = "{CHANGED}"\nseverity = "{severity}"\n')


def severity_by(rules):
    findings = imgbuild.lint(REQUEST, Settings(rules=str(rules)), name="r.json").findings
    return next(finding.severity for finding in findings if finding.rule == CHANGED)


def test_rules_that_were_changed_hold_at_once(tmp_path):
    for severity in ("note", "error"):
        folder_of_rules(tmp_path / "own", severity)
        assert severity_by(tmp_path / "own") == severity


def test_the_same_words_in_another_folder_name_other_rules(tmp_path, monkeypatch):
    for severity in ("note", "error"):
        (tmp_path / severity).mkdir()
        folder_of_rules(tmp_path / severity / "own", severity)
    for severity in ("note", "error"):
        monkeypatch.chdir(tmp_path / severity)
        assert severity_by("own") == severity


@pytest.mark.parametrize("change", [
    lambda path: (path / "x").write_text("longer"), lambda path: (path / "y").write_text(""),
    lambda path: (path / "x").unlink(), lambda path: os.utime(path / "x", ns=(5, 5)),
    lambda path: (path / "x").replace(path / "z")])
def test_a_folder_is_another_once_a_file_in_it_is(tmp_path, change):
    (tmp_path / "x").write_text("short")
    before = stamp_of(str(tmp_path))
    assert before == stamp_of(str(tmp_path))
    change(tmp_path)
    assert before != stamp_of(str(tmp_path))


def test_a_pipe_stays_what_it_is():
    reading, writing = os.pipe()
    path = f"/dev/fd/{reading}"
    before = stamp_of(path)
    os.write(writing, b"x")
    os.read(reading, 1)
    assert stamp_of(path) == before
    os.close(reading)
    os.close(writing)


def test_nothing_and_what_is_not_there_are_the_same_each_time(tmp_path):
    assert stamp_of(None) == ()
    assert stamp_of(str(tmp_path / "none")) == stamp_of(str(tmp_path / "none"))
    assert stamp_of_file("\0") == ("\0",)
