"""The children that read: what becomes of those that die, are silent or lie, and of all of them when it is over."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import msgspec
import pytest
from processes import SECONDS, ends_with_its_parent, has_children

from imgbuild import content, sandbox
from imgbuild.content import children
from imgbuild.content.children import Said, reading
from imgbuild.content.pieces import Job, Share
from imgbuild.documents.inspection import Inspection
from imgbuild.model import Problem
from imgbuild.readers import BrokenImage, broken
from imgbuild.sandbox import Limits
from imgbuild.settings import Settings
from imgbuild.source import open_source

MIB = 1 << 20
SIZE = 24 * MIB
USUAL = Settings(content=True, checksums=None)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(b"\1" * SIZE)
    with open_source(path) as opened:
        yield opened


def read(source, monkeypatch, reader, settings=USUAL):
    """Return what comes of a disk that is read by two children in this way."""
    monkeypatch.setattr(content, "usable", lambda: 2)
    monkeypatch.setattr(children, "read_through", reader)
    monkeypatch.setattr(content, "SLOWEST_INFLATE", 1 << 60)  # the time is what the settings say
    facts = Inspection(path="disk", size=SIZE, format="qcow2", virtual_size=SIZE)
    found = content.read(source, facts, settings)
    assert not has_children()
    return found.content, [(problem.code, problem.message) for problem in found.problems]


def honest(job):
    for start in range(job.share.turn * job.share.stripe, SIZE, job.share.turns * job.share.stripe):
        for _ in range(start, start + job.share.stripe, MIB):
            yield b"\1" * MIB


def test_what_they_read_is_put_in_order(source, monkeypatch):
    whole = content.read(source, Inspection(path="disk", size=SIZE, format="raw", virtual_size=SIZE), USUAL).content
    assert read(source, monkeypatch, honest) == (whole, [])
    assert whole.size == whole.data_end == SIZE


def dying(job):
    yield b"\1" * MIB
    if job.share.turn:
        os.kill(os.getpid(), signal.SIGSEGV)
    yield from honest(job)


def killed(_):
    yield b"\1" * MIB
    os.kill(os.getpid(), signal.SIGKILL)


def failing(_):
    yield b"\1" * MIB
    raise RuntimeError


def hungry(_):
    yield bytes(1 << 40)


def ending(_):
    yield b"\1" * MIB


def boasting(_):
    yield 1 << 62


def objecting(job):
    yield b"\1" * MIB
    raise broken("compressed-cluster-invalid", f"it is broken in share {job.share.turn}")


GARBLED = ("inspection-died", sandbox.GARBLED.message)


@pytest.mark.parametrize(("reader", "said"), [
    (dying, ("inspection-died", "the inspection of the image ended by signal SIGSEGV")),
    (killed, ("inspection-died", sandbox.child.KILLED.message)),
    (failing, ("inspection-died", "the inspection of the image failed; what it had learnt is kept")),
    (hungry, ("inspection-memory", "reading the image needs over 512 MiB of memory; it was stopped")),
    (ending, GARBLED), (boasting, GARBLED),
    (objecting, ("compressed-cluster-invalid", "it is broken in share 0")),
])
def test_one_that_comes_to_no_good_end_is_a_finding(reader, said, source, monkeypatch):
    assert read(source, monkeypatch, reader) == (msgspec.UNSET, [said])


@pytest.mark.parametrize("said", [
    {"zeros": -1}, {"data": -1}, {"data": MIB + 1}, {"zeros": 1 << 63}, {"zeros": "many"}, b"no structure"], ids=str)
def test_one_that_says_what_cannot_be_is_not_listened_to(said, source, monkeypatch):
    def lying(_job, _pages, _hearing, report):
        fields = {"zeros": 0, "data": 0, "problem": None, "last": False}
        report(said if isinstance(said, bytes) else list((fields | said).values()))

    monkeypatch.setattr(children, "_tell", lying)
    assert read(source, monkeypatch, honest) == (msgspec.UNSET, [GARBLED])


def test_one_that_says_more_than_it_has_pages_for_gets_no_answer_for_ever(source, monkeypatch):
    """It never listens, so that the answers fill their pipe."""
    def flooding(_job, _pages, _hearing, report):
        for _ in range(1 << 20):
            report(Said(data=1))

    monkeypatch.setattr(children, "_tell", flooding)
    assert read(source, monkeypatch, honest) == (msgspec.UNSET, [GARBLED])


def changing(job):
    yield from honest(job)
    yield Problem(code="changed", message=f"a parent of share {job.share.turn}")


def test_of_files_that_change_meanwhile_there_is_no_digest(source, monkeypatch):
    assert read(source, monkeypatch, changing) == (msgspec.UNSET, [("changed", "a parent of share 0")])


def silent(_):
    time.sleep(SECONDS)
    yield 0


def test_one_that_is_silent_is_ended_in_its_time(source, monkeypatch):
    started = time.monotonic()
    (code, message), = read(source, monkeypatch, silent, Settings(content=True, time_limit=0.2))[1]
    assert (code, message.split(" over ")[0]) == ("inspection-timeout", "reading the image took")
    assert time.monotonic() - started < SECONDS / 2


def test_one_whose_own_clock_does_not_ring_is_ended_from_here(source, monkeypatch):
    def deaf(job):
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        yield from silent(job)

    monkeypatch.setattr(children.sandbox, "GRACE_SECONDS", 0.1)
    assert read(source, monkeypatch, deaf, Settings(content=True, time_limit=0.2))[1][0][0] == "inspection-timeout"


def test_an_interrupt_leaves_nobody_and_nothing_open(source, monkeypatch):
    class Interrupting:
        start = finish = staticmethod(lambda *_: None)

        def advance(self, _):
            raise KeyboardInterrupt

    before = len(os.listdir("/dev/fd"))
    facts = Inspection(path="disk", size=SIZE, format="qcow2", virtual_size=SIZE)
    monkeypatch.setattr(children, "read_through", honest)
    with pytest.raises(KeyboardInterrupt):
        content.read(source, facts, USUAL, Interrupting())
    assert not has_children()
    assert len(os.listdir("/dev/fd")) == before


def test_where_no_process_is_to_be_had_nothing_stays_open(source, monkeypatch):
    def fail():
        raise OSError(11, "Resource temporarily unavailable")

    before = len(os.listdir("/dev/fd"))
    monkeypatch.setattr(os, "fork", fail)
    with pytest.raises(OSError, match="temporarily"), reading([Job(source, SIZE, None, None, Share(SIZE))], Limits(),
                                                             [source.descriptor]):
        pass
    assert len(os.listdir("/dev/fd")) == before


def test_what_it_reads_is_raised_where_it_is_asked_for(source):
    jobs = [Job(source, SIZE + 1, None, None, Share(SIZE))]
    with reading(jobs, Limits(), [source.descriptor]) as (pieces,), pytest.raises(BrokenImage, match="a moment ago"):
        next(pieces)


KILLED = """
import os, signal
from imgbuild.content.children import reading
from imgbuild.content.pieces import Job, Share
from imgbuild.sandbox import Limits
from imgbuild.source import open_source
source = open_source({path!r})
with reading([Job(source, {size}, None, None, Share({size}))], Limits(), [source.descriptor]) as (pieces,):
    next(pieces)
    tasks = open(f"/proc/self/task/{{os.getpid()}}/children").read()
    print(tasks, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the children of a process are read from /proc")
def test_they_end_with_this_process(source, tmp_path):
    assert ends_with_its_parent(KILLED.format(path=source.path, size=SIZE), tmp_path)
