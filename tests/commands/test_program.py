"""The command line as a whole: names, help, exit statuses, and what becomes of failures."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from caller import Stand, call, errors
from program import HOME, run

from imgbuild import __version__
from imgbuild.commands.program import COMMANDS, program
from imgbuild.errors import ImgbuildError, RuleBookError, SourceError, UsageError

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = {"PYTHONPATH": str(HOME), "PATH": os.environ["PATH"]}


def test_the_version_is_one_line():
    assert call("--version").stdout == f"imgbuild {__version__}\n"


def test_it_runs_as_a_module(tmp_path):
    result = run("--version", folder=tmp_path)
    assert (result.status, result.out) == (0, f"imgbuild {__version__}\n")


def test_the_help_names_every_command_with_its_sentence():
    text = call("--help").stdout
    for name in COMMANDS:
        assert re.search(rf"^  {name} +[A-Z].*\.$", text, re.MULTILINE), name
    assert call("-h").stdout == text


def test_each_command_has_a_module_of_its_name():
    folder = ROOT / "imgbuild" / "commands"
    helpers = {"__init__", "program", "options", "output", "files", "progress", "reasons", "configuration",
               "completion", "shells", "mending", "attesting", "ending", "scripting", "cataloguing", "everywhere",
               "ahead"}
    assert {path.stem for path in folder.glob("*.py")} - helpers == set(COMMANDS)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_begins_with_a_sentence_and_ends_with_an_example_that_runs(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = call(*[name] if name else [], "--help").stdout
    paragraphs = [part.strip() for part in text.split("\n\n")]
    assert re.match(r"[A-Z][^.]+[.:]", paragraphs[1])
    heading, *examples = paragraphs[-1].splitlines()
    assert heading == "Example:"
    for example in examples:
        _, *words = shlex.split(example)
        assert call(*words).exit_code in ({0, 1} if name == "lint" else {0}), example


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name):
    command = program.get_command(click.Context(program), name)
    silent = [option.opts for option in command.params if isinstance(option, click.Option) and not option.help]
    assert silent == []


WRONG = [  # words, the command whose help is named, the message; click's own words differ a little between versions
    (["frob"], "imgbuild", "no such command '?frob'?"),
    (["inspct", "x"], "imgbuild", "no such command 'inspct'. Did you mean 'inspect'\\?"),
    (["--frob"], "imgbuild", "no such option:? '?--frob'?"),
    (["inspect"], "imgbuild inspect", "missing argument 'IMAGE...'"),
    (["inspect", "x", "--frob"], "imgbuild inspect", "no such option:? '?--frob'?"),
    (["check", "x", "--fail-on", "all"], "imgbuild check",
     "invalid value for '--fail-on': 'all' is not one of 'error', 'warning', 'note', 'never'"),
    (["build", "x", "--min-disk", "a"], "imgbuild build", "invalid value for '--min-disk': 'a' is not a valid integer"),
    (["inspect", "x", "--time-limit", "0"], "imgbuild inspect",
     "invalid value for '--time-limit': 0.0 is not in the range 0<x<=86400.0"),
    (["inspect", "x", "--time-limit", "soon"], "imgbuild inspect",
     "invalid value for '--time-limit': 'soon' is not a valid number of seconds"),
    (["lint"], "imgbuild lint", "missing argument 'REQUEST'"),
]


@pytest.mark.parametrize(("words", "command", "message"), WRONG)
def test_wrong_words_are_said_in_one_line(words, command, message):
    status, said = errors(*words)
    assert status == 2
    assert re.fullmatch(rf"{message} \({command} --help shows what there is\)", said), said


def test_a_wrong_value_in_the_environment_is_said_with_its_variable(monkeypatch):
    monkeypatch.setenv("IMGBUILD_MIN_DISK", "big")
    status, said = errors("build", "x")
    assert (status, said.partition(" (")[0]) == (
        2, "IMGBUILD_MIN_DISK: invalid value for '--min-disk': 'big' is not a valid integer")


def test_no_words_show_the_help():
    result = call()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: imgbuild")


FAILURES = [
    (SourceError("no such file: 'x'", cure="check the path"), 3, "no such file: 'x' (check the path)"),
    (RuleBookError("the book is broken"), 3, "the book is broken"), (ImgbuildError("it failed"), 3, "it failed"),
    (UsageError("no cloud 'x'", cure="one of: y"), 2, "no cloud 'x' (one of: y)"),
    (click.FileError("x", "gone"), 3, "Could not open file 'x': gone"),
    (ImgbuildError("evil \x1b[31m\nname"), 3, "evil \\x1b[31m\\nname"),
    (ZeroDivisionError("oh"), 3, "internal error: ZeroDivisionError: oh (IMGBUILD_TRACEBACK=1 shows where)"),
    (MemoryError(), 3, "internal error: MemoryError:  (IMGBUILD_TRACEBACK=1 shows where)"),
]


@pytest.mark.parametrize(("failure", "status", "message"), FAILURES)
def test_a_failure_is_one_line_and_a_status(failure, status, message, monkeypatch):
    Stand(monkeypatch, "inspect", failure)
    assert errors("inspect", "x") == (status, message)


def test_a_defect_shows_where_when_asked(monkeypatch):
    Stand(monkeypatch, "inspect", ZeroDivisionError("oh"))
    monkeypatch.setenv("IMGBUILD_TRACEBACK", "1")
    assert isinstance(call("inspect", "x").exception, ZeroDivisionError)


def test_an_interrupt_is_130(monkeypatch):
    Stand(monkeypatch, "inspect", KeyboardInterrupt())
    result = call("inspect", "x")
    assert (result.exit_code, result.stderr.strip()) == (130, "imgbuild: interrupted")


def loaded_by(*words, **variables):
    """Return the modules that a command imports."""
    code = ("import sys, io, contextlib\nfrom imgbuild.commands.program import program\n"
            f"try:\n    program({list(words)!r}, prog_name='imgbuild')\n"
            "except SystemExit: pass\nsys.stderr.write(' '.join(sys.modules))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**ENVIRONMENT, **variables},
                          capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("check", "--help")])
def test_little_is_imported_to_say_little(words):
    heavy = {"msgspec", "rich", "imgbuild.model", "imgbuild.pipeline", "imgbuild.formats", "tomllib", "subprocess"}
    assert not loaded_by(*words) & heavy


@pytest.mark.parametrize("report", ["text", "json"])
def test_an_inspection_does_without_what_it_does_not_need(report):
    loaded = loaded_by("inspect", "--no-checksum", "samples/debian-12-tiny.qcow2", "--format", report)
    assert "imgbuild.examination" in loaded
    assert not loaded & {"imgbuild.pipeline", "imgbuild.linting", "imgbuild.checks", "imgbuild.clouds",
                         "imgbuild.digest", "imgbuild.volumes.lvm", "imgbuild.rulebook.rules",
                         "imgbuild.reports.findings"}
    # The child opens the file; here nothing but the table of formats is needed.
    assert not {name for name in loaded if name.startswith("imgbuild.formats.") and name.endswith(".container")}


def test_facts_as_json_need_little_of_the_standard_library():
    loaded = loaded_by("inspect", "--no-checksum", "samples/debian-12-tiny.qcow2", "--format", "json")
    assert not loaded & {"pathlib", "urllib", "shutil", "hashlib", "json", "logging", "concurrent.futures"}


RICH_UNNEEDED = {"pygments", "markdown_it", "rich.live", "rich.markdown", "rich.pretty", "rich.progress", "rich.prompt",
                 "rich.syntax", "rich.traceback"}


@pytest.mark.parametrize("words", [
    ("inspect", "samples/overlay.qcow2"), ("check", "samples/overlay.qcow2"), ("build", "samples/data-disk.vhd"),
    ("lint", "samples/requests/create-image.json"), ("rules",), ("explain", "image-backing-file")], ids=lambda w: w[0])
def test_rich_is_imported_for_text_and_no_more_of_it_than_text_needs(words):
    assert not {name for name in loaded_by(*words, "--format", "json") if name.partition(".")[0] == "rich"}
    text = loaded_by(*words)
    assert "rich.text" in text
    assert not text & RICH_UNNEEDED


def test_only_colours_need_the_console_of_rich():
    words = ("check", "samples/overlay.qcow2")
    assert "rich.console" not in loaded_by(*words, NO_COLOR="1")
    assert "rich.console" in loaded_by(*words, FORCE_COLOR="1", NO_COLOR="")



@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_under_standard_output_is_said():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-m", "imgbuild", "rules"], cwd=ROOT, env=ENVIRONMENT, stdout=full,
                              stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (
        3, b"imgbuild: cannot write to standard output: No space left on device\n")


@pytest.mark.parametrize(("closed", "words", "status", "err"), [
    (">&-", "rules", 3, "imgbuild: cannot write to standard output: it is closed\n"),
    ("<&-", "lint -", 3, "imgbuild: cannot read standard input: it is closed\n"),
    ("2>&-", "inspect absent", 3, ""), (">&- 2>&-", "rules", 3, ""), ("2>&-", "explain image-backing-file", 0, ""),
])
def test_a_stream_that_is_closed_is_said(closed, words, status, err):
    done = subprocess.run(["sh", "-c", f'"$0" -m imgbuild {words} {closed}', sys.executable], cwd=ROOT, env=ENVIRONMENT,
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, err)
