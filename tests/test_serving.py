"""Disks that only qemu reads, from the file to the facts: who gets to see them, and what comes back."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import tempfile
import time

import pytest
from tools import needs

from imgbuild import inspect, qemu, serving
from imgbuild.qemu import server
from imgbuild.sandbox import program
from imgbuild.settings import Settings
from imgbuild.source import open_source

MIB = 1 << 20
SIZE = 8 * MIB
FORMATS = ["qed", "qcow", "parallels"]
TITLES = {"qed": "QED", "qcow": "QCOW", "parallels": "Parallels disk"}
FACTS_ALONE = Settings(checksums=None, run_facts=True, time_limit=20)

pytestmark = [needs("qemu-img"), pytest.mark.skipif(sys.platform == "win32", reason="there is no socket for it")]


@pytest.fixture(autouse=True)
def _fresh():
    qemu.find.cache_clear()
    qemu.version.cache_clear()
    yield
    qemu.find.cache_clear()
    qemu.version.cache_clear()


@pytest.fixture
def make(tmp_path):
    """Write a disk with a partition table of one partition in a format."""
    def written(name, *options):
        raw, path = tmp_path / "disk.raw", tmp_path / f"disk.{'hdd' if name == 'parallels' else name}"
        disk = bytearray(SIZE)
        disk[446:462] = struct.pack("<B3sB3sII", 0x80, b"\0\2\0", 0x83, b"\1\1\1", 2048, 4096)
        disk[510:512] = b"\x55\xaa"
        disk[MIB : MIB + 300_000] = random.Random(3).randbytes(300_000)  # noqa: S311 - data, no secret
        raw.write_bytes(disk)
        subprocess.run(["qemu-img", "convert", "-q", "-f", "raw", "-O", name, *options, raw, path], check=True)
        return path
    return written


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a program in the place of qemu-nbd; it runs in the sandbox, to which this Python is a system folder."""
    monkeypatch.setattr(program, "SYSTEM_FOLDERS", (*program.SYSTEM_FOLDERS, sys.prefix, sys.base_prefix))

    def put(body):
        folder = tmp_path / "bin"
        folder.mkdir()
        script = folder / "qemu-nbd"
        script.write_text(f"#!{sys.executable} -IS\n" + PLAYER + body + "\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return put


PLAYER = """import os, socket, struct, sys, time
here = socket.socket(socket.AF_UNIX)
here.bind(sys.argv[3].removeprefix('--socket='))
here.listen()
client = here.accept()[0]
def greet(size):
    client.sendall(b'NBDMAGICIHAVEOPT\\0\\3')
    client.recv(20)
    client.sendall(struct.pack('>QH', size, 3))
def request():
    data = client.recv(28)
    if not data:
        sys.exit()
    return struct.unpack('>IHHQQI', data)[3:]
"""


def facts(path):
    image = inspect(str(path), FACTS_ALONE)
    return image, {problem.code: problem.message for problem in image.problems}


@needs("qemu-nbd")
@pytest.mark.parametrize("name", FORMATS)
def test_partitions_are_seen(make, name):
    image, problems = facts(make(name))
    assert (image.format, image.virtual_size, image.partition_table) == (name, SIZE, "mbr")
    assert [(part.start, part.size) for part in image.partitions] == [(MIB, 2 * MIB)]
    assert not {"content-unread", "qemu-disagrees", "qemu-died"} & set(problems)
    assert (image.run.qemu.format, image.run.qemu.virtual_size) == (name, SIZE)


@needs("qemu-nbd")
@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_left_behind(make, name, tmp_path, monkeypatch):
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    started = []
    serve = server.serve
    monkeypatch.setattr(server, "serve", lambda *where: started.append(serve(*where)) or started[-1])
    facts(make(name))
    assert [answer._child.returncode for answer in started] == [0]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", FORMATS)
def test_without_qemu_nbd_the_content_is_unread_and_that_is_a_note(make, name, tmp_path, monkeypatch):
    path = make(name)
    monkeypatch.setenv("PATH", str(tmp_path))
    image, problems = facts(path)
    assert (image.virtual_size, image.partitions) == (SIZE, ())
    assert problems == {"content-unread": f"the content of this {TITLES[name]} was not looked into; qemu-nbd, from the"
                                          " package qemu-utils, would read it"}


def never(*_):
    raise AssertionError("qemu-nbd must not see this file")


def served(path):
    with open_source(str(path)) as source:
        return serving.serve(source)


@pytest.mark.parametrize(("name", "changes", "code"), [
    ("qed", {16: b"\1"}, "backing-file"), ("qed", {16: b"\x80"}, "unknown-feature"),
    ("qed", {40: b"\0" * 8}, "table-misplaced"), ("qed", {4: b"\1"}, "header-invalid"),
    ("qcow", {8: struct.pack(">QI", 48, 11)}, "backing-file"), ("qcow", {36: b"\0\0\0\1"}, "encrypted"),
    ("qcow", {40: b"\x7f"}, "truncated"), ("qcow", {24: b"\x7f"}, "table-too-large"),
    ("parallels", {32: b"\xff" * 4}, "table-too-large"), ("parallels", {16: b"\3"}, "header-invalid"),
    ("qed", {510: b"\x55\xaa", 446: b"\x80\0\2\0\x83\1\1\1\0\x08\0\0\0\x10\0\0"}, "format-conflict")])
def test_what_our_own_reader_objects_to_is_not_shown_to_qemu_nbd(make, monkeypatch, name, changes, code):
    path = make(name)
    with path.open("r+b") as file:
        for at, data in changes.items():
            file.seek(at)
            file.write(data)
    monkeypatch.setattr(server, "serve", never)
    assert served(path) == serving.Service()
    image, problems = facts(path)
    assert code in problems
    assert image.partitions == ()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [0, 7, 20, 47, 60, 4096])
