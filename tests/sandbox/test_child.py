"""The child keeps what it learnt, and its end is told."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import offered
import pytest

from imgbuild import sandbox
from imgbuild.sandbox import Limits
from imgbuild.sizes import MIB

FAST = Limits(seconds=5)


def test_the_last_report_is_the_value():
    def work(report):
        report(1)
        report(2)

    outcome = sandbox.run(work, int, FAST)
    assert (outcome.value, outcome.problem) == (2, None)
    assert outcome.in_force[:2] == ("fork", "rlimits")


def test_what_is_reported_on_the_way_can_be_waited_for():
    go_on, said = os.pipe()

    def work(report):
        report(1)
        report(2)
        os.read(go_on, 1)
        report(3)

    child = sandbox.start(work, int, FAST, [go_on])
    assert child.first(lambda number: number > 1) == 2
    os.write(said, b".")
    assert child.result().value == 3
    assert child.first(lambda number: number > 3) is None
    os.close(go_on)
    os.close(said)


@pytest.mark.parametrize(("number", "message"), [
    (signal.SIGSEGV, "the inspection of the image ended by signal SIGSEGV"),
    (signal.SIGKILL, sandbox.child.KILLED.message),
    (signal.SIGALRM, "reading the image took over 5 s; it was stopped")])
def test_a_child_that_dies_by_a_signal_leaves_what_it_knew(number, message):
    def work(report):
        report("known")
        os.kill(os.getpid(), number)

    outcome = sandbox.run(work, str, FAST)
    assert outcome.value == "known"
    assert outcome.problem.message == message


@pytest.mark.parametrize("call", [lambda: os.execv("/bin/true", ["true"]), lambda: os.chroot("/")])  # noqa: S606
def test_a_call_that_reading_never_needs_is_told_from_a_crash(call):
    if offered.seccomp():
        outcome = sandbox.run(lambda _: call(), str, FAST)
        assert outcome.problem.code == "inspection-died"
        assert outcome.problem.message == (
            "the inspection of the image was stopped by the kernel (signal SIGSYS): it made a system call that reading"
            " never needs, so the image may have taken it over")


def test_what_held_it_is_known_also_of_a_child_that_died_at_once():
    outcome = sandbox.run(lambda _: os._exit(1), str, FAST)
    assert outcome.in_force == ("fork", "rlimits", *offered.in_force())


def test_a_child_that_sleeps_is_stopped_in_time():
    started = time.monotonic()
    outcome = sandbox.run(lambda _: time.sleep(600), str, Limits(seconds=0.2))
    assert time.monotonic() - started < 300
    assert outcome.problem.message == "reading the image took over 0.2 s; it was stopped"


def test_a_child_that_blocks_its_alarm_is_killed(monkeypatch):
    monkeypatch.setattr(sandbox.child, "GRACE_SECONDS", 0.2)

    def work(_):
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        time.sleep(600)

    assert sandbox.run(work, str, Limits(seconds=0.2)).problem.code == "inspection-timeout"


def test_a_child_that_closes_its_pipe_and_stays_is_killed(monkeypatch):
    monkeypatch.setattr(sandbox.child, "GRACE_SECONDS", 0.2)

    def work(_):
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        os.closerange(3, 64)
        time.sleep(600)

    started = time.monotonic()
    assert sandbox.run(work, str, Limits(seconds=0.2)).problem.code == "inspection-timeout"
    assert time.monotonic() - started < 300


def test_memory_over_the_limit_is_a_problem():
    outcome = sandbox.run(lambda _: bytearray(2048 * MIB), str, FAST)
    assert outcome.problem.code == "inspection-memory"
    assert outcome.problem.message == "reading the image needs over 512 MiB of memory; it was stopped"


def test_an_exception_of_ours_is_a_problem_and_no_traceback(capfd):
    def work(_):
        raise ZeroDivisionError

    assert sandbox.run(work, str, FAST).problem.code == "inspection-died"
    assert capfd.readouterr() == ("", "")


def test_the_child_writes_no_file(tmp_path):
    target = tmp_path / "out"
    outcome = sandbox.run(lambda _: target.write_bytes(b"x" * 10), str, FAST)
    assert outcome.problem is not None
    assert not target.exists() or target.stat().st_size == 0  # without seccomp and Landlock the limit is on its size


def test_a_value_larger_than_the_pipe_arrives_while_the_parent_is_busy():
    child = sandbox.start(lambda report: report("x" * (4 * MIB)), str, FAST)
    time.sleep(0.1)
    assert len(child.result().value) == 4 * MIB


def test_without_fork_the_work_runs_here(monkeypatch):
    monkeypatch.delattr(os, "fork")
    outcome = sandbox.run(lambda report: report(os.getpid()), int, FAST)
    assert (outcome.value, outcome.in_force) == (os.getpid(), ())


def answered(*raw, kind=int):
    """Return what becomes of an answer; a child that was taken over writes what it likes."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.write(writing, b"".join(raw))
        os._exit(0)
    os.close(writing)
    return sandbox.child.Child(process, reading, kind, FAST).result()


