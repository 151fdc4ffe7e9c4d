"""Looking and hashing side by side: one open file, one answer."""

from __future__ import annotations

import hashlib
import os
import py_compile
import stat
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from tools import needs

from imgbuild import digest, examination, hashing, looking, sandbox
from imgbuild.documents.inspection import Inspection, Look
from imgbuild.documents.run import Witness
from imgbuild.errors import SourceError, UsageError
from imgbuild.rulebook import load_profile
from imgbuild.settings import Settings

QUICK = Settings(checksums=None)
SAMPLE = Path(__file__).parent.parent / "samples" / "debian-12-tiny.qcow2"


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(os.urandom(1 << 20))
    return path


def test_the_default_checksums_are_md5_and_sha256(image):
    data = image.read_bytes()
    assert examination.inspect(str(image)).checksums == {
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(), "sha256": hashlib.sha256(data).hexdigest()}


def test_other_checksums_take_their_place(image):
    assert list(examination.inspect(str(image), Settings(checksums=("sha512",))).checksums) == ["sha512"]


def test_no_checksums_are_null(image):
    assert examination.inspect(str(image), QUICK).checksums is None


def test_the_format_has_the_clouds_name(image):
    assert examination.inspect(str(image), QUICK).disk_format == "raw"


def test_run_facts_are_given_when_asked_for(image):
    run = examination.inspect(str(image), Settings(checksums=("md5",), run_facts=True)).run
    assert run.seconds >= run.inspect_seconds > 0
    assert run.reads > 0
    assert run.allocated == os.stat(image).st_blocks * 512
    assert "rlimits" in run.sandbox
    steps = {step.name: step for step in run.steps}
    assert list(steps)[:2] == ["open", "container"]
    assert list(steps)[-1] == "hash"
    assert steps["container"].reads > 0
    assert sum(step.reads or 0 for step in run.steps) == run.reads
    assert sum(step.bytes_read or 0 for step in run.steps) == run.bytes_read


def test_without_them_the_same_file_gives_the_same_facts(image):
    assert examination.inspect(str(image)) == examination.inspect(str(image))


def test_a_file_that_is_written_to_meanwhile_has_changed(image, monkeypatch):
    monkeypatch.setattr(looking.qemu, "prepare", lambda: os.utime(image, ns=(2, 2)))
    changed = examination.inspect(str(image), QUICK)
    assert [problem.code for problem in changed.problems][-1] == "changed"
    assert changed.checksums is None


def test_the_witness_is_asked_while_the_child_reads_the_guest(monkeypatch):
    opened = []

    def witness(facts, *_, **__):
        opened.append(facts)
        return Witness(found="9.9.9", format="qcow2", virtual_size=facts.virtual_size)

    monkeypatch.setattr(looking.qemu, "witness", witness)
    monkeypatch.setattr(sandbox.Child, "first", lambda _child, is_it: next(
        known for known in [Look(facts=Inspection(path="disk", size=1, virtual_size=1), reads=0, bytes_read=0,
                                 seconds=0.0, opened=True)] if is_it(known)))
    found = examination.inspect(str(SAMPLE), QUICK)
    assert [known.path for known in opened] == ["disk"]
    assert found.guest


def test_a_module_counts_as_compiled_where_the_child_may_read_that(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "module_of_a_test.py").write_text("")
    assert not looking._is_compiled("module_of_a_test")
    py_compile.compile(str(tmp_path / "module_of_a_test.py"))
    assert looking._is_compiled("module_of_a_test")
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    assert not looking._is_compiled("module_of_a_test")


def test_a_file_that_shrinks_while_it_is_hashed_is_a_finding(image, monkeypatch):
    original = digest.digest

    def cut_first(source, algorithms, *, progress):
        os.truncate(image, 1000)
        return original(source, algorithms, progress=progress)

    monkeypatch.setattr(digest, "digest", cut_first)
    facts = examination.inspect(str(image))
    assert facts.checksums is None
    # Once, whoever has met it: the child, what hashes, or who compares the file's times at the end.
    assert [problem.code for problem in facts.problems].count("changed") == 1


def test_a_file_that_is_changed_while_it_is_hashed_has_no_digest_of_its_disk(image, monkeypatch):
    original = digest.digest

    def touch_first(source, algorithms, *, progress):
        os.utime(image, ns=(3, 3))
        return original(source, algorithms, progress=progress)

    monkeypatch.setattr(digest, "digest", touch_first)
    facts = examination.inspect(str(image), Settings(content=True))
    assert (facts.checksums, facts.content) == (None, msgspec.UNSET)
    assert [problem.code for problem in facts.problems].count("changed") == 1


