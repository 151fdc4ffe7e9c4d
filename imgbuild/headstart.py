"""A head start: what is done for an image before the words of the command have been read, so before click is imported.

One process hashes the file, where the usual checksums are likely to be wanted; another imports what looks into an image
and waits for its order. It takes 50 ms to read the words, and the other processor would have nothing to do meanwhile.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from imgbuild import forking

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.documents.inspection import Look
    from imgbuild.hashing import Hashing
    from imgbuild.orders import Order
    from imgbuild.sandbox import Child
    from imgbuild.source import Source


class HeadStart:
    """What has begun for the file of ``source``: ``hashing`` its checksums, ``waiting`` a child that will look."""

    def __init__(self, source: Source, hashing: Hashing | None = None, waiting: Waiting | None = None) -> None:
        self.source = source
        self.hashing = hashing
        self.waiting = waiting
        self._taken = False

    def take(self, path: str) -> bool:
        """Say whether it is for the file at ``path``; once, for what has begun is used up with the first who asks."""
        taken, self._taken = self._taken, self._taken or self.source.path == path
        return self._taken and not taken

    def give_up(self) -> None:
        """End what nobody has waited for."""
        for begun in (self.hashing, self.waiting):
            if begun is not None:
                begun.give_up()
        self.source.close()


class Waiting:
    """A child that was forked before it is known what it is to do: it imports what it will need, and waits."""

    def __init__(self, source: Source) -> None:
        orders, self._orders = os.pipe()
        work = partial(_wait, source, orders, os.getpid())
        self._process, self._channel = forking.fork(work, [source.descriptor, orders])
        os.close(orders)
        self._over = False

    def order(self, order: Order) -> Child[Look]:
        """Tell it what to do, and return it as a child at work; once at most."""
        import msgspec  # noqa: PLC0415 - this comes before all other imports

        from imgbuild.documents.inspection import Look  # noqa: PLC0415 - as above
        from imgbuild.sandbox import Child  # noqa: PLC0415 - as above

        self._over = True
        _write(self._orders, msgspec.msgpack.encode(order))
        child = Child(self._process, self._channel, Look, order.limits)
        child.watch()
        return child

    def give_up(self) -> None:
        """End it, if it has no order."""
        if not self._over:
            self._over = True
            forking.kill(self._process)
            os.close(self._orders)
            os.close(self._channel)
            forking.wait_for(self._process)


def _write(descriptor: int, data: bytes) -> None:
    """Write all, and close; a child that is no more is found out when it does not answer."""
    try:
        with open(descriptor, "wb") as pipe:
            pipe.write(data)
    except BrokenPipeError:
        return


def _wait(source: Source, orders: int, parent: int, channel: int) -> None:
    """Do the work of the child: import, wait for the order and carry it out; without one, end."""
    import msgspec  # noqa: PLC0415 - in the child, while the parent imports other things

    from imgbuild import inspection, sandbox  # noqa: PLC0415 - as above
    from imgbuild.orders import Order  # noqa: PLC0415 - as above
    from imgbuild.state import Wanted  # noqa: PLC0415 - as above

    with open(orders, "rb") as pipe:
        said = pipe.read()
    if not said:
        return
    order = msgspec.msgpack.decode(said, type=Order)

    def work(report: Callable[[Look], None]) -> None:
        wanted = Wanted(initramfs=order.initramfs, space=order.space, checksums=order.checksums)
        inspection.look(source, order.claim, report, wanted=wanted)

    sandbox.shut_in(work, order.limits, [source.descriptor], parent, channel)
