"""Make something in a process of its own: what is started later inherits the peak of our memory."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, TypeVar

from measuring import Failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

T = TypeVar("T")


def apart(make: Callable[..., T], *words: object) -> T:
    """Return what ``make`` returns in another process, which is forked: ``make`` need not be a name in a module.

    Raises:
        Failed: it returned nothing; why is on standard error.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, make, words))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise Failed("what is to be measured could not be made") from None
    finally:
        process.join()


def _send(sender: Connection, make: Callable[..., T], words: tuple[object, ...]) -> None:
    sender.send(make(*words))
