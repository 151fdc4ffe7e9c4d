"""The README is true: what it prints is what comes out, what it names exists."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
from pathlib import Path

import pytest
from program import run

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
CONSOLE = [block for language, block in BLOCKS if language == "console"]
PYTHON = [block for language, block in BLOCKS if language == "python"]
COMMANDS = re.findall(r"^\| `imgbuild (\w+)", TEXT, re.MULTILINE)
OPTIONS = sorted(set(re.findall(r"`(--[a-z-]+|-o)\b", TEXT)))


def test_the_top_is_two_commands_of_one_line():
    language, block = BLOCKS[0]
    check, tests = block.splitlines()
    assert language == "sh"
    assert check == ("python3 -m venv .venv && .venv/bin/pip install -q ."
                     " && .venv/bin/imgbuild check samples/debian-12-tiny.qcow2")
    assert tests == "python3 -m venv .venv && .venv/bin/pip install -q '.[test]' && .venv/bin/pytest -n auto"


@pytest.mark.parametrize("block", CONSOLE, ids=lambda block: block.partition("\n")[0].removeprefix("$ "))
def test_what_it_prints_is_what_comes_out(block, tmp_path):
    """A line of ``…`` stands for any lines."""
    first, _, expected = block.partition("\n")
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    words = shlex.split(first.removeprefix("$ imgbuild "))

    result = run(*words, folder=tmp_path)

    pattern = r"(?:.*\n)*?".join(re.escape(part) for part in expected.split("…\n"))
    assert re.fullmatch(pattern, result.out), result.out


@pytest.mark.parametrize("block", PYTHON, ids=range(len(PYTHON)))
def test_the_library_examples_run(block, monkeypatch):
    monkeypatch.chdir(ROOT)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - it is our own text
    assert shown.getvalue()


def test_it_lists_every_command(tmp_path):
    text = run("--help", folder=tmp_path).out
    listed = re.findall(r"^  (\w+)  ", text.partition("Commands:")[2], re.MULTILINE)
    assert sorted(COMMANDS) == sorted(listed)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option not in {"--update-golden", "--corpus"}])
def test_an_option_it_names_exists(option, tmp_path):
    helps = "".join(run(command, "--help", folder=tmp_path).out for command in COMMANDS)
    assert re.search(rf"(?<![\w-]){option}(?![\w-])", helps)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", TEXT))
def test_a_file_it_links_to_exists(target):
    assert (ROOT / target).exists()


def test_the_scripts_it_names_exist():
    for word in re.findall(r"`(?:bash|python3?) ([^ `]+)`", TEXT):
        assert os.path.exists(ROOT / word)
