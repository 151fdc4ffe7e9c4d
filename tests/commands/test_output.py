"""Where reports go."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from caller import Stand, call, errors
from documents import IMAGE

from imgbuild.commands import output

TEXT = "disk.qcow2  qcow2 v3, 2 GiB disk in a file of 654 MiB\n"


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("disk.qcow2").write_bytes(b"image")
    Stand(monkeypatch, "inspect", IMAGE)


def inspect(*words):
    return call("inspect", "disk.qcow2", *words)


def test_text_goes_to_standard_output():
    assert inspect("-q").stdout == TEXT


def test_reports_go_to_their_files_and_standard_output_stays_empty():
    result = inspect("--format", "json=a.json", "--format", "text=a.txt", "-q")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert json.loads(Path("a.json").read_text())["kind"] == "inspection"
    assert Path("a.txt").read_text() == TEXT


def test_one_report_may_go_to_standard_output_beside():
    result = inspect("--format", "text", "--format", "json=a.json", "-q")
    assert result.stdout == TEXT
    assert Path("a.json").exists()


def test_a_hyphen_is_standard_output():
    assert inspect("-q", "-o", "-").stdout == inspect("-q", "--format", "text=-").stdout == TEXT
    assert os.listdir(".") == ["disk.qcow2"]


@pytest.mark.parametrize(("words", "begins"), [
    (["-o", "facts.json"], "{"), (["-o", "facts.txt"], "disk.qcow2"), (["-o", "facts"], "disk.qcow2"),
    (["-o", "facts.json", "--format", "text"], "disk.qcow2"), (["-o", "facts.txt", "--format", "json"], "{"),
])
def test_a_file_gets_the_report_of_its_ending_unless_told(words, begins):
    assert inspect(*words).stdout == ""
    assert Path(words[1]).read_text().startswith(begins)


def test_a_file_is_never_coloured_and_as_wide_as_a_pipe(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    inspect("-o", "facts.txt")
    assert "\x1b" not in Path("facts.txt").read_text()


WRONG = [
    (["--format", "xml"], 2, "no report 'xml' (one of: text, json, sarif, junit, github, markdown, html)"),
    (["--format", "qcow2"], 2, "no report 'qcow2' (did you mean --claim qcow2?)"),
    (["--format", "json="], 2, "--format 'json=' names no file (write --format json=FILE, or --format json)"),
    (["--format", "json", "--format", "text"], 2,
     "two reports go to standard output (give all but one a file: --format json=FILE)"),
    (["--format", "json=a", "-o", "b"], 2, "all reports have a file, so nothing is left for -o 'b' (leave out -o)"),
    (["--format", "json=a", "--format", "text=./a"], 2, "two outputs go to one file (give each a file of its own)"),
    (["-o", "disk.qcow2"], 2, "the output 'disk.qcow2' is the input 'disk.qcow2' (name another file)"),
    (["--format", "json=link"], 2, "the output 'link' is the input 'disk.qcow2' (name another file)"),
    (["-o", "/absent/x"], 3, "cannot write '/absent/x': there is no folder '/absent' (make it first)"),
    (["-o", "/"], 3, "cannot write '/': it is a directory (name a file)"),
]


@pytest.mark.parametrize(("words", "status", "message"), WRONG)
def test_outputs_that_cannot_be(words, status, message):
    os.symlink("disk.qcow2", "link")
    assert errors("inspect", "disk.qcow2", *words) == (status, message)
    assert Path("disk.qcow2").read_bytes() == b"image"


def test_a_failure_in_between_writes_no_file(monkeypatch):
    Stand(monkeypatch, "inspect", IMAGE, RuntimeError("second"))
    result = call("inspect", "disk.qcow2", "other.qcow2", "-o", "facts.json")
    assert result.exit_code == 3
    assert not Path("facts.json").exists()


@pytest.mark.parametrize(("columns", "terminal", "width"), [
    ("100", False, 100), ("40", False, 60), ("500", False, 120), ("x", False, 80), (None, False, 80)])
def test_the_width_of_a_pipe(columns, terminal, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns) if columns else monkeypatch.delenv("COLUMNS", raising=False)
    assert output._width(terminal=terminal) == width


@pytest.mark.parametrize(("columns", "width"), [(60, 60), (200, 120), (0, 80)])
def test_the_width_of_a_terminal(columns, width, monkeypatch):
    monkeypatch.setattr(os, "get_terminal_size", lambda *_fd: os.terminal_size((columns, 24)))
    assert output._width(terminal=True) == width


class Terminal:
    """A standard output that is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True

    def fileno(self):
        raise OSError


@pytest.mark.parametrize(("variables", "colour"), [
    ({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)])
def test_colours_are_for_terminals_that_want_them(variables, colour, monkeypatch):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    made = output.Output({"formats": (), "output": None})
    monkeypatch.setattr(output.sys, "stdout", Terminal())
    assert made._page().colour == colour


def test_a_standard_output_that_is_not_utf_8_gets_escapes(tmp_path):
    from program import run  # noqa: PLC0415 - the fixture above stands in for everything else here

    root = Path(__file__).parent.parent.parent
    shutil.copy(root / "samples" / "requests" / "create-image.json", tmp_path / "naïve.json")
    result = run("lint", "naïve.json", folder=tmp_path, PYTHONIOENCODING="ascii")
    assert result.out.startswith("na\\xefve.json -> huaweicloud")
