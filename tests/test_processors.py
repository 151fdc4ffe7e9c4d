"""A thread moves away from where others run, and is bound to nothing afterwards."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest
from processes import SECONDS

from imgbuild import processors
from imgbuild.processors import processor_of, step_aside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads are moved on Linux alone")


@pytest.fixture
def moves(monkeypatch):
    """Return what this thread was allowed to run on, in turn; it may run on 0, 1 and 2."""
    noted = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, allowed: noted.append(set(allowed)))
    return noted


@pytest.mark.parametrize(("places", "expected"), [
    ({7: 1}, [{0, 2}, {0, 1, 2}]),
    ({7: 1, 8: 0}, [{2}, {0, 1, 2}]),
    ({7: 1, 8: 0, 9: 2}, []),
    ({7: 0}, []),
    ({}, []),
])
def test_it_moves_to_a_processor_that_none_runs_on_and_is_free_again(places, expected, moves, monkeypatch):
    here = threading.get_native_id()
    monkeypatch.setattr(processors, "processor_of", lambda thread: 1 if thread == here else places[thread])
    step_aside(places)
    assert moves == expected


def test_a_thread_runs_on_the_only_processor_that_it_may_run_on():
    allowed = os.sched_getaffinity(0)
    found = []

    def bound(processor):
        os.sched_setaffinity(0, {processor})
        found.append(processor_of(threading.get_native_id()))

    for processor in sorted(allowed)[:4]:
        thread = threading.Thread(target=bound, args=(processor,))
        thread.start()
        thread.join()
    assert found == sorted(allowed)[:4]


def test_of_a_thread_that_is_no_more_nothing_is_known():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    end = time.monotonic() + SECONDS  # the system takes it away a moment after Python is done with it
    while os.path.exists(f"/proc/self/task/{thread.native_id}") and time.monotonic() < end:
        time.sleep(0.01)
    assert processor_of(thread.native_id) == -1


def test_what_the_thread_may_run_on_stays():
    allowed = os.sched_getaffinity(0)
    step_aside([threading.get_native_id()])
    assert os.sched_getaffinity(0) == allowed


@pytest.mark.parametrize("call", ["sched_setaffinity", "sched_getaffinity"])
def test_a_system_that_lets_nobody_move_is_no_failure(call, moves, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, call, refuse)
    monkeypatch.setattr(processors, "processor_of", lambda _: 1)
    step_aside([7])
    assert moves == []


def test_how_many_this_process_may_run_on(moves, monkeypatch):
    assert (processors.usable(), moves) == (3, [])
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processors.usable() == 1
