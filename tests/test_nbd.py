"""The NBD client: against a server in a thread that does what it is told, and against the real one."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from tools import needs

from imgbuild import nbd
from imgbuild.readers import BrokenImage

DISK = bytes(range(256)) * 8192  # 2 MiB
GREETING = b"NBDMAGICIHAVEOPT\0\3"


class Server:
    """One end of a socket pair, and a thread that plays the server on it."""

    def __init__(self, play, *, timeout: float = 5):
        ours, theirs = socket.socketpair()
        limit = struct.pack("@ll", int(timeout), int(timeout % 1 * 1_000_000))
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self.ours, self.theirs = ours, theirs
        self.asked: list[tuple[int, int]] = []
        self.thread = threading.Thread(target=self._run, args=(play,))
        self.thread.start()

    def _run(self, play):
        with self.theirs, suppress(OSError):  # the client has left
            play(self)

    def take(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            piece = self.theirs.recv(length - len(data))
            if not piece:
                raise ConnectionResetError
            data += piece
        return data

    def give(self, data: bytes) -> None:
        self.theirs.sendall(data)

    def greet(self, *, size: int = len(DISK), flags: int = 3, export_flags: int = 3, greeting: bytes | None = None):
        self.give(b"NBDMAGICIHAVEOPT" + flags.to_bytes(2, "big") if greeting is None else greeting)
        assert self.take(20) == struct.pack(">I8sII", flags & 3, b"IHAVEOPT", 1, 0)
        self.give(struct.pack(">QH", size, export_flags) + bytes(0 if flags & 2 else 124))

    def request(self) -> tuple[int, int, int]:
        magic, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", self.take(28))
        assert (magic, flags, kind) == (0x25609513, 0, 0)
        self.asked.append((offset, length))
        return handle, offset, length

    def reply(self, handle: int, data: bytes = b"", *, error: int = 0, magic: int = 0x67446698) -> None:
        self.give(struct.pack(">IIQ", magic, error, handle) + data)


@contextmanager
def served(play, **options):
    server = Server(play, **options)
    try:
        yield server
    finally:
        server.ours.close()
        server.thread.join(60)
        assert not server.thread.is_alive()


def honest(server):
    server.greet()
    while True:
        handle, offset, length = server.request()
        server.reply(handle, DISK[offset : offset + length])


def test_a_disk_is_read():
    with served(honest) as server:
        disk = nbd.Export(server.ours.fileno())
        assert disk.size == len(DISK)
        assert disk.read_at(0, 1) == b"\0"
        assert disk.read_at(255, 3) == b"\xff\0\1"
        assert disk.read_at(len(DISK) - 5, 5) == DISK[-5:]
        assert disk.read_at(7, 0) == b""
        assert server.asked == [(0, 1), (255, 3), (len(DISK) - 5, 5)]


def test_long_reads_are_asked_for_piece_by_piece():
    with served(honest) as server:
        assert nbd.Export(server.ours.fileno()).read_at(3, len(DISK) - 3) == DISK[3:]
        assert server.asked == [(3, 1 << 20), (3 + (1 << 20), (1 << 20) - 3)]


def test_what_is_past_the_end_is_not_asked_for():
    with served(honest) as server:
        disk = nbd.Export(server.ours.fileno())
        for offset, length in ((len(DISK), 1), (len(DISK) - 1, 2), (-1, 1), (0, -1), (1 << 64, 1)):
            with pytest.raises(BrokenImage) as refusal:
                disk.read_at(offset, length)
            assert refusal.value.problem.code == "truncated"
        assert server.asked == []


def test_a_server_may_send_its_zeros_and_may_dribble():
    def play(server):
        server.greet(flags=1)
        handle, offset, length = server.request()
        for byte in struct.pack(">IIQ", 0x67446698, 0, handle) + DISK[offset : offset + length]:
            server.give(bytes([byte]))

    with served(play) as server:
        assert nbd.Export(server.ours.fileno()).read_at(100, 300) == DISK[100:400]


@pytest.mark.parametrize(("error", "name"), [(5, "EIO"), (22, "EINVAL"), (9999, "9999"), (0xFFFFFFFF, "4294967295")])
def test_a_part_that_cannot_be_read_is_a_problem_and_the_next_may_do(error, name):
    def play(server):
        server.greet()
        handle, _, _ = server.request()
        server.reply(handle, error=error)
        handle, offset, length = server.request()
        server.reply(handle, DISK[offset : offset + length])

    with served(play) as server:
        disk = nbd.Export(server.ours.fileno())
        with pytest.raises(BrokenImage) as refusal:
            disk.read_at(512, 1024)
        problem = refusal.value.problem
        assert (problem.code, problem.message) == (
            "qemu-read-failed", f"qemu-nbd cannot read the 1024 bytes at 512 of the disk ({name})")
        assert disk.read_at(1, 2) == b"\1\2"


def hang(server):
    server.take(1 << 20)


GREETINGS = [
    ("nothing at all", lambda _: None, "went away without an answer"),
    ("half a greeting", lambda server: server.give(GREETING[:9]), "went away without an answer"),
    ("another protocol", lambda server: server.give(b"HTTP/1.1 400 Bad Request\r\n"),
     "greeted with b'HTTP/1.1 400 Bad', which is not the fixed newstyle of NBD"),
    ("the old style", lambda server: server.give(b"NBDMAGIC\0\0\x42\x02\x81\x86\x12\x53\0\0"),
     "greeted with b'NBDMAGIC\\x00\\x00B\\x02\\x81\\x86\\x12S', which is not the fixed newstyle of NBD"),
    ("newstyle that is not fixed", lambda server: server.give(b"NBDMAGICIHAVEOPT\0\2"),
     "greeted with b'NBDMAGICIHAVEOPT', which is not the fixed newstyle of NBD"),
    ("goodbye to the option", lambda server: (server.give(GREETING), server.take(20)), "went away without an answer"),
    ("a disk of 2**63 bytes", lambda server: server.greet(size=1 << 63),
     "exports a disk of 9223372036854775808 bytes with the flags 0x3, which no disk has"),
    ("flags that are none", lambda server: server.greet(export_flags=2),
     "exports a disk of 2097152 bytes with the flags 0x2, which no disk has")]


@pytest.mark.parametrize(("_sentence", "play", "words"), GREETINGS, ids=[case[0] for case in GREETINGS])
def test_a_handshake_that_fails_is_a_problem(_sentence, play, words):
    with served(play) as server, pytest.raises(BrokenImage) as refusal:
        nbd.Export(server.ours.fileno())
    problem = refusal.value.problem
    assert problem.code == "qemu-died"
    # A server that closes with something unread resets the connection.
    assert problem.message in {f"qemu-nbd, which reads the content, {words}",
                               "qemu-nbd, which reads the content, is out of reach: Connection reset by peer"}
    assert problem.message.isprintable()


def answers(*replies):
    """Play a server that answers the first request as it is told, and then leaves."""
    def play(server):
        server.greet()
        handle, offset, length = server.request()
        for reply in replies:
            reply(server, handle, DISK[offset : offset + length])
    return play


ANSWERS = [
    ("goodbye", answers(), "went away without an answer"),
    ("half a reply", answers(lambda server, *_: server.give(b"\x67\x44")), "went away without an answer"),
    ("half of the data", answers(lambda server, handle, data: server.reply(handle, data[:-1])),
     "went away without an answer"),
    ("another handle", answers(lambda server, handle, data: server.reply(handle + 1, data)),
     r"answered with b'gDf\x98\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02', which is no reply to the request"),
    ("another magic", answers(lambda server, handle, data: server.reply(handle, data, magic=0x668E33EF)),
     r"answered with b'f\x8e3\xef\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01', which is no reply to the request")]


@pytest.mark.parametrize(("_sentence", "play", "words"), ANSWERS, ids=[case[0] for case in ANSWERS])
def test_an_answer_that_is_none_is_a_problem_and_the_server_is_not_asked_again(_sentence, play, words):
    with served(play) as server:
        disk = nbd.Export(server.ours.fileno())
        for _ in range(2):
            with pytest.raises(BrokenImage) as refusal:
                disk.read_at(0, 100)
            problem = refusal.value.problem
            assert (problem.code, problem.message) == ("qemu-died", f"qemu-nbd, which reads the content, {words}")
        assert server.asked == [(0, 100)]


@pytest.mark.parametrize("play", [hang, lambda server: (server.greet(), hang(server))], ids=["at once", "later"])
def test_a_server_that_is_silent_is_given_up(play):
    started = time.monotonic()
    with served(play, timeout=0.2) as server:
        with pytest.raises(BrokenImage) as refusal:
            nbd.Export(server.ours.fileno()).read_at(0, 1)
        assert refusal.value.problem.message == (
            "qemu-nbd, which reads the content, did not answer in time and was given up")
    assert time.monotonic() - started < 30


def test_a_server_that_left_before_the_request_is_out_of_reach():
    def play(server):
        server.greet()

    with served(play) as server:
        disk = nbd.Export(server.ours.fileno())
        server.thread.join()
        with pytest.raises(BrokenImage) as refusal:
            disk.read_at(0, 1)
        assert refusal.value.problem.message == "qemu-nbd, which reads the content, is out of reach: Broken pipe"


def test_a_closed_descriptor_is_a_problem():
    reading, writing = os.pipe()
    os.close(writing)
    os.close(reading)
    with pytest.raises(BrokenImage) as refusal:
        nbd.Export(reading)
    assert refusal.value.problem.message == (
        "qemu-nbd, which reads the content, is out of reach: Bad file descriptor")


def test_a_socket_with_nobody_behind_it_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        nbd.connect(str(tmp_path / "none"), 1)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "bound"))
        with pytest.raises(ConnectionRefusedError):
            nbd.connect(str(tmp_path / "bound"), 1)
    with pytest.raises(OSError, match="too long"):
        nbd.connect("/" + "x" * 200, 1)


def test_the_time_of_an_answer_is_an_option_of_the_socket(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "silent"))
        listening.listen()
        started = time.monotonic()
        with nbd.connect(str(tmp_path / "silent"), 0.2) as connection, pytest.raises(BrokenImage):
            nbd.Export(connection.fileno())
        assert time.monotonic() - started < 30


@needs("qemu-img", "qemu-nbd")
def test_the_real_server_is_understood(tmp_path):
    disk, path = tmp_path / "disk.raw", str(tmp_path / "socket")
    disk.write_bytes(DISK)
    with subprocess.Popen(["qemu-nbd", "-r", "-f", "raw", "-k", path, str(disk)]) as program:
        try:
            deadline = time.monotonic() + 60
            while not os.path.exists(path) and time.monotonic() < deadline:
                time.sleep(0.005)
            with nbd.connect(path, 60) as connection:
                export = nbd.Export(connection.fileno())
                assert export.size == len(DISK)
                assert export.read_at(0, len(DISK)) == DISK
                assert export.read_at(5, 1000) == DISK[5:1005]
            assert program.wait(60) == 0  # it leaves with its only client
        finally:
            program.kill()
