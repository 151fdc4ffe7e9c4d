"""The rules on files, as each version of Landlock knows them."""

from __future__ import annotations

import errno
import os
import sys
import tempfile

import offered
import pytest

from imgbuild import sandbox
from imgbuild.sandbox import kernel, landlock
from imgbuild.sandbox.landlock import EXECUTE, READ_DIR, READ_FILE, WRITE_FILE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel has it")


def restricted(allowed, work):
    """Return the version in force in a child that is restricted and nothing else, and what ``work`` says in it."""
    def inside(report):
        kernel.control(kernel.PR_SET_NO_NEW_PRIVS, 1)
        report([landlock.restrict(allowed), work()])

    return sandbox.run(inside, list, sandbox.Limits(), [place for place, _ in allowed if isinstance(place, int)]).value


def refusal(action):
    """Return the name of the error that an action meets."""
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno]
    return None


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    monkeypatch.setattr(sandbox.child, "_confinement", lambda: lambda _keep, _parent: ())


@pytest.fixture
def folder(tmp_path):
    for name in ("seen", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    return tmp_path


def look_around(folder):
    seen, hidden = str(folder / "seen" / "file"), str(folder / "hidden" / "file")
    actions = (lambda: open(seen).close(), lambda: os.listdir(folder / "seen"), lambda: open(seen, "r+").close(),
               lambda: open(hidden).close(), lambda: os.listdir(folder), lambda: os.unlink(seen))
    return [refusal(action) for action in actions]


AS_READER = [None, None, "EACCES", "EACCES", "EACCES", "EACCES"]


def test_what_is_allowed_is_all_there_is(folder):
    if offered.landlock():
        said = restricted([(str(folder / "seen"), READ_FILE | READ_DIR)], lambda: look_around(folder))
        assert said == [min(offered.landlock(), 7), AS_READER]


@pytest.mark.parametrize("version", range(1, 8))
def test_each_version_has_its_own_set_of_rights(folder, monkeypatch, version):
    """A newer kernel takes the rules of the older ones: what 7 kernels would do is tried on one."""
    if offered.landlock() >= version:
        monkeypatch.setattr(landlock, "version", lambda: version)
        said = restricted([(str(folder / "seen"), READ_FILE | READ_DIR)], lambda: look_around(folder))
        assert said == [version, AS_READER]


def test_the_version_is_the_newest_that_both_know(monkeypatch):
    for kernels, ours in ((1, 1), (6, 6), (7, 7), (12, 7)):
        monkeypatch.setattr(kernel, "call", lambda *_, known=kernels: known)
        assert landlock.version() == ours


def test_a_version_handles_what_the_header_of_its_kernel_has():
    # <linux/landlock.h> of Linux 5.13, 5.19, 6.2, 6.7, 6.10, 6.12, 6.15: the last bit of FS, NET, SCOPE
    last = {1: (12, None, None), 2: (13, None, None), 3: (14, None, None), 4: (14, 1, None), 5: (15, 1, None),
            6: (15, 1, 1), 7: (15, 1, 1)}
    for version, bits in last.items():
        assert landlock._HANDLED[version] == tuple(0 if bit is None else bit + 1 for bit in bits)


def test_places_may_be_files_descriptors_or_missing(folder):
    if offered.landlock():
        opened = os.open(folder / "hidden" / "file", os.O_RDONLY)
        places = [(str(folder / "missing"), READ_FILE), (str(folder / "seen" / "file"), READ_FILE | READ_DIR),
                  (opened, READ_FILE), ("/dev/null", READ_FILE | WRITE_FILE)]
        actions = (lambda: open(folder / "seen" / "file").close(), lambda: open(folder / "hidden" / "file").close(),
                   lambda: open("/dev/null", "r+b", 0).close(), lambda: os.listdir(folder / "seen"))
        said = restricted(places, lambda: [refusal(action) for action in actions])
        os.close(opened)
        assert said[1] == [None, None, None, "EACCES"]


def test_a_file_in_memory_has_no_place_and_costs_nothing_else(folder):
    if offered.landlock():
        memory = os.memfd_create("image")
        said = restricted([(memory, READ_FILE)], lambda: refusal(lambda: open(folder / "seen" / "file").close()))
        os.close(memory)
        assert said[1] == "EACCES"


def test_a_deleted_image_is_still_a_place(tmp_path):
    if offered.landlock():
        with tempfile.TemporaryFile(dir=tmp_path) as image:
            path = f"/dev/fd/{image.fileno()}"
            assert restricted([(image.fileno(), READ_FILE)], lambda: refusal(lambda: open(path).close()))[1] is None


def test_programs_need_the_right_to_be_executed():
    if offered.landlock():
        for rights, said in ((READ_FILE, "EACCES"), (READ_FILE | EXECUTE, None)):
            places = [("/usr", rights), ("/lib", rights), ("/lib64", rights), ("/bin", rights)]
            assert restricted(places, lambda: refusal(lambda: os.waitpid(spawn(), 0)))[1] == said


def spawn():
    return os.posix_spawn("/bin/true", ["true"], {})


def test_a_kernel_without_it_says_so(monkeypatch):
    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(kernel, "call", refuse)
    with pytest.raises(OSError, match="not supported"):
        landlock.restrict([])


def test_no_descriptor_is_left_open():
    def places():
        yield "/", READ_FILE
        raise ZeroDivisionError  # before anything is restricted here

    if offered.landlock():
        before = len(os.listdir("/dev/fd"))
        with pytest.raises(ZeroDivisionError):
            landlock.restrict(places())
        assert len(os.listdir("/dev/fd")) == before
