"""The child keeps what it learnt, and its end is told."""

import os
import signal
import time

import msgspec
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


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGSEGV, "inspection-died"), (signal.SIGKILL, "inspection-timeout")]
)
def test_a_child_that_dies_by_a_signal_leaves_what_it_knew(number, code):
    def work(report):
        report("known")
        os.kill(os.getpid(), number)

    outcome = sandbox.run(work, str, FAST)
    assert outcome.value == "known"
    assert outcome.problem.code == code


def test_the_signal_is_named():
    outcome = sandbox.run(lambda _: os.kill(os.getpid(), signal.SIGSEGV), str, FAST)
    assert outcome.problem.message == "the inspection of the image ended by signal SIGSEGV"


def test_a_child_that_sleeps_is_stopped_in_time():
    started = time.monotonic()
    outcome = sandbox.run(lambda _: time.sleep(60), str, Limits(seconds=0.2))
    assert time.monotonic() - started < 2
    assert outcome.problem.message == "reading the image took over 0.2 s; it was stopped"


def test_a_child_that_blocks_its_alarm_is_killed(monkeypatch):
    monkeypatch.setattr(sandbox.child, "GRACE_SECONDS", 0.2)

    def work(_):
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        time.sleep(60)

    assert sandbox.run(work, str, Limits(seconds=0.2)).problem.code == "inspection-timeout"


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


def test_values_are_typed():
    with pytest.raises(msgspec.ValidationError):
        sandbox.run(lambda report: report("text"), int, FAST)
