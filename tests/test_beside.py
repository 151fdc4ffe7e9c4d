"""A function in a thread of its own."""

from __future__ import annotations

import threading

import pytest

from imgbuild.beside import Beside


def test_it_works_while_the_caller_does():
    at_work = threading.Event()
    beside = Beside(lambda: at_work.wait(60) and threading.get_ident())
    at_work.set()
    assert beside.result() not in {False, threading.get_ident()}
    assert beside.result() == beside.result()


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_what_it_raises_is_raised_where_the_value_is_asked_for(error):
    def fail():
        raise error

    beside = Beside(fail)
    beside.wait()
    with pytest.raises(type(error)) as raised:
        beside.result()
    assert raised.value is error


def test_nothing_is_a_value():
    assert Beside(lambda: None).result() is None
