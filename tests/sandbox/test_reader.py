"""In the child: what a reader that has been taken over tries, and what an honest one needs."""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import offered
import pytest

import imgbuild
from imgbuild import sandbox
from imgbuild.sandbox import Limits, kernel, reader, seccomp

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel has these")

FAST = Limits(seconds=10)
PTRACE_ATTACH = 16
HOME = Path(imgbuild.__file__).parent.parent


@pytest.fixture(scope="module")
def world():
    """Give what there is around an image, open to everybody so that only the sandbox can say no."""
    with tempfile.TemporaryDirectory(prefix="imgbuild-") as name:  # pytest's folders are open to their owner alone
        yield furnish(Path(name))


def furnish(folder):
    folder.chmod(0o777)
    for name in ("disk.raw", "beside"):
        (folder / name).write_bytes(b"x" * 512)
        (folder / name).chmod(0o666)
    (folder / "program").write_text("#!/bin/sh\n")
    (folder / "program").chmod(0o777)
    return folder


def attempts(folder: Path, port: int, parent: int):
    """Give the attempts: a name, what is done, and who refuses it."""
    libc = ctypes.CDLL(None, use_errno=True)
    beside, image, new, program = (str(folder / name) for name in ("beside", "disk.raw", "new", "program"))

    def ptrace():
        if libc.ptrace(ctypes.c_long(PTRACE_ATTACH), ctypes.c_long(parent), None, None) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def raise_limits():
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except ValueError as error:  # what the module makes of EPERM
            raise PermissionError(errno.EPERM, str(error)) from error

    def connect(family, kind, address):
        with socket.socket(family, kind) as plug:
            plug.connect(address)

    both, files, calls = {"landlock", "seccomp"}, {"landlock"}, {"seccomp"}
    return {
        "read /etc/passwd": (lambda: open("/etc/passwd").close(), files),
        "read a file beside the image": (lambda: open(beside).close(), files),
        "list the image's folder": (lambda: os.listdir(folder), files),
        "read its own environment": (lambda: open("/proc/self/environ").close(), files),
        "read the parent's memory": (lambda: open(f"/proc/{parent}/mem", "rb").close(), files),
        "open a device": (lambda: open("/dev/zero").close(), files),
        "write a new file": (lambda: open(new, "w").close(), both),
        "write to the image": (lambda: open(image, "r+b").close(), both),
        "empty a file while opening it to read": (lambda: os.close(os.open(beside, os.O_RDONLY | os.O_TRUNC)), both),
        "make an unnamed file": (lambda: os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR)), both),
        "unlink": (lambda: os.unlink(beside), both),
        "rename": (lambda: os.rename(beside, new), both),
        "make a folder": (lambda: os.mkdir(new), both),
        "make a link": (lambda: os.symlink(beside, new), both),
        "make a FIFO": (lambda: os.mkfifo(new), both),
        "truncate": (lambda: os.truncate(beside, 0), both),
        "change the mode": (lambda: os.chmod(beside, 0o600), calls),
        "change the times": (lambda: os.utime(beside, (1, 1)), calls),
        "set an attribute": (lambda: os.setxattr(beside, "user.x", b"x"), calls),
        "connect to loopback": (lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)), both),
        "make a datagram socket": (lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 9)), calls),
        "connect to a local socket": (lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "s")), calls),
        "fork": (os.fork, calls),
        "signal the parent": (lambda: os.kill(parent, 0), {"seccomp", "landlock-6"}),
        "raise its own limits": (raise_limits, calls),
        "take its own limits off its alarm": (lambda: signal.setitimer(signal.ITIMER_REAL, 0), calls),
        "execute a program": (lambda: os.execv("/bin/true", ["x"]), {"killed"}),  # noqa: S606 - that is it
        "execute a program beside the image": (lambda: os.execv(program, ["x"]), {"killed"}),  # noqa: S606 - as above
        "trace the parent": (ptrace, {"killed"}),
        "change the root": (lambda: os.chroot(folder), {"killed"}),
    }


NAMES = list(attempts(Path("/"), 0, 0))


