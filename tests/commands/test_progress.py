"""The bar: for large files, on a terminal, and nowhere else."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

import pytest
from program import HOME

from imgbuild.commands import progress
from imgbuild.commands.progress import LARGE, Bar, bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "quiet", "drawn"), [
    (Terminal(), False, True), (Terminal(), True, False), (io.StringIO(), False, False)])
def test_it_is_there_where_somebody_watches(stream, quiet, drawn, monkeypatch):
    monkeypatch.setattr(progress.sys, "stderr", stream)
    assert (bar(quiet=quiet) is not None) == drawn


def test_a_small_file_gets_none(monkeypatch):
    monkeypatch.setattr(progress.sys, "stderr", Terminal())
    drawn = Bar()
    drawn.start("disk.raw", LARGE - 1)
    drawn.advance(10)
    drawn.finish()
    assert progress.sys.stderr.getvalue() == ""


def test_a_large_file_gets_one_that_names_it(monkeypatch):
    monkeypatch.setattr(progress.sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    drawn = Bar()
    drawn.start("/folder/disk\x1b[2J[red].raw", LARGE)
    drawn.advance(LARGE // 2)
    drawn.finish()
    drawn.finish()
    shown = progress.sys.stderr.getvalue()
    assert "disk\\x1b[2J[red].raw" in shown
    assert "/folder" not in shown


def test_a_person_sees_it_and_it_goes_away(tmp_path):
    """Runs on a terminal of its own: what it writes there is what a person would see."""
    image = tmp_path / "disk.raw"
    with image.open("wb") as file:
        file.truncate(LARGE)
    terminal, theirs = pty.openpty()
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOME), "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-m", "imgbuild", "inspect", str(image)], env=variables, stdin=theirs,
                          stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(terminal), b""))
    os.close(terminal)
    assert child.returncode == 0
    assert shown.count(b"disk.raw") >= 2
    assert b"\x1b[1m" in shown
    assert b"disk.raw" in shown.split(b"\x1b[2K")[-1]


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the other end has gone
        return b""
