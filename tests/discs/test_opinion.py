"""pycdlib is asked while the file is hashed, sees what we see on the usual discs, and may fail in silence."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from images import discs as made
from images import isos
from tools import needs

from imgbuild import discs, examination, looking
from imgbuild.discs import opinion
from imgbuild.settings import Settings
from imgbuild.source import open_source

HASHING = Settings(checksums=("md5",), run_facts=True)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is asked in a child")


def asked(path):
    facts = examination.inspect(str(path), HASHING)
    return facts.run.pycdlib, [found.message for found in facts.problems if found.code == "pycdlib-disagrees"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Files whose names no two of the standards write alike."""
    folder = tmp_path_factory.mktemp("tree")
    deep = folder / "/".join(f"d{number}" for number in range(12))
    deep.mkdir(parents=True)
    for name in ("README.TXT", "noext.", "long name with spaces and CASE.tar.gz", "Ünïcödé.txt", "x" * 60, "UPPER"):
        (folder / name).write_text(name)
    (folder / "boot").mkdir()
    (folder / "boot" / "bios.img").write_bytes(bytes(4096))
    (folder / "boot" / "uefi.img").write_bytes(bytes(8192))
    (folder / "link").symlink_to("README.TXT")
    return folder


BIOS = ("-b", "boot/bios.img", "-no-emul-boot", "-c", "boot/boot.cat")
OPTIONS = {"plain": (), "rock ridge": ("-R",), "joliet": ("-J",), "both": ("-R", "-J"), "level 4": ("-iso-level", "4"),
           "bios": ("-R", *BIOS), "two entries": ("-J", *BIOS, "-eltorito-alt-boot", "-e", "boot/uefi.img",
                                                  "-no-emul-boot")}


@needs("genisoimage", "xorriso")
@pytest.mark.parametrize(("program", "options"), [
    *((program, options) for program in (("genisoimage",), ("xorriso", "-as", "mkisofs")) for options in OPTIONS),
    (("genisoimage",), "udf")])
def test_both_see_the_same_on_what_the_programs_write(tmp_path, tree, program, options):
    path = tmp_path / "disc.iso"
    words = ("-udf",) if options == "udf" else OPTIONS[options]
    subprocess.run([*program, "-quiet", "-V", "The Disc", *words, "-o", path, tree], check=True, capture_output=True)
    said, disagreements = asked(path)
    assert (said.answered, said.error, disagreements) == (True, None, [])
    assert said.volume_id == "The Disc"
    assert len(said.el_torito) == {"bios": 1, "two entries": 2}.get(options, 0)


@needs(*isos.TOOLS)
def test_a_hybrid_disc_of_an_installer_is_seen_alike(tmp_path):
    said, disagreements = asked(isos.build("hybrid", tmp_path))
    assert (said.answered, disagreements) == (True, [])
    assert [entry["platform"] for entry in said.el_torito] == ["bios", "uefi"]
    assert "seccomp" in said.sandbox or "landlock" not in " ".join(said.sandbox)


@needs("genisoimage")
def test_a_disc_that_shows_two_faces_is_found(tmp_path, tree, monkeypatch):
    """The child is given another disc than the one that is looked at: what it says is then another view."""
    paths = []
    for label in ("ONE", "TWO"):
        paths.append(tmp_path / f"{label}.iso")
        subprocess.run(["genisoimage", "-quiet", "-V", label, "-R", "-o", paths[-1], tree], check=True)
    real = discs.ask
    with open_source(str(paths[1])) as other:
        monkeypatch.setattr(discs, "ask", lambda _: real(other))
        _, [message] = asked(paths[0])
    assert "volume identifier: 'ONE' here, 'TWO' there" in message


def test_a_disc_that_it_refuses_is_a_fact_of_the_run_alone(tmp_path):
    path = tmp_path / "small.iso"
    path.write_bytes(made.plain())
    said, disagreements = asked(path)
    assert (said.answered, disagreements) == (False, [])
    assert said.error
    assert said.found == importlib.metadata.version("pycdlib")


@pytest.mark.parametrize("settings", [Settings(checksums=None, run_facts=True), HASHING], ids=["quick", "no disc"])
def test_it_is_asked_on_discs_and_while_hashing_alone(tmp_path, settings, monkeypatch):
    monkeypatch.setattr(discs, "ask", lambda _: pytest.fail("it was asked"))
    path = tmp_path / "image"
    path.write_bytes(made.plain() if settings.checksums is None else bytes(1 << 20))
    facts = examination.inspect(str(path), settings)
    assert facts.run.pycdlib is msgspec.UNSET


def test_without_pycdlib_nobody_is_asked(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycdlib", None)
    path = tmp_path / "small.iso"
    path.write_bytes(made.plain())
    said, disagreements = asked(path)
    assert (said.found, said.answered, said.error, disagreements) == (None, False, None, [])


@pytest.mark.parametrize("trouble", ["sleep", "memory", "exit"])
def test_a_child_that_does_not_come_back_is_not_waited_for(tmp_path, monkeypatch, trouble):
    def told(*_):
        if trouble == "memory":
            return bytearray(1 << 40)
        return time.sleep(60) if trouble == "sleep" else sys.exit(3)

    monkeypatch.setattr(opinion, "_told", told)
    monkeypatch.setattr(opinion, "LEAST_SECONDS", 0.5)
    monkeypatch.setattr("pycdlib.PyCdlib.open_fp", lambda *_: None)
    path = tmp_path / "small.iso"
    path.write_bytes(made.plain())
    started = time.monotonic()
    said, disagreements = asked(path)
    assert time.monotonic() - started < 20
    assert (said.answered, disagreements) == (False, [])
    assert said.error


def test_a_failure_before_the_look_ends_the_child(tmp_path, monkeypatch):
    def fail(*_args, **_words):
        raise OSError("no fork")

    path = tmp_path / "small.iso"
    path.write_bytes(made.plain())
    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(looking.sandbox, "start", fail)
    with pytest.raises(OSError, match="no fork"):
        examination.inspect(str(path), HASHING)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
