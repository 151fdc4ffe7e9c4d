"""What a person sees: reports in 60 columns, colour where it is wanted, names that are not UTF-8 in every report."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from caller import call
from rich.cells import cell_len

from imgbuild import reports
from imgbuild.commands import output

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "samples" / "debian-12-tiny.qcow2"
NARROW = 60
NAME = os.fsdecode(b"caf\xe9 \x01.qcow2")
SHOWN = "caf\\xe9 \\x01.qcow2"


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(NARROW))
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(SAMPLE, "disk.qcow2")


REPORTS = [
    ["inspect", "disk.qcow2"], ["inspect", "-v", "disk.qcow2"], ["build", "disk.qcow2"], ["build", "-v", "disk.qcow2"],
    ["check", "disk.qcow2"], ["check", "-v", "disk.qcow2"], ["lint", ROOT / "samples/requests/create-image.json"],
    ["rules"], ["explain", "image-backing-file"], ["explain", "IMG.0072"], ["config"], ["verify", "m.json"],
    ["verify", "s.json"], ["diff", "m.json", "other.json"], ["inspect", ROOT / "samples/overlay.qcow2"],
    ["check", ROOT / "samples/data-disk.vhd"], ["inspect", ROOT / "samples/debian-12.11-netinst-tiny.iso"]]


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """A folder with an image, its manifest and statement, and another manifest."""
    folder = tmp_path_factory.mktemp("documents")
    shutil.copy(SAMPLE, folder / "disk.qcow2")
    with contextlib.chdir(folder):
        call("check", "disk.qcow2", "-q", "--manifest", "m.json", "--statement", "s.json")
        call("build", "disk.qcow2", "-q", "--name", "other", "--min-ram", "512", "-o", "other.json")
    return folder


@pytest.mark.parametrize("words", REPORTS, ids=lambda words: " ".join(Path(word).name for word in words))
def test_lines_fit_into_60_columns(words, documents, monkeypatch):
    """All but the words that nobody can break: addresses, digests, names."""
    monkeypatch.chdir(documents)
    text = call(*words).stdout
    assert text.count("\n") > 1
    wide = [line for line in text.splitlines()
            if cell_len(line) > NARROW and max(map(cell_len, re.split(r"\s{1,}", line.strip()))) < NARROW - 16]
    assert wide == []


@pytest.mark.parametrize(("variables", "terminal", "coloured"), [
    ({}, True, True), ({}, False, False), ({"TERM": "dumb"}, True, False), ({"NO_COLOR": "1"}, True, False),
    ({"NO_COLOR": ""}, True, True), ({"FORCE_COLOR": "1"}, False, True), ({"FORCE_COLOR": "0"}, False, False),
    ({"FORCE_COLOR": "3", "TERM": "dumb"}, False, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False)])
def test_colour_is_there_where_it_is_wanted(variables, terminal, coloured, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert output._is_coloured(terminal=terminal) == coloured


def test_colour_that_is_forced_goes_into_a_pipe_and_into_no_file(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in call("check", "disk.qcow2", "-q").stdout
    call("check", "disk.qcow2", "-q", "-o", "report.txt")
    assert "\x1b" not in Path("report.txt").read_text()


class TestNames:
    """A name with a byte that is not UTF-8, and with a control character."""

    @pytest.fixture(autouse=True)
    def _named(self):
        os.rename("disk.qcow2", NAME)

    @pytest.mark.parametrize("report", reports.NAMES)
    def test_every_report_has_it(self, report):
        result = call("check", NAME, "--format", report)
        assert result.exit_code == 0
        text = result.stdout_bytes.decode()
        assert re.search(r"caf(\\{1,2}|%5C|&#92;)xe9", text)
        assert "\x01" not in text

    def test_a_file_of_that_name_is_written(self):
        wanted = f"{NAME}.json"
        assert call("inspect", NAME, "-o", wanted).exit_code == 0
        assert json.loads(Path(wanted).read_bytes())["path"] == "caf\\xe9 \x01.qcow2"
        assert call("inspect", NAME, "--format", f"json={NAME}.2.json").exit_code == 0
        assert Path(f"{NAME}.2.json").exists()

    def test_a_manifest_and_a_statement_find_their_image(self):
        call("check", NAME, "-q", "--manifest", f"{NAME}.json", "--statement", "s.json")
        assert call("verify", f"{NAME}.json", "--statement", "s.json", "-q").exit_code == 0
        assert call("verify", "s.json", "-q").exit_code == 0

    def test_a_message_shows_its_bytes(self):
        result = call("inspect", f"{NAME}.absent")
        assert result.stderr == f"imgbuild: no such file: '{SHOWN}.absent' (check the path)\n"
