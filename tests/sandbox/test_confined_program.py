"""A program that is started to read an image: what it can do, and what stays as it was around it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading

import offered
import pytest

from imgbuild.sandbox import confinement, program, seccomp
from imgbuild.sandbox.program import Reach, start_confined

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel has these")

ATTEMPTS = """
import errno, json, os, socket, sys
folder, image = sys.argv[1], "/dev/fd/" + sys.argv[2]
def plug(family, kind):
    return lambda: socket.socket(family, kind).close()
def listen():
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(folder + "/sockets/s")
        plug.listen()
    os.unlink(folder + "/sockets/s")
attempts = {
    "read the image": lambda: open(image, "rb").read(),
    "write to the image": lambda: open(image, "r+b"),
    "read a file beside it": lambda: open(folder + "/beside"),
    "read /etc/passwd": lambda: open("/etc/passwd"),
    "read the environment of the parent": lambda: open("/proc/%d/environ" % os.getppid()),
    "make a file": lambda: open(folder + "/new", "w"),
    "unlink": lambda: os.unlink(folder + "/beside"),
    "change a mode": lambda: os.chmod(folder + "/beside", 0o600),
    "change times": lambda: os.utime(folder + "/beside", (1, 1)),
    "make an internet socket": plug(socket.AF_INET, socket.SOCK_STREAM),
    "make a datagram socket": plug(socket.AF_INET6, socket.SOCK_DGRAM),
    "make a local socket": plug(socket.AF_UNIX, socket.SOCK_STREAM),
    "listen in the folder for it": listen,
    "execute a system program": lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0),
    "execute a program beside it": lambda: os.waitpid(os.posix_spawn(folder + "/tool", ["tool"], {}), 0),
    "signal the parent": lambda: os.kill(os.getppid(), 0),
}
said = {}
for name, attempt in attempts.items():
    try:
        attempt()
        said[name] = None
    except OSError as error:
        said[name] = errno.errorcode[error.errno]
print(json.dumps(said))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give an image with a file, a program and a folder for sockets beside it; this Python counts as the system's."""
    monkeypatch.setattr(program, "SYSTEM_FOLDERS", (*program.SYSTEM_FOLDERS, sys.prefix, sys.base_prefix))
    (tmp_path / "image").write_bytes(b"x" * 512)
    (tmp_path / "beside").write_text("x")
    (tmp_path / "sockets").mkdir()
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o755)
    return tmp_path


def attempt(folder, sockets=None):
    """Run the attempts in a confined program; return what it said of each, and what was in force."""
    with open(folder / "image", "rb") as image:
        words = [sys.executable, "-IS", "-c", ATTEMPTS, str(folder), str(image.fileno())]
        child, held = start_confined(
            lambda: subprocess.Popen(words, stdout=subprocess.PIPE, pass_fds=(image.fileno(),)),
            Reach(sys.executable, image.fileno(), None if sockets is None else str(sockets)))
        with child:
            return json.loads(child.stdout.read()), held


ALWAYS = {"read the image": None, "execute a system program": None}
BY_LANDLOCK = dict.fromkeys(("write to the image", "read a file beside it", "read /etc/passwd",
                             "read the environment of the parent", "make a file", "unlink",
                             "execute a program beside it"), "EACCES")
BY_SECCOMP = dict.fromkeys(("change a mode", "change times", "make an internet socket", "make a datagram socket",
                            "make a local socket", "listen in the folder for it"), "EPERM")


@linux_only
def test_it_reads_the_image_and_reaches_nothing_else(folder):
    said, held = attempt(folder)
    assert held == offered.in_force()
    expected = {**ALWAYS, **(BY_LANDLOCK if offered.landlock() else {}), **(BY_SECCOMP if offered.seccomp() else {})}
    if offered.landlock() >= 6:
        expected["signal the parent"] = "EPERM"
    assert {name: said[name] for name in expected} == expected
    if offered.landlock():
        assert {path.name for path in folder.iterdir()} == {"image", "beside", "sockets", "tool"}


@linux_only
def test_it_listens_in_the_folder_that_it_is_given(folder):
    said, _ = attempt(folder, folder / "sockets")
    assert (said["listen in the folder for it"], said["make a local socket"]) == (None, None)
    if offered.seccomp():
        assert said["make an internet socket"] == "EPERM"
    if offered.landlock():
        assert said["make a file"] == "EACCES"


@linux_only
def test_without_landlock_the_rest_holds(folder, monkeypatch):
    def refuse(_places):
        raise OSError

    monkeypatch.setattr(confinement.landlock, "restrict", refuse)
    said, held = attempt(folder)
    assert held == tuple(name for name in offered.in_force() if "landlock" not in name)
    assert said["read a file beside it"] is None
    if offered.seccomp():
        assert said["make an internet socket"] == "EPERM"


@linux_only
def test_without_seccomp_the_rest_holds(folder, monkeypatch):
    def refuse(_rules, _otherwise):
        raise OSError

    monkeypatch.setattr(seccomp, "install", refuse)
    said, held = attempt(folder)
    assert held == tuple(name for name in offered.in_force() if name != "seccomp")
    assert said["make an internet socket"] is None
    if offered.landlock():
        assert said["read /etc/passwd"] == "EACCES"


def test_who_starts_it_is_as_free_as_before(folder):
    attempt(folder)
    threads = []

    def look():
        with open("/etc/passwd"), socket.socket():
            threads.append("free")

    for action in (look, lambda: threading.Thread(target=look).start()):
        action()
    while len(threads) < 2:
        threading.Event().wait(0.01)
    assert subprocess.run(["cat", "/etc/passwd"], check=True, capture_output=True).stdout


def test_what_goes_wrong_is_raised_here(tmp_path):
    missing = str(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        start_confined(lambda: subprocess.Popen([missing]), Reach(missing))


@pytest.mark.parametrize("lacking", ["linux", "ctypes"])
def test_elsewhere_it_is_started_as_it_is(monkeypatch, lacking):
    if lacking == "linux":
        monkeypatch.setattr(sys, "platform", "darwin")
    else:
        monkeypatch.setitem(sys.modules, "imgbuild.sandbox.confinement", None)
    assert start_confined(lambda: 1, Reach("/bin/true")) == (1, ())


@linux_only
def test_a_program_in_a_folder_of_its_own_has_the_libraries_there(folder):
    (folder / "bin").mkdir()
    (folder / "bin" / "link").symlink_to("/usr/bin/env")
    beside = list(program._beside(str(folder / "bin" / "link")))
    assert beside[:2] == [os.path.realpath("/usr/bin/env"), "/usr/lib"]
    (folder / "bin" / "own").write_text("")
    assert list(program._beside(str(folder / "bin" / "own"))) == [
        str(folder / "bin" / "own"), *(str(folder / name) for name in ("lib", "lib64", "libexec", "share"))]
