"""Completion, as the shells themselves do it: a line is typed, and what stands there after a tab is compared."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from caller import call
from program import HOME
from tools import find_tool, needs

from imgbuild.commands.program import COMMANDS, program
from imgbuild.commands.shells import joined as join

LINES = [  # what is typed, what it becomes; all is unique
    ("che", "check"), ("check --clo", "check --cloud"), ("check --cloud opens", "check --cloud openstack"),
    ("check --cloud al", "check --cloud all"),
    ("check --operation quickimport-s", "check --operation quickimport-system"),
    ("inspect --claim parall", "inspect --claim parallels"), ("inspect --checksum sha51", "inspect --checksum sha512"),
    ("check --format sar", "check --format sarif"), ("check --format=sar", "check --format=sarif"),
    ("check --format json=rep", "check --format json=report.json"),
    ("lint r --format json=rep", "lint r --format json=report.json"),
    ("check --select image-backing-f", "check --select image-backing-file"),
    ("lint --ignore ims-min-disk-o", "lint --ignore ims-min-disk-out-of-range"),
    ("explain image-backing-f", "explain image-backing-file"), ("explain IMG.021", "explain IMG.0212"),
    ("schema findi", "schema findings"), ("check --fail-on wa", "check --fail-on warning"),
    ("check --min-disk-policy=gr", "check --min-disk-policy=greater"),
    ("build --set __os_v", "build --set __os_version="), ("check im", "check image.raw"),
    ("build -o rep", "build -o report.json"), ("rules --rules ow", "rules --rules own"),
    ("build --output=rep", "build --output=report.json"), ("verify rep", "verify report.json"),
    ("diff a rep", "diff a report.json"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with files to complete, and an ``imgbuild`` that the shells find."""
    made = tmp_path_factory.mktemp("completion")
    (made / "report.json").touch()
    (made / "image.raw").touch()
    (made / "own").mkdir()
    (made / "bin").mkdir()
    script = made / "bin" / "imgbuild"
    script.write_text(f'#!/bin/sh\nexport PYTHONPATH={HOME}\nexec {sys.executable} -m imgbuild "$@"\n')
    script.chmod(0o755)
    return made


def environment(folder):
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "TERM": "dumb", "COLUMNS": "200"}


class Shell:
    """A shell on a terminal of its own."""

    def __init__(self, words, folder):
        self._terminal, theirs = pty.openpty()
        self._child = subprocess.Popen(words, cwd=folder, env=environment(folder), stdin=theirs, stdout=theirs,
                                       stderr=theirs, start_new_session=True)
        os.close(theirs)

    def tell(self, keys, until, seconds=120):
        """Press keys, and return what is shown until a text is."""
        os.write(self._terminal, keys.encode())
        shown, end = "", time.monotonic() + seconds
        while until not in shown:
            ready, _, _ = select.select([self._terminal], [], [], max(0, end - time.monotonic()))
            assert ready, f"{until!r} is not shown after {keys!r}, but {shown!r}"
            shown += os.read(self._terminal, 65536).decode(errors="replace")
        return shown

    def completed(self, begun):
        """Return what a line becomes: it is completed, then turned into words that are printed."""
        self.tell(f"imgbuild {begun}\t\x01print_words \r", "]END")
        return (Path(self._folder) / "words").read_text().strip().rstrip("/")

    def close(self):
        self._child.kill()
        self._child.wait()
        os.close(self._terminal)


PRINT = """print_words() { shift; printf '%s' "$*" > words; echo "]"END; }\r"""


@pytest.fixture(scope="module")
def shells(folder):
    """Start each shell once, when it is first asked for."""
    started = {}

    def start(name):
        if name not in started:
            words = [name, "--norc", "--noprofile"] if name == "bash" else [name, "-f"]
            shell = started[name] = Shell([*words, "-i"], folder)
            shell._folder = folder
            if name == "zsh":
                shell.tell("autoload -U compinit; compinit -D -u; bindkey -e; echo 'a'b\r", "ab")
            shell.tell(f'eval "$(_IMGBUILD_COMPLETE={name}_source imgbuild)"; echo \'c\'d\r', "cd")
            shell.tell(f"{PRINT}echo 'e'f\r", "ef")
        return started[name]

    yield start
    for shell in started.values():
        shell.close()


@pytest.mark.parametrize(("begun", "completed"), LINES)
@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in ("bash", "zsh")])
def test_a_tab_completes(name, begun, completed, shells):
    assert shells(name).completed(begun) == completed


@needs("fish")
def test_fish_completes(folder):
    """One fish for all lines: it prints completions of any line by itself."""
    script = ["_IMGBUILD_COMPLETE=fish_source imgbuild | source"]
    script += [f'echo "<"; complete --do-complete "imgbuild {begun}"' for begun, _ in LINES]
    done = subprocess.run([find_tool("fish"), "--no-config", "-c", "\n".join(script)], cwd=folder,
                          env=environment(folder), capture_output=True, text=True, check=False, timeout=120)
    answers = [{line.partition("\t")[0].rstrip("/") for line in part.split("\n") if line}
               for part in done.stdout.split("<\n")[1:]]
    for (begun, completed), found in zip(LINES, answers, strict=True):
        assert found == {completed.rpartition(" ")[2]}, begun


def ask(words, begun):
    """Return the values that are offered for a word, by click's own mechanism."""
    from click.shell_completion import ShellComplete  # noqa: PLC0415 - loaded where it is used, as in the program

    return ShellComplete(program, {}, "imgbuild", "_IMGBUILD_COMPLETE").get_completions(words, begun)


FREE = {"--name", "--os-version", "--min-disk", "--min-ram", "--tag", "--visibility", "--object", "--time-limit",
        "--url", "--login"}
"""Options whose values nobody can foretell."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_value_can_be_completed_that_is_one_of_some(name):
    command = program.get_command(click.Context(program), name)
    left = [option.opts[-1] for option in command.params
            if not getattr(option, "is_flag", False) and option._custom_shell_complete is None
            and not isinstance(option.type, click.Choice)]
    assert set(left) <= FREE


def test_titles_stand_beside_rules():
    found = {item.value: item.help for item in ask(["explain"], "image-backing-file")}
    assert list(found) == ["image-backing-file"]
    assert found["image-backing-file"].startswith("The image")


@pytest.mark.parametrize("words", [["--cloud", "absent", "--operation"], ["--cloud", "absent", "--select"],
                                   ["--cloud", "absent", "--set"], ["--rules", "absent", "--ignore"]])
def test_what_cannot_be_read_completes_nothing(words):
    assert ask(["check", *words], "") == []


def test_behind_a_command_that_does_not_exist_nothing_is_said():
    assert [[item.value for item in ask([word], "")] for word in ("chek", "frob")] == [list(COMMANDS)] * 2


@pytest.mark.parametrize(("words", "joined"), [
    (["a", "=", "b"], ["a=b"]), (["a", "="], ["a="]), (["a", "=", ""], ["a="]), (["a", "b"], ["a", "b"]),
    (["=", "a"], ["=a"]), (["a", "==", "b"], ["a==b"]), ([""], [""])])
def test_words_that_bash_took_apart(words, joined):
    assert join(words) == joined


def test_the_scripts_of_all_shells_come_without_configuration(monkeypatch, tmp_path):
    (tmp_path / "imgbuild.toml").write_text("broken = [")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("_IMGBUILD_COMPLETE", "fish_source")
    assert "complete --no-files --command imgbuild" in call().stdout