def test_a_cut_file_is_not_shown_to_qemu_nbd(make, monkeypatch, name, size):
    path = make(name)
    with path.open("r+b") as file:
        file.truncate(size)
    monkeypatch.setattr(server, "serve", never)
    assert served(path) == serving.Service()


@needs("qemu-nbd")
def test_a_mark_alone_does_not_keep_it_away(make):
    path = make("qed")
    with path.open("r+b") as file:
        file.seek(16)
        file.write(b"\2")
    image, problems = facts(path)
    assert (image.partition_table, list(problems)) == ("mbr", ["needs-check"])


LIES = [  # what it does, the code and the message of the problem
    ("greet(4096)\nrequest()", "qemu-disagrees",
     "qemu-nbd sees a disk of 4096 bytes in this qed, our reader one of 8388608"),
    ("client.sendall(b'x' * 100)\ntime.sleep(60)", "qemu-died",
     ("qemu-nbd, which reads the content, greeted with b'xxxxxxxxxxxxxxxx', which is not the fixed newstyle of NBD")),
    ("client.close()\ntime.sleep(60)", "qemu-died", "qemu-nbd, which reads the content, went away without an answer"),
    ("greet(8388608)\nrequest()\nos.kill(os.getpid(), 11)", "qemu-died",
     "qemu-nbd, which reads the content, went away without an answer"),
    ("greet(8388608)\nwhile True:\n    client.sendall(struct.pack('>IIQ', 0x67446698, 5, request()[0]))",
     "qemu-read-failed", "qemu-nbd cannot read the 65536 bytes at 0 of the disk (EIO)"),
    ("greet(8388608)\nrequest()\nclient.sendall(b'y' * 100_000)\ntime.sleep(60)", "qemu-died",
     ("qemu-nbd, which reads the content, answered with b'yyyyyyyyyyyyyyyy', which is no reply to the request"))]


@pytest.mark.parametrize(("body", "code", "message"), LIES)
def test_whatever_it_does_wrong_is_a_problem(make, install, body, code, message):
    path = make("qed")
    install(body)
    started = time.monotonic()
    image, problems = facts(path)
    assert (image.format, image.virtual_size, image.os) == ("qed", SIZE, None)
    found = [problem.message for problem in image.problems if problem.code == code]
    assert message.split("65536 bytes at 0")[0] in found[0]
    assert "inspection-died" not in problems
    assert time.monotonic() - started < 50


def test_a_crash_of_the_server_is_named(make, install):
    path = make("qed")
    install("greet(8388608)\nrequest()\nos.kill(os.getpid(), 11)")
    image, _ = facts(path)
    assert [problem.message for problem in image.problems] == [
        "qemu-nbd, which reads the content, went away without an answer",
        "qemu-nbd did not survive this image: signal SIGSEGV"]


def test_a_server_that_hangs_ends_with_the_inspection(make, install):
    path = make("qed")
    install("greet(8388608)\nrequest()\ntime.sleep(600)")
    started = time.monotonic()
    image = inspect(str(path), Settings(checksums=None, time_limit=1))
    assert "inspection-timeout" in {problem.code for problem in image.problems}
    assert time.monotonic() - started < 300
