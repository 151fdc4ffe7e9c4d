"""What begins before the words are known: the child that looks on the usual terms, and what becomes of it on others."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from processes import ends_with_its_parent, has_children

from imgbuild import examination, headstart, looking
from imgbuild.defaults import DEFAULT_CHECKSUMS, NICENESS
from imgbuild.headstart import EarlyLook, HeadStart, Terms
from imgbuild.settings import Settings
from imgbuild.source import open_source

SAMPLES = Path(__file__).parents[1] / "samples"
DISK = str(SAMPLES / "debian-12-tiny.qcow2")
QUICK = Settings(checksums=None)


@pytest.fixture
def begun():
    """Return a head start for the sample, on the terms for a look without checksums."""
    source = open_source(DISK)
    start = HeadStart(source, early=EarlyLook(source, Terms()))
    yield start
    start.give_up()


@pytest.fixture
def no_fork(monkeypatch):
    """Let no other child be started."""
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(looking, "_start", refuse)


@pytest.mark.usefixtures("no_fork")
@pytest.mark.parametrize(("words", "terms"), [
    ({}, Terms()), ({"initramfs": False}, Terms(initramfs=False)), ({"space": True}, Terms(space=True)),
    ({"claim": "raw"}, Terms(claim="raw")), ({"time_limit": 20.0}, Terms(seconds=20.0)),
    ({"checksums": ()}, Terms(niceness=NICENESS, checksums=DEFAULT_CHECKSUMS))], ids=str)
def test_a_child_that_looked_early_finds_what_any_child_finds(words, terms, monkeypatch):
    settings, source = msgspec.structs.replace(QUICK, **words), open_source(DISK)
    found = examination.inspect(DISK, settings, begun=HeadStart(source, early=EarlyLook(source, terms)))
    monkeypatch.undo()
    assert found == examination.inspect(DISK, settings)
    assert not has_children()


@pytest.mark.usefixtures("no_fork")
def test_it_is_shut_in_as_any_child_is(begun, monkeypatch):
    settings = msgspec.structs.replace(QUICK, run_facts=True)
    found = examination.inspect(DISK, settings, begun=begun).run.sandbox
    monkeypatch.undo()
    assert found == examination.inspect(DISK, settings).run.sandbox


RULE = """
[[rule]]
id = "own-motd"
title = "There is a motd"
severity = "warning"
why = "People read it."
hint = "Write one."
sources = ["own"]
check = { kind = "guest-file", path = "/etc/motd" }

[sources.own]
title = "Our handbook"
url = "https://handbook.example/motd"
date = "2026-11-01"
"""


@pytest.mark.parametrize("words", [
    {"allow_external": True}, {"rules": "own"}, {"claim": "raw"}, {"initramfs": False}, {"space": True},
    {"content": True}, {"time_limit": 20.0}, {"checksums": ()}], ids=str)
def test_on_other_terms_another_child_looks(words, begun, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "rules.toml").write_text(RULE)
    settings = msgspec.structs.replace(QUICK, **words)
    assert examination.inspect(DISK, settings, begun=begun) == examination.inspect(DISK, settings)
    begun.give_up()
    assert not has_children()


def test_it_is_for_one_file_and_for_that_once(begun):
    assert [begun.is_for("other"), begun.is_for(DISK), begun.is_for(DISK)] == [False, True, False]


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_given_up_leaves_no_process_and_no_open_file(times):
    before = len(os.listdir("/dev/fd"))
    source = open_source(DISK)
    start = HeadStart(source, early=EarlyLook(source, Terms()))
    assert has_children()
    for _ in range(times):
        start.give_up()
    assert not has_children()
    assert len(os.listdir("/dev/fd")) == before


def test_a_child_that_nobody_heard_for_long_is_begun_anew(begun, monkeypatch):
    monkeypatch.setattr(headstart, "FRESH_SECONDS", 0.0)
    process = begun.early._process
    assert examination.inspect(DISK, QUICK, begun=begun) == examination.inspect(DISK, QUICK)
    assert not Path(f"/proc/{process}/fd").exists()


@pytest.mark.parametrize("early", [True, False])
def test_reads_and_seconds_count_from_the_first(early):
    settings, source = msgspec.structs.replace(QUICK, run_facts=True), open_source(DISK)
    begun = HeadStart(source, early=EarlyLook(source, Terms()) if early else None)
    run = examination.inspect(DISK, settings, begun=begun).run
    plain = examination.inspect(DISK, settings).run
    assert (run.reads, run.bytes_read) == (plain.reads, plain.bytes_read)
    assert [(step.name, step.reads, step.bytes_read) for step in run.steps] == [
        (step.name, step.reads, step.bytes_read) for step in plain.steps]
    assert run.inspect_seconds <= run.seconds


def test_a_child_that_is_no_more_when_it_is_wanted_is_a_finding(begun):
    os.kill(begun.early._process, signal.SIGKILL)
    facts = examination.inspect(DISK, QUICK, begun=begun)
    assert facts.format is None
    assert {problem.code for problem in facts.problems} & {"inspection-timeout", "inspection-died"}
    assert not has_children()


KILLED = f"""
import os, signal
from imgbuild.headstart import EarlyLook, Terms
from imgbuild.source import open_source
early = EarlyLook(open_source({DISK!r}), Terms())
print(early._process, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says which processes are left")
def test_it_ends_with_the_program_that_wanted_it(tmp_path):
    assert ends_with_its_parent(KILLED, tmp_path)
