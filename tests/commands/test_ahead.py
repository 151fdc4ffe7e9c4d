"""What is hashed ahead, and what is not: the checksums must be those that the command would compute anyway."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from commands.caller import call

from imgbuild import hashing
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


@pytest.mark.parametrize("words", [("--no-checksum",), ("--help",)])
def test_what_needs_no_checksum_begins_nothing(image, begun, words):
    call("inspect", image, *words)
    assert begun == []


@pytest.mark.parametrize("words", [("--cloud", "openstack", "--statement", "s.json", "--format", "nothing"),
                                   ("--set", "x"), ("--claim", "floppy"), ("--rules", "not-there")])
def test_a_command_that_is_refused_leaves_no_process(image, begun, words):
    assert call("check", image, *words).exit_code in {2, 3}
    assert len(begun) <= 1
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
