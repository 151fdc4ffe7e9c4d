"""How a run ends that is told to: signals in, an exception out that nobody takes for an error.

The second signal of a kind ends the program at once. An exception that comes from a signal can be lost where C code
calls Python and clears what it raised, so it is raised again until somebody has seen to it (:func:`settle`): a moment
later, and before anything is written (:func:`obey`).
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NoReturn

from imgbuild.errors import Terminated

if TYPE_CHECKING:
    from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
INSIST_SECONDS = 0.25
_told: list[int] = []


def take_signals() -> None:
    """Let signals end the program by an exception; those that it was started without stay ignored."""
    for name in NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) not in {signal.SIG_IGN, None}:
            signal.signal(number, _on_signal)


def settle() -> None:
    """Say that the program ends now: the exception has arrived."""
    _told.clear()
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)


def obey() -> None:
    """Raise again what a signal told that nobody has seen to: the program writes nothing after it."""
    if _told:
        _raise(_told[-1])


def _on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    _told.append(number)
    signal.signal(number, signal.SIG_DFL)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda _alarm, _frame: _raise(number))
        signal.setitimer(signal.ITIMER_REAL, INSIST_SECONDS, INSIST_SECONDS)
    _raise(number)


def _raise(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(number)
