"""Run a function beside this thread: the function in, its value or what it raised out, when it is asked for."""

from __future__ import annotations

import os
import sys
from threading import Thread, get_native_id
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Beside(Generic[T]):
    """A function at work in a thread of its own.

    ``niceness`` is how far the thread steps back behind others that compute, as nice(1) has it, where a thread can.
    """

    def __init__(self, work: Callable[[], T], niceness: int = 0) -> None:
        self._work = work
        self._niceness = niceness
        self._values: list[T] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run)
        self._thread.start()

    def wait(self) -> None:
        """Wait until it has ended, however that was."""
        self._thread.join()

    def result(self) -> T:
        """Wait for it and return its value; what it raised is raised here."""
        self.wait()
        if self._error is not None:
            raise self._error
        return self._values[0]

    def _run(self) -> None:
        if self._niceness and sys.platform == "linux":  # elsewhere it would be that of the whole program
            os.setpriority(os.PRIO_PROCESS, get_native_id(), self._niceness)
        try:
            self._values.append(self._work())
        except BaseException as error:  # noqa: BLE001 - handed on to the caller's thread
            self._error = error