def frame(value):
    data = msgspec.msgpack.encode(value)
    return len(data).to_bytes(4, "big") + data


CUT = [b"", b"\0", b"\0\0\0\1", b"\0\0\0\5\1"]
GARBLED = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1\xc1", b"\0\0\0\2\xa1x", b"\0\0\0\1\x80", b"\0\0\0\2\xa1\xff",
           (50_000).to_bytes(4, "big") + b"\x91" * 49_999 + b"\x90"]  # lists in lists


@pytest.mark.parametrize("raw", CUT)
def test_an_answer_that_is_cut_counts_as_far_as_it_goes(raw):
    outcome = answered(frame(("fork", "x")), frame(7), raw)
    assert (outcome.value, outcome.problem, outcome.in_force) == (7, None, ("fork", "x"))


@pytest.mark.parametrize("raw", GARBLED)
@pytest.mark.parametrize("kind", [int, list])
def test_an_answer_of_another_kind_is_a_problem_and_no_exception(raw, kind):
    for before in ((), (frame(("fork", "x")), frame(kind()))):
        outcome = answered(*before, raw, kind=kind)
        assert outcome.value == (kind() if before else None)
        assert outcome.problem.code == "inspection-died"


def test_what_was_said_before_an_answer_of_another_kind_stays():
    def work(report):
        report(7)
        report("seven")

    outcome = sandbox.run(work, int, FAST)
    assert outcome.value == 7
    assert outcome.problem.message == ("the answer of the inspection is not understood, so the image may have taken it"
                                       " over; what it said before is kept")


def test_of_what_is_open_it_keeps_what_it_is_given(tmp_path):
    def is_open(number):
        try:
            os.fstat(number)
        except OSError:
            return False
        return True

    (tmp_path / "image").touch()
    ours, theirs = (os.open(tmp_path / "image", os.O_RDONLY) for _ in range(2))
    plug = socket.socket()
    numbers = [ours, theirs, plug.fileno()]
    said = sandbox.run(lambda report: report([is_open(number) for number in numbers]), list, FAST, [ours]).value
    plug.close()
    for number in (ours, theirs):
        os.close(number)
    assert said == [True, False, False]


def test_where_descriptors_cannot_be_listed_they_are_closed_one_by_one(monkeypatch):
    def refuse(_path):
        raise PermissionError

    plug = socket.socket()
    monkeypatch.setattr(os, "listdir", refuse)
    outcome = sandbox.run(lambda report: report(os.fstat(plug.fileno()).st_mode), int, FAST)
    plug.close()
    assert (outcome.value, outcome.problem.code) == (None, "inspection-died")


ORPHAN = """
import os, time
from imgbuild import sandbox
child = sandbox.start(lambda report: report(1) or time.sleep(600), int, sandbox.Limits(seconds=600))
child.first(lambda known: True)  # it is at work
print(child._process, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel tells a child of its parent's end")
def test_a_host_that_ignores_the_end_of_its_children_still_gets_the_answer():
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        outcome = sandbox.run(lambda report: report("known"), str, FAST)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert (outcome.value, outcome.problem) == ("known", None)


def test_a_child_ends_with_its_parent():
    home = str(Path(sandbox.__file__).parent.parent.parent)
    with subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": home}) as parent:
        number = int(parent.stdout.readline())
        assert is_running(number)
        parent.kill()
    deadline = time.monotonic() + 300
    while is_running(number) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(number)


def is_running(number):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
