"""A client of NBD, the network block device protocol, over a Unix socket: a connected descriptor in, a Reader out.

It does what reading from qemu-nbd takes: the fixed newstyle handshake, the one export without a name, and reads that
are answered one by one. The connection is made before the work on the image is shut in; after that nothing is used but
``read`` and ``write`` on the descriptor, so that the reader's time limit is an option of the socket.

The server has an untrusted image open, so nothing that it says is taken on trust: whatever it does wrong, is silent for
too long, or goes away, is a BrokenImage.

The NBD protocol, https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from imgbuild.readers import BrokenImage, broken, check_range
from imgbuild.sizes import MIB

# Handshake, big-endian. Server: "NBDMAGIC" · "IHAVEOPT" · handshake flags (2). Client: its flags (4), then an option:
# "IHAVEOPT" · option (4) · length of the data (4). Server, to NBD_OPT_EXPORT_NAME: size (8) · transmission flags (2),
# and 124 zeros unless both sides have said no to them.
_GREETING = struct.Struct(">8s8sH")
_OPTION = struct.Struct(">I8sII")
_EXPORT = struct.Struct(">QH")
_NBDMAGIC, _IHAVEOPT = b"NBDMAGIC", b"IHAVEOPT"
_FLAG_FIXED_NEWSTYLE, _FLAG_NO_ZEROES = 1 << 0, 1 << 1
_OPT_EXPORT_NAME = 1
_FLAG_HAS_FLAGS = 1 << 0

# Transmission. Request: magic (4) · command flags (2) · type (2) · handle (8) · offset (8) · length (4). Simple reply:
# magic (4) · error (4) · handle (8) · the data, where there is no error.
_REQUEST = struct.Struct(">IHHQQI")
_REPLY = struct.Struct(">IIQ")
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698
_CMD_READ = 0

MOST_AT_ONCE = MIB
"""The bytes that one request asks for; servers must take 32 MiB, a small one is answered sooner."""
MAX_SIZE = (1 << 63) - 1


def connect(path: str, timeout: float) -> socket.socket:
    """Return a socket that is connected to the one at ``path``; an answer may take ``timeout`` seconds.

    Raises:
        OSError: Nobody listens there (yet).
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        limit = struct.pack("@ll", int(timeout), int(timeout % 1 * 1_000_000))  # struct timeval
        for which in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, which, limit)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


class Export:
    """The disk that a server exports. Once the server has failed, it is not asked again."""

    def __init__(self, descriptor: int) -> None:
        """Shake hands over the connected ``descriptor``; raises BrokenImage ``qemu-died`` where that fails."""
        self._descriptor = descriptor
        self._failure: BrokenImage | None = None
        self._handle = 0
        self._size = self._shake_hands()

    @property
    def size(self) -> int:
        """The size of the disk in bytes."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``.

        Raises:
            BrokenImage: ``qemu-read-failed`` where the server says that it cannot read them, ``qemu-died`` where it
                says nothing, nonsense, or goodbye.
        """
        check_range(self._size, offset, length, "the virtual disk")
        if self._failure is not None:
            raise self._failure
        return b"".join(self._request(start, min(MOST_AT_ONCE, offset + length - start))
                        for start in range(offset, offset + length, MOST_AT_ONCE))

    def _shake_hands(self) -> int:
        magic, option_magic, flags = _GREETING.unpack(self._receive(_GREETING.size))
        if (magic, option_magic) != (_NBDMAGIC, _IHAVEOPT) or not flags & _FLAG_FIXED_NEWSTYLE:
            raise self._fail(f"greeted with {(magic + option_magic)[:16]!r}, which is not the fixed newstyle of NBD")
        ours = flags & (_FLAG_FIXED_NEWSTYLE | _FLAG_NO_ZEROES)
        self._send(_OPTION.pack(ours, _IHAVEOPT, _OPT_EXPORT_NAME, 0))
        size, export_flags = _EXPORT.unpack(self._receive(_EXPORT.size))
        if not flags & _FLAG_NO_ZEROES:
            self._receive(124)
        if size > MAX_SIZE or not export_flags & _FLAG_HAS_FLAGS:
            raise self._fail(f"exports a disk of {size} bytes with the flags {export_flags:#x}, which no disk has")
        return int(size)

    def _request(self, offset: int, length: int) -> bytes:
        self._handle += 1
        self._send(_REQUEST.pack(_REQUEST_MAGIC, 0, _CMD_READ, self._handle, offset, length))
        magic, error, handle = _REPLY.unpack(self._receive(_REPLY.size))
        if (magic, handle) != (_REPLY_MAGIC, self._handle):
            raise self._fail(f"answered with {_REPLY.pack(magic, error, handle)!r}, which is no reply to the request")
        if error:
            raise broken("qemu-read-failed", f"qemu-nbd cannot read the {length} bytes at {offset} of the disk"
                                             f" ({errno.errorcode.get(error, error)})")
        return self._receive(length)

    def _receive(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            try:
                piece = os.read(self._descriptor, length - len(data))
            except BlockingIOError:
                raise self._fail("did not answer in time and was given up") from None
            except OSError as error:
                raise self._fail(f"is out of reach: {error.strerror}") from error
            if not piece:
                raise self._fail("went away without an answer")
            data += piece
        return bytes(data)

    def _send(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                raise self._fail("did not take a request in time and was given up") from None
            except OSError as error:
                raise self._fail(f"is out of reach: {error.strerror}") from error

    def _fail(self, words: str) -> BrokenImage:
        self._failure = broken("qemu-died", f"qemu-nbd, which reads the content, {words}")
        return self._failure
