"""serve: an open source in, a qemu-nbd at work for it out, where the content of its format is read by qemu alone.

That is so for QCOW 1, QED and Parallels disks (``formats/served.py``), and only where our own reader has nothing to
say against header and tables. It happens before the inspection is shut in: the child can start nothing and connect to
nobody, so it inherits the connection.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from imgbuild import nbd
from imgbuild.detection import detect
from imgbuild.formats.served import Served
from imgbuild.model import Problem
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.qemu.server import Server
    from imgbuild.readers import Reader
    from imgbuild.source import Source


class Service:
    """What came of the try to have the content read: a server, or the reason why there is none, or neither."""

    def __init__(self, answer: Server | Problem | None) -> None:
        self._answer = answer

    @property
    def descriptors(self) -> list[int]:
        """What the child needs of ours: its end of the connection."""
        return [] if self._answer is None or isinstance(self._answer, Problem) else [self._answer.connection.fileno()]

    def offer(self) -> Callable[[], Reader] | Problem | None:
        """Return what opens the content in the child, or why nothing does."""
        if self._answer is None or isinstance(self._answer, Problem):
            return self._answer
        descriptor = self._answer.connection.fileno()
        return lambda: nbd.Export(descriptor)

    def hand_over(self) -> None:
        """Close our end of the connection, which the child has inherited."""
        if self._answer is not None and not isinstance(self._answer, Problem):
            self._answer.hand_over()

    def end(self) -> tuple[Problem, ...]:
        """End the server, and return what was wrong with how it ended."""
        return () if self._answer is None or isinstance(self._answer, Problem) else self._answer.end()


def serve(source: Source) -> Service:
    """Start a server for the content of a file, if it is of such a format and our own reader lets it pass."""
    name = _format(source)
    if name is None or not hasattr(socket, "AF_UNIX"):
        return Service(None)
    from imgbuild.qemu import server  # noqa: PLC0415 - few files are of these formats

    return Service(server.serve(source.descriptor, name, nbd.connect))


def _format(source: Source) -> str | None:
    """Return the format of the file where our own reader leaves the content to qemu."""
    found = detect(source)
    try:
        container = None if found.format is None or found.format.open is None else found.format.open(source)
    except BrokenImage:  # the child will say so
        return None
    return container.format if isinstance(container, Served) else None
