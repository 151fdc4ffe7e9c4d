"""qemu-nbd: the real one on good images, and programs in its place that misbehave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import pytest
from tools import needs

from imgbuild import nbd, qemu
from imgbuild.model import Problem
from imgbuild.qemu import server
from imgbuild.readers import BrokenImage
from imgbuild.sandbox import program
from imgbuild.source import open_source

MIB = 1 << 20


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch):
    """Keep no answer of another test, and see what is left in the temporary folder."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    qemu.find.cache_clear()
    yield
    qemu.find.cache_clear()
    assert list(folder.iterdir()) == []


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a program named qemu-nbd on the PATH; it runs in the sandbox, to which this Python is a system folder."""
    monkeypatch.setattr(program, "SYSTEM_FOLDERS", (*program.SYSTEM_FOLDERS, sys.prefix, sys.base_prefix))

    def put(body):
        folder = tmp_path / "bin"
        folder.mkdir()
        script = folder / "qemu-nbd"
        script.write_text(f"#!{sys.executable} -IS\nimport json, os, socket, sys, time\n"
                          "path = sys.argv[3].removeprefix('--socket=')\n"
                          "def listen():\n    here = socket.socket(socket.AF_UNIX)\n    here.bind(path)\n"
                          "    here.listen()\n    return here.accept()[0]\n" + body + "\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return put


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(b"x" * 512)
    return path


def serve(path, name="qed"):
    with open_source(str(path)) as source:
        return server.serve(source.descriptor, name, nbd.connect)


@contextmanager
def served(path, name):
    with open_source(str(path)) as source:
        answer = server.serve(source.descriptor, name, nbd.connect)
        assert isinstance(answer, server.Server), answer
        yield nbd.Export(answer.connection.fileno())
        assert answer.end() == ()


def failure(path, name="qed") -> tuple[str, str]:
    answer = serve(path, name)
    assert isinstance(answer, Problem)
    return answer.code, answer.message


FORMATS = ["qed", "qcow", "parallels"]


@needs("qemu-img", "qemu-io", "qemu-nbd")
@pytest.mark.parametrize("name", FORMATS)
def test_the_real_one_gives_the_content_as_qemu_img_does(tmp_path, name):
    path, raw = tmp_path / f"disk.{name}", tmp_path / "disk.raw"
    subprocess.run(["qemu-img", "create", "-q", "-f", name, path, "20M"], check=True)
    writes = ("write -P 1 0 4k", "write -P 2 3M 1M", "write -P 3 20971008 512", "write -P 4 12345k 77k")
    subprocess.run(["qemu-io", "-f", name, *(word for write in writes for word in ("-c", write)), path], check=True,
                   capture_output=True)
    subprocess.run(["qemu-img", "convert", "-f", name, "-O", "raw", path, raw], check=True)
    with served(path, name) as disk:
        assert disk.size == 20 * MIB
        assert disk.read_at(0, disk.size) == raw.read_bytes()
        assert disk.read_at(12345 * 1024 - 1, 3) == b"\0\4\4"


@needs("qemu-img", "qemu-nbd")
def test_it_ends_with_its_client(tmp_path):
    path = tmp_path / "disk.qed"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qed", path, "1M"], check=True)
    answer = serve(path)
    assert nbd.Export(answer.connection.fileno()).size == MIB
    answer.hand_over()
    assert answer._child.wait(60) == 0
    assert answer.end() == ()


@needs("qemu-img", "qemu-nbd")
@pytest.mark.parametrize("name", ["-o", "json:{}", "nbd:localhost:1", "a,b=c", "'", "$(id)", "\n", '"}'])
def test_the_name_of_the_file_means_nothing(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qed", "good", "1M"], check=True)
    os.rename("good", name)
    with served(name, "qed") as disk:
        assert disk.size == MIB


@needs("qemu-img", "qemu-nbd")
def test_a_backing_file_is_not_opened_even_where_it_gets_that_far(tmp_path):
    base, path = tmp_path / "secret.raw", tmp_path / "disk.qed"
    base.write_bytes(b"secret!!" * 65536)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qed", "-b", base, "-F", "raw", path], check=True)
    with served(path, "qed") as disk:
        assert disk.read_at(0, 512) == bytes(512)


@needs("qemu-nbd")
def test_the_real_one_refuses_what_is_of_another_format(image):
    assert failure(image) == ("qemu-disagrees", "qemu-nbd does not open this as qed: Image not in QED format")


def test_where_it_is_missing_nothing_is_said(image, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert serve(image) is None


def test_the_call_tells_everything_and_names_no_file(image, install, tmp_path):
    install(f"open({str(tmp_path / 'said')!r}, 'w') if 0 else None\n"
            "said = json.dumps([sys.argv[1:], sorted(os.environ), os.getcwd(), oct(os.stat(os.path.dirname(path))"
            ".st_mode)])\nlisten().sendall(said.encode())")
    with open_source(str(image)) as source:
        answer = server.serve(source.descriptor, "qed", nbd.connect)
        arguments, environment, folder, mode = json.loads(answer.connection.recv(10_000))
        answer.end()
        assert arguments[:2] == ["--read-only", "--shared=1"]
        assert json.loads(arguments[3].removeprefix("json:")) == {
            "driver": "qed", "read-only": True, "backing": None,
            "file": {"driver": "file", "filename": f"/dev/fd/{source.descriptor}", "locking": "off"}}
    assert set(environment) <= {"PATH", "LC_ALL", "MALLOC_ARENA_MAX", "LC_CTYPE"}
    assert (folder, mode) == ("/", "0o40700")


@pytest.mark.skipif(sys.platform != "linux", reason="limits are set from outside on Linux only")
def test_it_runs_under_limits(image, install, monkeypatch):
    install("import resource as r\nhere = listen()\n"
            "limits = lambda: [r.getrlimit(n)[0] for n in (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE,"
            " r.RLIMIT_CORE)]\n"
            "while limits() != [1073741824, 10, 0, 64, 0]:\n    time.sleep(0.01)\n"
            "here.sendall(json.dumps(limits()).encode())")
    monkeypatch.setattr(server, "ANSWER_SECONDS", 60)
    answer = serve(image)
    assert answer.connection.recv(1000) == b"[1073741824, 10, 0, 64, 0]"
    answer.end()


COMPLAINT = "sys.stderr.write(\"qemu-nbd: Failed to blk_new_open '\" + sys.argv[4] + \"': {}\\nmore\"); sys.exit(1)"
MISBEHAVIOUR = [  # a program, the code, the message
    ("sys.exit(1)", "qemu-disagrees", "qemu-nbd does not open this as qed: exit status 1"),
    (COMPLAINT.format("L1 \\x1b[31m is bad"), "qemu-disagrees",
     "qemu-nbd does not open this as qed: L1 \\x1b[31m is bad"),
    (COMPLAINT.format("Could not open '/dev/fd/5': Permission denied"), "content-unread",
     ("the content of this qed disk was not looked into, as qemu-nbd, which would read it, cannot run: Could not open"
      " '/dev/fd/5': Permission denied")),
    ("sys.stderr.write('x' * 60000); sys.exit(1)", "qemu-disagrees",
     "qemu-nbd does not open this as qed: " + "x" * 200),
    ("os.kill(os.getpid(), 11)", "qemu-died", "qemu-nbd did not survive this image: signal SIGSEGV"),
    ("os.abort()", "qemu-died", "qemu-nbd did not survive this image: signal SIGABRT"),
    ("time.sleep(60)", "qemu-died", "qemu-nbd did not survive this image: it took too long and was stopped"),
    ("sys.stderr.write('x' * 5_000_000)", "qemu-died",
     "qemu-nbd did not survive this image: it took too long and was stopped"),
    ("socket.socket(socket.AF_UNIX).bind(path)\ntime.sleep(60)", "qemu-died",
     "qemu-nbd did not survive this image: it took too long and was stopped")]


@pytest.mark.parametrize(("body", "code", "message"), MISBEHAVIOUR)
def test_a_server_that_does_not_come_up_is_a_problem(image, install, monkeypatch, body, code, message):
    install(body)
    monkeypatch.setattr(server, "START_SECONDS", 0.7 if "took too long" in message else 60)
    started = time.monotonic()
    assert failure(image) == (code, message)
    assert time.monotonic() - started < 30


def test_a_program_that_cannot_be_started_is_a_problem(image, install, tmp_path):
    install("")
    (tmp_path / "bin" / "qemu-nbd").write_text("#!/no/such/program\n")
    code, message = failure(image)
    assert code == "content-unread"
    assert message.startswith("the content of this qed disk was not looked into, as qemu-nbd, which would read it,")


def test_a_server_that_dies_later_is_a_problem_twice(image, install, monkeypatch):
    monkeypatch.setattr(server, "_END_SECONDS", 60)
    install("here = listen()\nhere.recv(1)\nos.kill(os.getpid(), 11)")
    answer = serve(image)
    os.write(answer.connection.fileno(), b"x")
    with pytest.raises(BrokenImage) as refusal:
        nbd.Export(answer.connection.fileno())
    assert refusal.value.problem.code == "qemu-died"
    assert [(problem.code, problem.message) for problem in answer.end()] == [
        ("qemu-died", "qemu-nbd did not survive this image: signal SIGSEGV")]


def test_a_server_that_does_not_leave_is_ended(image, install):
    install("here = listen()\ntime.sleep(60)")
    answer = serve(image)
    started = time.monotonic()
    assert answer.end() == ()
    assert time.monotonic() - started < 30
    assert answer._child.returncode == -9


def test_a_folder_whose_name_is_too_long_for_a_socket_is_a_problem(image, install, monkeypatch, tmp_path):
    install("time.sleep(60)")
    long = tmp_path / "tmp" / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    code, message = failure(image)
    assert code == "content-unread"
    assert message.endswith("cannot run: there can be no socket in a temporary folder: AF_UNIX path too long")
    long.rmdir()


def test_no_temporary_folder_is_a_problem(image, install, monkeypatch, tmp_path):
    install("time.sleep(60)")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert failure(image) == ("content-unread", (
        "the content of this qed disk was not looked into, as qemu-nbd, which would read it, cannot run: there can be"
        " no temporary folder: No such file or directory"))