def outcome_of(folder, port, name):
    """Return what came of an attempt: ``done``, ``refused`` or ``killed``."""
    attempt, _ = attempts(folder, port, os.getpid())[name]

    def work(report):
        try:
            attempt()
        except OSError as error:
            report(f"refused {errno.errorcode[error.errno]}")
        else:
            report("done")

    with open(folder / "disk.raw", "rb") as image:
        done = sandbox.run(work, str, FAST, [image.fileno()])
    if done.problem is not None:
        return "killed" if "SIGSYS" in done.problem.message else done.problem.message
    return done.value


def expected(refusers, *, landlock, filtered):
    if "killed" in refusers and filtered:
        return {"killed"}
    if "seccomp" in refusers and filtered:
        return {"refused EPERM"}
    needed = 1 if "landlock" in refusers else 6 if "landlock-6" in refusers else 1000
    return {"refused EACCES", "refused EPERM"} if landlock >= needed else None


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("user", ["ours", "nobody"])
@pytest.mark.parametrize("name", NAMES)
def test_what_a_reader_never_needs_is_refused(world, port, name, user):
    refusers = attempts(world, port, 0)[name][1]
    allowed = expected(refusers, landlock=offered.landlock(), filtered=offered.seccomp())
    if allowed is None:
        return  # the kernel has nothing that would refuse it
    said = outcome_of(world, port, name) if user == "ours" else offered.as_nobody(lambda: outcome_of(world, port, name))
    assert said in allowed
    assert (world / "beside").read_bytes() == b"x" * 512
    assert {path.name for path in world.iterdir()} == {"disk.raw", "beside", "program"}


def test_without_the_sandbox_these_attempts_succeed(world, port, monkeypatch):
    # Or the test above would prove nothing.
    monkeypatch.setattr(sandbox.child, "_confinement", lambda: lambda _keep, _parent: ())
    for name in ("read /etc/passwd", "read a file beside the image", "connect to loopback", "signal the parent"):
        assert outcome_of(world, port, name) == "done", name


@pytest.mark.parametrize("user", ["ours", "nobody"])
def test_what_is_offered_is_in_force(user):
    def look():
        return sandbox.run(lambda report: report(1), int, FAST).in_force

    said = look() if user == "ours" else offered.as_nobody(look)
    assert tuple(said) == ("fork", "rlimits", *offered.in_force())


def refuse(*_arguments):
    raise OSError(errno.ENOSYS, "Function not implemented")


def test_without_landlock_the_rest_holds(world, port, monkeypatch):
    monkeypatch.setattr(kernel, "call", refuse)
    held = sandbox.run(lambda report: report(1), int, FAST).in_force
    assert held == ("fork", "rlimits", *(name for name in offered.in_force() if "landlock" not in name))
    if offered.seccomp():
        assert outcome_of(world, port, "write a new file") == "refused EPERM"
        assert outcome_of(world, port, "connect to loopback") == "refused EPERM"
        assert outcome_of(world, port, "execute a program") == "killed"


def test_without_seccomp_the_rest_holds(world, port, monkeypatch):
    monkeypatch.setattr(seccomp, "install", refuse)
    held = sandbox.run(lambda report: report(1), int, FAST).in_force
    assert held == ("fork", "rlimits", *(name for name in offered.in_force() if name != "seccomp"))
    if offered.landlock():
        for name in ("read /etc/passwd", "write a new file", "unlink", "execute a program beside the image"):
            assert outcome_of(world, port, name).startswith("refused"), name


def test_on_a_machine_without_a_table_there_is_no_filter(monkeypatch):
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "x", "6.18", "x", "riscv64")))
    assert "seccomp" not in sandbox.run(lambda report: report(1), int, FAST).in_force


def test_a_python_without_ctypes_still_inspects(monkeypatch):
    monkeypatch.setitem(sys.modules, "imgbuild.sandbox.reader", None)
    assert sandbox.run(lambda report: report(1), int, FAST).in_force == ("fork", "rlimits")


def test_an_honest_reader_gets_on(world):
    def work(report):
        data = os.pread(image.fileno(), 4, 0)
        mapped = mmap.mmap(-1, 1 << 20)
        mapped[:4] = data
        os.getrandom(8)
        report([os.fstat(image.fileno()).st_size, mapped[:4].decode(), os.stat("/etc/passwd").st_size > 0])

    with open(world / "disk.raw", "rb") as image:
        assert sandbox.run(work, list, FAST, [image.fileno()]).value == [512, "xxxx", True]


