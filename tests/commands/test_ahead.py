"""What begins ahead, and what does not: facts and checksums must be those that the command would give anyway."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from commands.caller import call
from processes import has_children
from program import WHERE

from imgbuild import examination, hashing, looking
from imgbuild.commands import ahead
from imgbuild.commands.program import program
from imgbuild.defaults import DEFAULT_CHECKSUMS, DEFAULT_CLOUD
from imgbuild.rulebook import load_profile

DATA = bytes(range(256)) * 8192


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def begun(monkeypatch):
    """Return what was begun to be hashed: file and algorithms."""
    noted = []

    class Noting(hashing.Hashing):
        def __init__(self, source, algorithms, *, cache=False):
            super().__init__(source, algorithms, cache=cache)
            noted.append((source.path, self.algorithms))

    monkeypatch.setattr(hashing, "Hashing", Noting)
    return noted


def test_the_usual_cloud_asks_for_no_checksum_of_its_own():
    assert load_profile(DEFAULT_CLOUD).checksums == ()


@pytest.mark.parametrize("command", ["inspect", "build", "check"])
@pytest.mark.parametrize(("words", "algorithms"), [
    ((), DEFAULT_CHECKSUMS), (("--checksum", "SHA-1", "--checksum", "md5"), ("sha1", "md5")),
    (("--cloud", "openstack"), ("md5", "sha256", "sha512")), (("--cache",), DEFAULT_CHECKSUMS)])
def test_each_file_is_hashed_once(command, words, algorithms, image, begun, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said = call(command, image, *words, "--format", "json" if command != "check" else "text")
    assert begun == [(str(image), algorithms)]
    if command == "inspect":
        assert json.loads(said.stdout)["checksums"] == {
            name: hashlib.new(name, DATA, usedforsecurity=False).hexdigest() for name in algorithms}


def test_a_second_image_is_hashed_when_its_turn_comes(image, begun):
    second = image.with_name("second.raw")
    second.write_bytes(DATA)
    call("check", image, second)
    assert begun == [(str(image), DEFAULT_CHECKSUMS), (str(second), DEFAULT_CHECKSUMS)]


@pytest.mark.parametrize("command", ["inspect", "build", "check"])
def test_a_wrong_path_is_told_before_any_work(command, image, monkeypatch):
    monkeypatch.setattr(examination, "Looking", None)
    missing = image.with_name("missing.raw")
    said = call(command, image, missing)
    assert (said.exit_code, said.stdout) == (3, "")
    assert said.stderr == f"imgbuild: no such file: {str(missing)!r} (check the path)\n"
    assert not has_children()


@pytest.mark.parametrize("words", [("--no-checksum",), ("--help",)])
def test_what_needs_no_checksum_begins_nothing(image, begun, words):
    call("inspect", image, *words)
    assert begun == []


@pytest.mark.parametrize("words", [("--cloud", "openstack", "--statement", "s.json", "--format", "nothing"),
                                   ("--set", "x"), ("--claim", "floppy"), ("--rules", "not-there")])
def test_a_command_that_is_refused_leaves_no_process(image, begun, words):
    assert call("check", image, *words).exit_code in {2, 3}
    assert len(begun) <= 1
    assert not has_children()


@pytest.fixture
def foreseen(monkeypatch):
    """Return what was foreseen; what nobody took is given up."""
    kept = []
    monkeypatch.setattr(ahead, "_foreseen", kept)
    yield kept
    for start in kept:
        start.give_up()


def hashes(start):
    return None if start.hashing is None else start.hashing.algorithms


@pytest.mark.parametrize(("words", "worth", "expected"), [
    (["inspect", "disk.raw"], 0, (DEFAULT_CHECKSUMS, False)),
    (["inspect", "disk.raw"], 1 << 30, (DEFAULT_CHECKSUMS, True)),
    (["check", "--cloud=otc", "disk.raw"], 0, (None, True)),
    (["build", "--no-checksum", "disk.raw"], 0, (None, True)),
    (["inspect", "--no-checksum", "--claim=raw", "disk.raw"], 0, (None, False)),
    (["check", "--checksum", "sha1", "disk.raw"], 0, (None, False)),
    (["inspect", "--cache", "disk.raw"], 0, (None, True)),
])
def test_what_the_words_seem_to_name_is_begun_with(words, worth, expected, image, foreseen, monkeypatch):
    monkeypatch.chdir(image.parent)
    monkeypatch.setattr(hashing, "WORTH_A_PROCESS", worth)
    ahead.foresee(words)
    assert [(start.source.path, hashes(start), start.early is not None) for start in foreseen] == [
        ("disk.raw", *expected)]


@pytest.mark.parametrize("words", [
    [], ["inspect"], ["lint", "disk.raw"], ["verify", "disk.raw"], ["inspect", "not-there"], ["inspect", "."],
    ["inspect", "disk.raw", "--help"], ["check", "-h", "disk.raw"], ["--version"], ["inspect", "-"]])
def test_nothing_is_begun_with_otherwise(words, image, foreseen, monkeypatch):
    monkeypatch.chdir(image.parent)
    ahead.foresee(words)
    assert foreseen == []


@pytest.mark.parametrize("worth", [0, 1 << 30])
@pytest.mark.parametrize("words", [
    ("inspect", "disk.raw"), ("inspect", "disk.raw", "disk.raw"), ("check", "disk.raw", "--no-checksum"),
    ("build", "--name", "disk.raw", "other.raw"), ("inspect", "--claim", "raw", "disk.raw", "--no-checksum"),
    ("check", "--request", "r.json", "disk.raw"), ("inspect", "disk.raw", "--cloud", "openstack"),
    ("inspect", "--allow-external", "disk.raw"), ("check", "--time-limit", "20", "other.raw", "disk.raw")])
def test_what_was_foreseen_changes_no_answer(words, worth, image, foreseen, monkeypatch):
    monkeypatch.chdir(image.parent)
    monkeypatch.setattr(hashing, "WORTH_A_PROCESS", worth)
    image.with_name("other.raw").write_bytes(DATA[::-1])
    image.with_name("r.json").write_text('{"name": "disk"}')
    plain = call(*words, "--format", "json")
    ahead.foresee(words)
    assert len(foreseen) == 1
    said = call(*words, "--format", "json")
    assert (said.exit_code, said.stdout, said.stderr) == (plain.exit_code, plain.stdout, plain.stderr)
    assert foreseen == []
    assert not has_children()


@pytest.mark.parametrize("words", [("--no-checksum",), ("--checksum", "sha1"), ("--cache",)], ids=str)
def test_what_hashes_is_given_up_where_a_configuration_wants_otherwise(words, image, foreseen, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hashing, "WORTH_A_PROCESS", 0)
    os.utime(image, (1, 1))
    plain = call("inspect", image, *words, "--format", "json")
    ahead.foresee(["inspect", str(image)])
    [start] = foreseen
    assert call("inspect", image, *words, "--format", "json").stdout == plain.stdout
    assert start.hashing._process is None
    assert not has_children()


@pytest.mark.parametrize("words", [("--no-checksum",), (), ("--no-initramfs",), ("--no-checksum", "--no-initramfs")])
def test_the_child_that_looks_early_is_the_only_one(words, image, foreseen, monkeypatch):
    monkeypatch.setattr(looking, "_start", lambda *_: pytest.fail("another one was started"))
    ahead.foresee(["inspect", str(image), *words])
    assert len(foreseen) == 1
    assert call("inspect", image, *words, "--format", "json").exit_code == 0


@pytest.mark.parametrize("words", [
    ("check", "--request", "r.json", "disk.raw"), ("build", "--name=r.json", "disk.raw", "r.json"),
    ("inspect", "-q", "disk.raw"), ("inspect", "--", "disk.raw"), ("check", "--sign-key", "r.json", "-v", "disk.raw")])
def test_the_value_of_an_option_is_no_image(words, image, foreseen, monkeypatch):
    monkeypatch.chdir(image.parent)
    image.with_name("r.json").write_text("{}")
    ahead.foresee(words)
    assert [start.source.path for start in foreseen] == ["disk.raw"]


def test_the_flags_are_those_of_the_commands():
    options = [option for name in ahead._COMMANDS for option in program.get_command(None, name).params
               if isinstance(option, click.Option)]
    assert {word for option in options if option.is_flag for word in (*option.opts, *option.secondary_opts)
            } - {"--help", "-h"} == ahead.FLAGS


@pytest.mark.parametrize("failing", [(os, "fork"), (os, "pipe")], ids=["fork", "pipe"])
@pytest.mark.parametrize("worth", [0, 1 << 30])
def test_where_there_are_no_processes_to_be_had_the_command_says_so(failing, worth, image, foreseen, monkeypatch):
    def refuse():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(hashing, "WORTH_A_PROCESS", worth)
    monkeypatch.setattr(*failing, refuse)
    before = len(os.listdir("/dev/fd"))
    ahead.foresee(["check", str(image)])
    assert foreseen == []
    assert len(os.listdir("/dev/fd")) == before
    said = call("check", image)
    assert (said.exit_code, said.stderr) == (3, "imgbuild: the system refused: Resource temporarily unavailable\n")


@pytest.mark.parametrize("worth", [0, 1 << 30])
def test_what_was_foreseen_and_never_asked_for_is_given_up(worth, image, foreseen, monkeypatch):
    monkeypatch.setattr(hashing, "WORTH_A_PROCESS", worth)
    ahead.foresee(["check", str(image), "--nonsense"])
    assert has_children()
    ahead.forget()
    assert foreseen == []
    assert not has_children()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says which processes are left")
@pytest.mark.parametrize("words", [("--nonsense",), ("--cloud",), ("--version",), ("--time-limit", "x")])
def test_a_program_that_refuses_its_words_leaves_no_process(words, tmp_path):
    image = tmp_path / "disk.raw"
    with image.open("wb") as file:
        file.truncate(50 << 30)
    done = subprocess.run([sys.executable, "-m", "imgbuild", "check", image, *words], cwd=tmp_path, check=False,
                          capture_output=True, env={**os.environ, **WHERE, "IMGBUILD_TRACEBACK": "1"})
    assert done.returncode in {0, 2}
    assert b"Traceback" not in done.stderr
    mine = [path for path in Path("/proc").glob("[0-9]*/cmdline") if os.fsencode(image) in _content(path)]
    assert mine == []


def _content(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_without_forks_nothing_is_begun_with(image, foreseen, monkeypatch):
    monkeypatch.delattr(os, "fork")
    ahead.foresee(["inspect", str(image)])
    assert foreseen == []
