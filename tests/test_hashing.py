"""The process that hashes: its answer, its end, and what becomes of it where nobody waits."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time

import pytest
from processes import SECONDS, ends_with_its_parent, has_children
from test_digest import MIB, Recorder, expected, noise, written

from imgbuild import digest
from imgbuild import hashing as module
from imgbuild.errors import SourceError, UsageError
from imgbuild.hashing import Hashing
from imgbuild.source import open_source


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WORTH_A_PROCESS", 0)
    with open_source(written(tmp_path, noise(3 * MIB + 5))) as opened:
        yield opened


@pytest.fixture(params=["process", "here"])
def way(request, monkeypatch):
    """Both ways: in a process, and in this one where the system has none to give, or the file is small."""
    if request.param == "here":
        monkeypatch.delattr(os, "fork")
    return request.param


@pytest.mark.usefixtures("way")
def test_the_digests_are_those_of_hashlib(source):
    found = Hashing(source, ["sha256", "MD5", "sha-256"]).result()
    assert found.checksums == expected(noise(3 * MIB + 5), "sha256", "md5")
    assert list(found.checksums) == ["sha256", "md5"]
    assert found.seconds > 0
    assert not has_children()


def test_a_small_file_is_not_worth_a_process(source, monkeypatch):
    monkeypatch.setattr(module, "WORTH_A_PROCESS", source.size + 1)
    with Hashing(source, ["md5"]) as hashing:
        assert not has_children()
        assert hashing.result().checksums == expected(noise(3 * MIB + 5), "md5")


def test_no_algorithm_starts_nothing(source):
    hashing = Hashing(source, [])
    assert not has_children()
    assert (hashing.result().checksums, hashing.result().seconds) == (None, None)


def test_a_wrong_word_starts_nothing(source):
    with pytest.raises(UsageError, match="crc32"):
        Hashing(source, ["crc32"])
    assert not has_children()


def test_progress_hears_of_each_mebibyte(source):
    progress = Recorder()
    Hashing(source, ["md5"]).result(progress)
    assert (progress.told[0], progress.told[-1]) == (("start", "disk.raw", source.size), "finish")
    assert sum(progress.told[1:-1]) == 3 * MIB


@pytest.mark.usefixtures("way")
def test_a_file_that_changes_has_no_checksums_but_a_problem(source):
    os.utime(source.path, ns=(1, 1))
    found = Hashing(source, ["md5"]).result()
    assert (found.checksums, found.problem.code) == (None, "changed")
    assert "it was written to or replaced" in found.problem.message


@pytest.mark.usefixtures("way")
def test_what_cannot_be_read_is_an_error(source, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(SourceError) as caught:
        Hashing(source, ["md5"]).result()
    assert str(caught.value) == f"cannot read {source.path!r} at byte 0: Input/output error"
    assert not has_children()


def _killed(*_words, **_more):
    os.kill(os.getpid(), signal.SIGKILL)


def _failing(*_words, **_more):
    raise RuntimeError


@pytest.mark.parametrize("work", [_killed, _failing])
def test_a_process_that_ends_without_an_answer_is_an_error(source, monkeypatch, work):
    monkeypatch.setattr(digest, "digest", work)
    with pytest.raises(SourceError) as caught:
        Hashing(source, ["md5"]).result()
    assert str(caught.value) == f"the process that hashes {source.path!r} was ended (try again)"
    assert not has_children()


def _sleeping(*_words, **_more):
    time.sleep(SECONDS)


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_given_up_leaves_no_process(source, monkeypatch, times):
    monkeypatch.setattr(digest, "digest", _sleeping)
    started = time.monotonic()
    hashing = Hashing(source, ["md5"])
    assert has_children()
    for _ in range(times):
        hashing.give_up()
    assert not has_children()
    assert time.monotonic() - started < SECONDS


def test_a_wait_that_is_broken_off_leaves_no_process(source):
    def interrupt():
        raise KeyboardInterrupt

    progress = Recorder(interrupt)
    with pytest.raises(KeyboardInterrupt), Hashing(source, ["md5"]) as hashing:
        hashing.result(progress)
    assert progress.told[-1] == "finish"
    assert not has_children()


KILLED = """
import os, signal
from imgbuild.hashing import Hashing
from imgbuild.source import open_source
hashing = Hashing(open_source("large.raw"), ["md5"])
print(hashing._process, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says which processes are left")
def test_it_ends_with_the_program_that_wanted_it(tmp_path):
    with (tmp_path / "large.raw").open("wb") as file:
        file.truncate(500 << 30)
    assert ends_with_its_parent(KILLED, tmp_path)


def test_it_reads_what_was_opened_whatever_lies_there_now(tmp_path):
    path = written(tmp_path, b"first")
    with open_source(path) as source:
        os.replace(written(tmp_path / "..", b"other"), path)
        found = Hashing(source, ["md5"]).result()
    assert found.checksums is None
    assert found.problem.code == "changed"
    assert hashlib.md5(b"other", usedforsecurity=False).hexdigest() not in str(found)