def test_a_socket_that_is_kept_is_one_to_talk_over():
    def work(report):
        theirs.settimeout(5)
        theirs.sendall(b"read 0 4")
        report(theirs.recv(4).decode())

    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    ours.sendall(b"xxxx")
    said = sandbox.run(work, str, FAST, [theirs.fileno()])
    assert (said.value, ours.recv(8)) == ("xxxx", b"read 0 4")
    ours.close()
    theirs.close()


def test_a_folder_that_is_kept_gives_its_files_to_read(world):
    """As a split disk with --allow-external needs it."""
    def work(report):
        said = []
        for name, flags in (("beside", os.O_RDONLY), ("beside", os.O_RDWR), ("../../../etc/passwd", os.O_RDONLY)):
            try:
                os.close(os.open(name, flags, dir_fd=folder))
                said.append("done")
            except PermissionError:
                said.append("refused")
            except FileNotFoundError:
                said.append("not found")
        report(said)

    folder = os.open(world, os.O_RDONLY)
    said = sandbox.run(work, list, FAST, [folder]).value
    os.close(folder)
    assert said[0] == "done"
    assert said[1] == "refused" or not offered.in_force()
    assert said[2] != "done" or not offered.landlock()


LATE = """
import json, pkgutil, sys
from importlib import import_module
from imgbuild import sandbox
import imgbuild
early = set(sys.modules)
ours = [entry.name for entry in pkgutil.walk_packages(imgbuild.__path__, "imgbuild.")
        if entry.name.split(".")[1] in ("formats", "filesystems", "volumes", "guests", "inspection")]
libraries = ["lz4.block", "imgbuild.zstd", "encodings.cp437", "encodings.utf_16_le",
             "encodings.idna", "zlib", "lzma", "bz2", "hashlib", "xml.etree.ElementTree", "uuid", "decimal", "tomllib"]
def work(report):
    failed = {}
    for name in [*libraries, *ours]:
        try:
            import_module(name)
        except Exception as error:
            failed[name] = repr(error)
    report([failed, [name for name in libraries if name in early]])
done = sandbox.run(work, list, sandbox.Limits())
print(json.dumps([done.value, done.problem and done.problem.message, done.in_force]))
"""


@pytest.mark.parametrize("words", [("-c", LATE), ("late.py",)], ids=["-c", "script"])
def test_late_imports_work_once_it_is_shut_in(tmp_path, words):
    (tmp_path / "late.py").write_text(LATE)
    environment = {**os.environ, "PYTHONPATH": "" if "site-packages" in HOME.parts else str(HOME)}
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    (failed, early), problem, held = json.loads(done.stdout)
    assert (failed, problem) == ({}, None)
    assert not {"lz4.block"} & set(early)
    assert tuple(held[2:]) == offered.in_force()


def test_library_folders_are_those_of_python_and_not_where_people_work(tmp_path, monkeypatch):
    work, script, libraries, packages = (tmp_path / name for name in ("work", "bin", "mylibs", "site-packages"))
    for folder in (work, script, libraries, packages):
        folder.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(sys, "argv", [str(script / "imgbuild")])
    monkeypatch.setattr(sys, "path", ["", str(work), str(script), str(libraries), str(packages), *sys.path])
    folders = reader.library_folders()
    assert {str(libraries), str(packages), os.path.dirname(os.__file__)} <= set(folders)
    assert not {str(work), str(script), "", "."} & set(folders)
    assert os.path.dirname(imgbuild.__file__) in folders
    assert "site-packages" in HOME.parts or str(HOME) not in folders


def test_a_folder_of_libraries_is_one_wherever_it_is(monkeypatch):
    """Unpacked to the current folder, everything still works."""
    libraries = Path(reader.msgspec.__file__).parent.parent
    monkeypatch.chdir(libraries)
    assert str(libraries) in reader.library_folders()


def test_the_current_folder_may_be_gone(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert sandbox.run(lambda report: report(1), int, FAST).in_force[2:] == offered.in_force()
