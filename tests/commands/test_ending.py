"""How a run ends that is not let end by itself: signals at every stage, and pipes that are closed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from program import WHERE

from imgbuild.commands import ending
from imgbuild.commands.files import write_whole
from imgbuild.commands.output import write_raw
from imgbuild.errors import Terminated

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "samples" / "debian-12-tiny.qcow2"
SECONDS = 30  # that a run on a busy machine may take to end
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc says which processes are left")

# A rule of one's own whose pattern keeps the child busy until its time is over.
SLOW = r"""[[rule]]
id = "own-slow"
severity = "error"
check = { kind = "guest-text", path = "/usr/lib/os-release", matches = '(.+)+%$' }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a file that takes long to hash."""
    made = tmp_path_factory.mktemp("ending")
    with (made / "large.raw").open("wb") as file:
        file.truncate(200 << 30)
    (made / "own").mkdir()
    (made / "own" / "slow.toml").write_text(SLOW)
    return made


@contextmanager
def started(command, folder):
    """Start a command as a group of its own, with the usual signals; whatever the test finds, nothing of it stays."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, **WHERE}, start_new_session=True,
                               preexec_fn=take_signals)  # noqa: PLW1509 - the tests start no thread
    try:
        yield process
    finally:
        if process.poll() is None or left(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.stderr.close()
        process.wait()


def take_signals():
    """Undo what a shell does to the commands in its background: they ignore SIGINT, and so would Python."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def running(words, folder):
    return started([sys.executable, "-m", "imgbuild", *map(str, words)], folder)


def left(group):
    """Return the processes of a group that are still there; those that nobody has waited for do not count."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, of, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(of) == group and state not in {"Z", "X"}:
            found.append(folder.name)
    return found


def await_that(reached):
    end = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.01)


def looks(process):
    """Say whether the child is there that looks into the image; it stays long only where a slow rule keeps it."""
    return bool(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())


def hashes(process):
    """Say whether the threads are there that compute the digests."""
    return len(list(Path(f"/proc/{process.pid}/task").iterdir())) > 1


HASH = ["check", "large.raw", "-o", "report.json", "--manifest", "manifest.json"]
LOOK = ["inspect", SAMPLE, "--no-checksum", "--rules", "own", "-o", "report.json"]


def ended(words, folder, number, *, everybody, reached):
    """Start a run, send a signal at a stage, and return how it ended; no process and no file may be left."""
    before = sorted(folder.iterdir())
    with running(words, folder) as process:
        await_that(lambda: reached(process))
        (os.killpg if everybody else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=SECONDS)
        await_that(lambda: not left(process.pid))
    assert out == b""
    assert b"Traceback" not in err
    assert sorted(folder.iterdir()) == before, (process.returncode, err)
    return process.returncode, err.decode().strip().removeprefix("imgbuild: ")


@pytest.mark.parametrize("everybody", [True, False], ids=["group", "alone"])
@pytest.mark.parametrize(("number", "status", "said"), [
    (signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "terminated")])
@pytest.mark.parametrize(("words", "reached"), [(HASH, hashes), (LOOK, looks)], ids=["hashing", "looking"])
def test_it_ends_at_once_and_leaves_nothing(words, reached, number, status, said, everybody, folder):
    assert ended(words, folder, number, everybody=everybody, reached=reached) == (status, said)


def takes_signals(process):
    """Say whether the program is its own: while Python starts, Python says how it ends."""
    caught = next((line.split()[1] for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
                   if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("delay", [0, 0.03, 0.1, 0.2, 0.4, 0.8])
def test_it_ends_at_any_time(delay, folder):
    def reached(process):
        await_that(lambda: takes_signals(process))
        time.sleep(delay)
        return True

    assert ended(HASH, folder, signal.SIGINT, everybody=True, reached=reached) in {(130, "interrupted"), (130, "")}


def test_a_signal_that_is_ignored_stays_so(folder):
    """As nohup(1) does it."""
    command = f'trap "" HUP INT; exec "{sys.executable}" -m imgbuild inspect "$0" --no-checksum --rules own'
    with started(["sh", "-c", command, str(SAMPLE)], folder) as process:
        await_that(lambda: looks(process))
        os.killpg(process.pid, signal.SIGHUP)
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)
        assert process.poll() is None
        assert looks(process)
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(SECONDS) == 143


@pytest.mark.parametrize("words", [
    ["--help"], ["--version"], ["check", "--help"], ["schema", "manifest"], ["rules"], ["rules", "--format", "json"],
    ["explain", "image-backing-file"], ["inspect", SAMPLE], ["inspect", SAMPLE, SAMPLE, "--format", "json"],
    ["check", SAMPLE, "--format", "sarif"], ["build", SAMPLE, "--request-only"]], ids=lambda words: " ".join(
        str(word) for word in words if word != SAMPLE))
def test_a_closed_pipe_ends_it_in_silence(words, folder):
    with running(words, folder) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(SECONDS) == -signal.SIGPIPE
        assert left(process.pid) == []


@pytest.fixture
def told(monkeypatch):
    """Take signals, and lose the exception of one, as C code does that clears what was raised in Python."""
    usual = {name: signal.getsignal(getattr(signal, name)) for name in (*ending.NAMES, "SIGALRM")}
    monkeypatch.setattr(ending, "INSIST_SECONDS", 60)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ending.take_signals()
    with suppress(Terminated):
        signal.raise_signal(signal.SIGTERM)
    yield
    ending.settle()
    for name, handler in usual.items():
        signal.signal(getattr(signal, name), handler)


@pytest.mark.usefixtures("told")
def test_nothing_is_written_after_a_signal_whose_exception_was_lost(tmp_path, capsysbinary):
    with pytest.raises(Terminated):
        write_whole(str(tmp_path / "report.json"), b"{}")
    with pytest.raises(Terminated):
        write_raw(b"{}")
    assert not list(tmp_path.iterdir())
    assert capsysbinary.readouterr().out == b""
