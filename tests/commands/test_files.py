"""Files that are written whole or not at all, and requests that are read."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from program import HOME

from imgbuild.commands import files
from imgbuild.commands.files import check_target, read_request, write_whole
from imgbuild.errors import ImgbuildError, SourceError


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_file_is_written_with_the_rights_that_people_expect():
    old = os.umask(0o027)
    try:
        write_whole("new.json", b"data")
    finally:
        os.umask(old)
    assert Path("new.json").read_bytes() == b"data"
    assert stat.S_IMODE(os.stat("new.json").st_mode) == 0o640


def test_an_old_file_is_replaced_and_keeps_its_rights():
    write_whole("old.json", b"a")
    os.chmod("old.json", 0o600)
    write_whole("old.json", b"b")
    assert Path("old.json").read_bytes() == b"b"
    assert stat.S_IMODE(os.stat("old.json").st_mode) == 0o600


def test_a_link_is_followed():
    write_whole("real.json", b"a")
    os.symlink("real.json", "link.json")
    write_whole("link.json", b"b")
    assert (os.readlink("link.json"), Path("real.json").read_bytes()) == ("real.json", b"b")


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(name, monkeypatch):
    def fail(*_args):
        raise OSError(28, "No space left on device")

    write_whole("facts.json", b"old")
    monkeypatch.setattr(files.os, name, fail)
    with pytest.raises(ImgbuildError) as caught:
        write_whole("facts.json", b"new")
    assert str(caught.value) == "cannot write 'facts.json': No space left on device"
    assert (os.listdir("."), Path("facts.json").read_bytes()) == (["facts.json"], b"old")


def test_an_interrupt_leaves_nothing_either(monkeypatch):
    def interrupt(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole("facts.json", b"new")
    assert os.listdir(".") == []


def test_a_long_name_is_no_hindrance():
    write_whole("n" * 255, b"data")
    assert os.listdir(".") == ["n" * 255]


def test_what_is_no_regular_file_is_written_to_as_it_is():
    write_whole("/dev/null", b"data")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    os.mkfifo("pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append(Path("pipe").read_bytes()))
    reader.start()
    write_whole("pipe", b"data")
    reader.join()
    assert got == [b"data"]
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("into", ["file", "pipe"])
def test_a_stream_of_this_process_is_written_to_and_not_replaced(path, into):
    code = f"from imgbuild.commands.files import *; check_target({path!r}); write_whole({path!r}, b'data')"
    with open("log", "w+b") as log:
        log.write(b"before ")
        log.flush()
        done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(HOME)}, check=True,
                              stdout=log if into == "file" else subprocess.PIPE)
        log.write(b" after")
    assert (done.stdout, Path("log").read_bytes()) == {
        "file": (None, b"before data after"), "pipe": (b"data", b"before  after")}[into]


def test_a_stream_that_is_not_open_is_said():
    with pytest.raises(ImgbuildError) as caught:
        write_whole("/dev/fd/9999", b"data")
    assert str(caught.value) == "cannot write '/dev/fd/9999': Bad file descriptor"


def test_a_target_is_looked_at_before_the_work():
    check_target("new.json")
    with pytest.raises(ImgbuildError) as caught:
        check_target("absent/new.json")
    folder = os.path.join(os.path.realpath("."), "absent")
    assert str(caught.value) == f"cannot write 'absent/new.json': there is no folder {folder!r} (make it first)"
    with pytest.raises(ImgbuildError) as caught:
        check_target(".")
    assert str(caught.value) == "cannot write '.': it is a directory (name a file)"
    with pytest.raises(ImgbuildError) as caught:
        check_target("-")
    assert str(caught.value) == ("cannot write '-': it names no file"
                                 " (/dev/stdout is standard output, ./- a file of that name)")


def test_a_request_is_read_from_a_file_up_to_a_byte_over_the_limit():
    write_whole("small.json", b"{}")
    write_whole("large.json", b" " * (2 << 20))
    assert read_request("small.json") == b"{}"
    assert len(read_request("large.json")) == (1 << 20) + 1


def test_a_request_is_read_from_standard_input():
    code = "from imgbuild.commands.files import read_request; print(read_request('-'))"
    done = subprocess.run([sys.executable, "-c", code], input=b"\xff{", env={"PYTHONPATH": str(HOME)},
                          capture_output=True, check=True)
    assert done.stdout == b"b'\\xff{'\n"


@pytest.mark.parametrize(("path", "message"), [
    ("absent.json", r"no such file: 'absent.json' \(check the path\)"),
    (".", r"cannot read '\.': Is a directory"),
    ("a\0b", r"cannot read 'a\\x00b': (open: )?embedded null (byte|character in path)"),  # as the Python has it
])
def test_a_request_that_cannot_be_read(path, message):
    with pytest.raises(SourceError) as caught:
        read_request(path)
    assert re.fullmatch(message, str(caught.value))
