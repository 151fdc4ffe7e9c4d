"""Small files that a person names: pipes are read to their end, and nobody is waited for who does not come."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from caller import call, errors
from conftest import SAMPLES
from program import WHERE
from tools import needs

from imgbuild import smallfiles
from imgbuild.smallfiles import read_small

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
GOOD = SAMPLES / "requests" / "debian-12-tiny.json"
NOBODY = "it is a FIFO, and nothing was written to it"


@pytest.fixture
def fifo(tmp_path, monkeypatch):
    """A FIFO whose writer may take as long as a slow machine needs."""
    monkeypatch.setattr(smallfiles, "WAIT_SECONDS", 60)
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def write(path, *pieces):
    """Write to a FIFO once it is read, each piece by itself; a reader may have enough before all are written."""
    with suppress(BrokenPipeError), open(path, "wb", buffering=0) as file:
        file.writelines(pieces)


@pytest.mark.parametrize(("data", "limit", "expected"), [
    (b"", 9, b""), (b"12345", 9, b"12345"), (b"12345", 5, b"12345"), (b"12345", 3, b"123")])
def test_a_file_is_read_up_to_the_limit(data, limit, expected, tmp_path):
    (tmp_path / "file").write_bytes(data)
    assert read_small(str(tmp_path / "file"), limit) == expected


def test_a_device_is_read_up_to_the_limit():
    assert read_small("/dev/zero", 5) == bytes(5)


@pytest.mark.parametrize(("limit", "expected"), [(9, b"12345"), (5, b"12345"), (2, b"12")])
def test_a_pipe_is_read_to_its_end(limit, expected, fifo):
    writer = Thread(target=write, args=(fifo, b"12", b"345"))
    writer.start()
    assert read_small(str(fifo), limit) == expected
    writer.join()


def test_a_writer_that_takes_its_time_is_waited_for(fifo, monkeypatch):
    """It holds the FIFO open and has written nothing when the wait for it is over."""
    reader, writer = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), os.open(fifo, os.O_WRONLY)
    blocking = os.set_blocking

    def late(descriptor, value):
        os.write(writer, b"late")
        os.close(writer)
        blocking(descriptor, value)

    monkeypatch.setattr(os, "set_blocking", late)
    monkeypatch.setattr(smallfiles, "WAIT_SECONDS", 0)
    assert read_small(str(fifo), 9) == b"late"
    os.close(reader)


def test_a_writer_that_has_gone_leaves_what_it_wrote(fifo):
    """So ends a short command in a process substitution, before anybody has read."""
    reader, writer = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), os.open(fifo, os.O_WRONLY)
    os.write(writer, b"here")
    os.close(writer)
    assert read_small(str(fifo), 9) == b"here"
    os.close(reader)


@pytest.mark.parametrize(("words", "message"), [
    (["lint", "F"], "cannot read 'F'"), (["lint", "F", "--fix"], "cannot read 'F'"),
    (["verify", "F"], "cannot read 'F'"),
    (["diff", "F", "F"], "cannot read 'F'"), (["lint", GOOD, "--baseline", "F"], "cannot read the baseline 'F'"),
    (["check", "disk.raw", "--request", "F"], "cannot read 'F'"),
    (["check", "--packer-manifest", "F"], "cannot read 'F'"),
    (["verify", SAMPLES / "debian-12-tiny.manifest.json", "--response", "F"], "cannot read 'F'"),
    (["verify", SAMPLES / "debian-12-tiny.manifest.json", "--statement", "F"], "cannot read 'F'"),
    (["check", "disk.raw", "--statement", "s.json", "--sign-key", "F"], "cannot read the key 'F'")])
def test_nobody_is_waited_for_who_does_not_come(words, message, fifo, monkeypatch):
    monkeypatch.chdir(fifo.parent)
    (fifo.parent / "disk.raw").write_bytes(bytes(512))
    fifo.rename("F")
    monkeypatch.setattr(smallfiles, "WAIT_SECONDS", 0)
    status, said = errors(*words)
    assert (status, said.removesuffix(" (check the path)")) == (3, f"{message}: {NOBODY}")


@needs("bash", "cat")
def test_what_a_shell_puts_in_the_place_of_a_file_is_read():
    command = 'cat "$1" | "$2" -m imgbuild lint -q /dev/stdin --baseline <(cat "$3")'
    baseline = SAMPLES / "requests" / "debian-12-tiny.findings.json"
    done = subprocess.run(["bash", "-c", command, "bash", GOOD, sys.executable, baseline], capture_output=True,
                          text=True, check=False, env=os.environ | WHERE | {"COLUMNS": "100"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("/dev/stdin -> huaweicloud  0 errors, 0 warnings")


def test_what_is_no_file_is_not_mended(fifo):
    writer = Thread(target=write, args=(fifo, b'{"min_disk": "10"}'))
    writer.start()
    result = call("lint", fifo, "--fix")
    writer.join()
    assert result.exit_code == 3
    assert result.stderr.startswith(f"imgbuild: cannot write {str(fifo)!r}: it is no regular file (- takes the text")
    assert Path(fifo).is_fifo()
