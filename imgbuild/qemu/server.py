"""qemu-nbd: an open descriptor and its format in, a connection over which the content can be read out.

The server is told the format and that there is no backing file, has no lock on the file, and serves one client. Its
socket lies in a folder that only this user may enter, and is gone as soon as we are connected. Started without ``-t``
it ends with its client, once the two have shaken hands, so that nothing is left behind when we are killed.

https://www.qemu.org/docs/master/tools/qemu-nbd.html
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from socket import MSG_PEEK
from typing import TYPE_CHECKING

from imgbuild.model import Problem
from imgbuild.qemu.process import NoAnswerError, failure_of, find, start

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

PROGRAM = "qemu-nbd"
START_SECONDS = 10.0
ANSWER_SECONDS = 10.0
_END_SECONDS = 0.5
_WAIT_SECONDS = 0.002
_COMPLAINT_BYTES = 4096


class Server:
    """A qemu-nbd at work for one client, who has the other end of ``connection``."""

    def __init__(self, child: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self.connection = connection
        self._child = child

    def hand_over(self) -> None:
        """Close our end of the connection, once the client has inherited it; the server ends with the client."""
        self.connection.close()

    def end(self) -> tuple[Problem, ...]:
        """End the server, and return what was wrong with its own end if it came before that."""
        self.hand_over()
        with self._child:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(_END_SECONDS)
            status = self._child.returncode
            self._child.kill()
        if status is None or status >= 0:
            return ()
        return (_problem(failure_of(status, b""), ""),)


def serve(descriptor: int, format_name: str,
          connect: Callable[[str, float], socket.socket]) -> Server | Problem | None:
    """Start a qemu-nbd for the open image, connect to it, and return it.

    ``connect`` makes the connection to a path, and is given the seconds that an answer may take; it raises OSError
    while nobody listens there. A problem is returned where qemu-nbd refuses the image, dies over it or cannot be run,
    ``None`` where it is not installed.
    """
    if find(PROGRAM) is None:
        return None
    try:
        with _folder() as folder:
            return _connected(descriptor, format_name, os.path.join(folder, "nbd"), connect)
    except NoAnswerError as failed:
        return _problem(failed, format_name)


@contextmanager
def _folder() -> Iterator[str]:
    """Make a folder that only this user may enter, for as long as it takes to connect."""
    try:
        folder = tempfile.mkdtemp(prefix="imgbuild-")  # of mode 0700
    except OSError as error:
        raise NoAnswerError("not-run", f"there can be no temporary folder: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _connected(descriptor: int, format_name: str, path: str,
               connect: Callable[[str, float], socket.socket]) -> Server:
    image = _image_words(descriptor, format_name)
    words = [find(PROGRAM) or PROGRAM, "--read-only", "--shared=1", f"--socket={path}", image]
    child, _ = start(words, descriptor, os.path.dirname(path))
    try:
        return Server(child, _wait(child, image, path, connect))
    except BaseException:
        child.kill()
        child.communicate()
        raise


def _image_words(descriptor: int, format_name: str) -> str:
    """Return the image in qemu's own words, which leave nothing to be guessed or looked up in the file."""
    file = {"driver": "file", "filename": f"/dev/fd/{descriptor}", "locking": "off"}
    return "json:" + json.dumps({"driver": format_name, "read-only": True, "backing": None, "file": file})


def _wait(child: subprocess.Popen[bytes], image: str, path: str,
          connect: Callable[[str, float], socket.socket]) -> socket.socket:
    """Wait until the server listens, or ends; raises NoAnswerError where it does not come to that."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            connection = connect(path, ANSWER_SECONDS)
            if not _has_ended(child, connection):
                return connection
            connection.close()
        except (FileNotFoundError, ConnectionRefusedError):
            pass
        except OSError as error:
            raise NoAnswerError("not-run", f"there can be no socket in a temporary folder: {error}") from error
        if child.poll() is not None:
            assert child.stderr is not None  # noqa: S101 - it is a pipe
            complaints = child.stderr.read(_COMPLAINT_BYTES)
            raise failure_of(child.returncode, complaints, "qemu-nbd: ", f"Failed to blk_new_open '{image}': ")
        if time.monotonic() > deadline:
            raise NoAnswerError("died", "it took too long and was stopped")
        time.sleep(_WAIT_SECONDS)


def _has_ended(child: subprocess.Popen[bytes], connection: socket.socket) -> bool:
    """Say whether the server ended before its greeting: it listens a moment before it opens the image."""
    try:
        if connection.recv(1, MSG_PEEK):
            return False
    except BlockingIOError:
        return False  # silent for too long: that is for the client to say
    except ConnectionError:
        pass
    with suppress(subprocess.TimeoutExpired):
        child.wait(_END_SECONDS)
    return child.returncode is not None


def _problem(failed: NoAnswerError, format_name: str) -> Problem:
    if failed.failure == "died":
        return Problem(code="qemu-died", message=f"qemu-nbd did not survive this image: {failed}")
    if failed.failure == "not-run":
        return Problem(code="content-unread", message=f"the content of this {format_name} disk was not looked into, as"
                                                      f" qemu-nbd, which would read it, cannot run: {failed}")
    return Problem(code="qemu-disagrees", message=f"qemu-nbd does not open this as {format_name}: {failed}")
