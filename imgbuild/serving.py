"""serve: an open source in, a qemu-nbd at work for it out, where the content of its format is read by qemu alone.

That is so for QCOW 1, QED and Parallels disks (``formats/served.py``), and only where our own reader has nothing to
say against header and tables. It happens before the inspection is shut in: the child can start nothing and connect to
nobody, so it inherits the connection.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgbuild import nbd
from imgbuild.detection import detect
from imgbuild.formats.served import Served
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.qemu.server import Server
    from imgbuild.readers import Reader
    from imgbuild.source import Source


@dataclass(frozen=True)
class Service:
    """What came of the try to have the content read: a server and its disk, or why there is none, or neither."""

    content: Reader | Problem | None = None
    server: Server | None = None

    @property
    def descriptors(self) -> list[int]:
        """What the child needs of ours: the connection."""
        return [] if self.server is None else [self.server.connection.fileno()]

    def hand_over(self) -> None:
        """Close our end of the connection, which the child has inherited."""
        if self.server is not None:
            self.server.hand_over()

    def end(self) -> tuple[Problem, ...]:
        """End the server, and return what was wrong with how it ended."""
        return () if self.server is None else self.server.end()


def serve(source: Source) -> Service:
    """Start a server for the content of a file, if it is of such a format and our own reader lets it pass."""
    name = _format(source)
    if name is None or not hasattr(socket, "AF_UNIX"):
        return Service()
    from imgbuild.qemu import server  # noqa: PLC0415 - few files are of these formats

    answer = server.serve(source.descriptor, name, nbd.connect)
    return _greeted(answer) if isinstance(answer, server.Server) else Service(answer)


def _greeted(server: Server) -> Service:
    """Shake hands at once: a server ends with its client only after that."""
    try:
        return Service(nbd.Export(server.connection.fileno()), server)
    except BrokenImage as broken:
        server.end()
        return Service(broken.problem)


def _format(source: Source) -> str | None:
    """Return the format of the file where our own reader leaves the content to qemu."""
    try:
        found = detect(source)
        container = None if found.format is None or found.format.open is None else found.format.open(source)
    except BrokenImage:  # the child will say so
        return None
    return container.format if isinstance(container, Served) else None