@pytest.mark.parametrize("head", [b"", b"QED\0", b"WithoutFreeSpace", b"QFI\xfb\0\0\0\1"])
def test_a_file_that_shrinks_before_it_is_looked_at_is_a_finding(image, monkeypatch, head):
    """As files of /sys do, which say that they have 4096 bytes and give fewer."""
    real = examination.open_source

    def opened(path, **options):
        image.write_bytes(head.ljust(8192, b"\0"))
        source = real(path, **options)
        os.truncate(image, 100)
        return source

    monkeypatch.setattr(examination, "open_source", opened)
    found = examination.inspect(str(image), QUICK)
    assert (found.format, {problem.code for problem in found.problems}) == (None, {"changed"})


@pytest.mark.parametrize(("settings", "words"), [
    (Settings(checksums=("crc32",)), "crc32"),
    (Settings(claim="floppy"), "floppy"),
    (Settings(cloud="nowhere"), "nowhere"),
])
def test_a_wrong_word_is_told_before_any_work(image, settings, words):
    with pytest.raises(UsageError, match=words):
        examination.inspect(str(image), settings)


def test_a_missing_file_is_an_error():
    with pytest.raises(SourceError, match="no such file"):
        examination.inspect("not-here.raw")


def test_a_hash_that_is_broken_off_ends_the_child(image, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(hashing.Hashing, "result", interrupt)
    with pytest.raises(KeyboardInterrupt):
        examination.inspect(str(image))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_what_fails_while_the_file_is_hashed_is_raised(image):
    def fail():
        raise UsageError("no operation 'x'")

    with pytest.raises(UsageError, match="no operation"):
        examination.inspect_for(load_profile, str(image), QUICK, None, meanwhile=fail)


def test_the_time_limit_grows_with_a_stream_that_is_read_forward_only(monkeypatch, image):
    limits = []
    start = looking.sandbox.start

    def noted(work, kind, bounds, *rest):
        limits.append(bounds.seconds)
        return start(work, kind, bounds, *rest)

    monkeypatch.setattr(looking.sandbox, "start", noted)
    sample = Path(__file__).parent.parent / "samples" / "zvhd" / "tiny-gpt-uefi-ext4.zvhd"
    for path in (sample, image):
        examination.inspect(str(path), QUICK)
    assert limits == [QUICK.time_limit + sample.stat().st_size / looking.SLOWEST_INFLATE, QUICK.time_limit]


@pytest.fixture
def device(image, monkeypatch):
    """A loop device over the image; where a test may have none, the image taken for one."""
    made = subprocess.run(["losetup", "--find", "--show", "--read-only", image], capture_output=True, text=True,
                          check=False)
    if made.returncode == 0:
        yield made.stdout.strip()
        subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)
        return
    for name in ("fstat", "stat"):
        monkeypatch.setattr(os, name, _seen_as_device(image, getattr(os, name)))
    yield str(image)


def _seen_as_device(image, ask):
    inode = os.stat(image).st_ino

    def answer(*where, **options):
        status = ask(*where, **options)
        seen = list(status)
        seen[stat.ST_MODE], seen[stat.ST_SIZE] = stat.S_IFBLK | 0o600, 0
        return os.stat_result(seen) if status.st_ino == inode else status

    return answer


@needs("losetup")
def test_a_block_device_is_read_where_that_is_allowed(image, device):
    with pytest.raises(SourceError, match="is a block device"):
        examination.inspect(device, QUICK)
    facts = examination.inspect(device, Settings(allow_device=True, checksums=("sha256",)))
    assert (facts.size, facts.format, facts.virtual_size) == (1 << 20, "raw", 1 << 20)
    assert facts.checksums == {"sha256": hashlib.sha256(image.read_bytes()).hexdigest()}
    assert [found.code for found in facts.problems] == ["nothing-inside"]


@pytest.mark.parametrize(("long", "order"), [(1 << 40, ["meanwhile", "looked"]), (0, ["looked", "meanwhile"])])
def test_what_comes_next_is_made_ready_when_a_processor_has_time(long, order, image, monkeypatch):
    """While a large file is hashed, not before the look has ended."""
    told = []
    waited = looking.Looking._wait

    def slow(self):
        time.sleep(0.2)
        found = waited(self)
        told.append("looked")
        return found

    monkeypatch.setattr(looking.Looking, "_wait", slow)
    monkeypatch.setattr(examination, "LONG_TO_HASH", long)
    examination.inspect(str(image), meanwhile=lambda: told.append("meanwhile"))
    assert told == order
