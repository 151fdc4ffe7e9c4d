"""What becomes of a pair of commands; nothing here asks how long they took."""

from __future__ import annotations

import sys

import measuring
import pytest
from measuring import Failed, Pair, Run, compare, machine, marked, measure

TRUE = (sys.executable, "-S", "-c", "")


def says(text, status):
    return (sys.executable, "-S", "-c", f"import sys; sys.stderr.write({text!r}); sys.exit({status})")


@pytest.mark.parametrize(("words", "reason"), [
    # It is not there
    (("/no/such/program",), "/no/such/program: No such file or directory"),
    # The last line says why, as under a traceback
    (says("Traceback:\n  File x\nModuleNotFoundError: no y\n", 3), "ended with 3: ModuleNotFoundError: no y"),
    # The first error does, where advice follows
    (says("libguestfs: error: qemu was killed\nDo:\n  export X=1\n", 1), "ended with 1: libguestfs: error: qemu was"),
    (says("", 2), "ended with 2: it said nothing"),
])
def test_what_fails_says_why(words, reason):
    with pytest.raises(Failed, match=reason):
        measure(words)


def test_findings_of_ours_are_no_failure(monkeypatch):
    monkeypatch.setattr(measuring, "IMGBUILD", sys.executable)
    assert measure(says("", 1)).peak > 0
    with pytest.raises(Failed):
        measure(says("", 3))


def test_what_hangs_is_killed(monkeypatch):
    monkeypatch.setattr(measuring, "LONGEST", 0.01)
    with pytest.raises(Failed, match="ended with -9"):
        measure((sys.executable, "-S", "-c", "while True: pass"))


def test_variables_reach_the_command():
    measure((sys.executable, "-S", "-c", "import os, sys; sys.exit(2 * (os.environ['X'] != 'y'))"), (("X", "y"),))


@pytest.mark.parametrize(("pair", "cells"), [
    # A ratio and a peak within their limits: medians of 2, 3, 2
    ({"budget": 3, "peak": 60}, ("3", "2.00", "0.200", "50")),
    # Both over
    ({"budget": 1.05, "peak": 40}, ("1.05", "**2.00** over", "0.200", "**50** over")),
    ({}, ("", "2.00", "0.200", "50")),
    # Seconds more
    ({"budget": 0.4, "more": True}, ("+0.4 s", "+0.10 s", "0.200", "50")),
    ({"rounds": 1, "budget": 2.5}, ("2.5", "2.00", "0.200", "50")),
])
def test_a_row(pair, cells, monkeypatch):
    ours, theirs = iter([0.2, 0.2, 0.3, 0.2]), iter([0.1] * 4)
    if "rounds" in pair:
        theirs = iter([0.1])  # what runs once is not run before
    monkeypatch.setattr(measuring, "measure",
                        lambda words, _: Run(next(ours if words == ("a",) else theirs), 0.1, 50))
    assert compare(Pair("t", ("a",), "b", ("b",), **pair), 3) == ("t", "b", *cells)


def test_a_row_of_what_cannot_run():
    cells = compare(Pair("t", TRUE, "b", ("/no/such/program",), 3), 1)
    assert cells == ("t", "b", "3", "not measured: /no/such/program: No such file or directory", "", "")


def test_a_small_ratio_keeps_its_digits(monkeypatch):
    monkeypatch.setattr(measuring, "measure", lambda words, _: Run(0.3 if words == ("a",) else 25, 0.1, 50))
    assert compare(Pair("t", ("a",), "b", ("b",)), 1)[3] == "0.012"


def test_a_limit_is_kept_up_to_itself():
    assert (marked("3", 3, 3), marked("3.1", 3.1, 3), marked("9", 9, None)) == ("3", "**3.1** over", "9")


def test_the_machine_has_a_name():
    assert "processors" in machine()
