"""Run a function beside this thread: the function in, its value or what it raised out, when it is asked for."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Beside(Generic[T]):
    """A function at work in a thread of its own."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
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
        try:
            self._values.append(self._work())
        except BaseException as error:  # noqa: BLE001 - handed on to the caller's thread
            self._error = error
