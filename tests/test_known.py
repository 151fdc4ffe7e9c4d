"""Checksums that are kept: what counts as the same file, and what a cache may say."""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import subprocess
from pathlib import Path

import pytest
from commands.caller import call
from tools import needs

from imgbuild import digest, known
from imgbuild.examination import inspect
from imgbuild.hashing import Hashing
from imgbuild.sandbox import kernel
from imgbuild.settings import Settings
from imgbuild.source import open_source

EXT4 = 0xEF53
KEPT = Settings(cache=True, run_facts=True)
DATA = bytes(range(256)) * 4096


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "imgbuild"


@pytest.fixture
def settled(monkeypatch):
    """Let a file count that was written just now, on whatever file system the tests run."""
    monkeypatch.setattr(known, "UNSETTLED_NS", 0)
    monkeypatch.setattr(known, "_kind_of_filesystem", lambda _: EXT4)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def hashed(monkeypatch, tmp_path):
    """Return what says how many bytes were read to be hashed so far, in whatever process."""
    log = tmp_path / "read"
    log.write_bytes(b"")
    real = os.preadv

    def preadv(*words):
        count = real(*words)
        with log.open("ab", buffering=0) as file:
            file.write(b"%d\n" % count)
        return count

    monkeypatch.setattr(digest.os, "preadv", preadv)
    return lambda: sum(map(int, log.read_bytes().split()))


def sums(path, *names, cache=True):
    with open_source(path) as source, Hashing(source, names or ("md5", "sha256"), cache=cache) as hashing:
        return hashing.result()


def right(*names):
    return {name: hashlib.new(name, DATA, usedforsecurity=False).hexdigest() for name in names or ("md5", "sha256")}


@pytest.mark.usefixtures("folder", "settled")
def test_inspect_build_and_check_one_after_the_other_read_the_file_once(image, hashed):
    for command in ("inspect", "build", "check"):
        call(command, "--cache", image)
    assert hashed() == len(DATA)
    call("inspect", image)
    assert hashed() == 2 * len(DATA)


@pytest.mark.usefixtures("folder", "settled")
def test_verify_reads_it_whatever_is_known(hashed, tmp_path):
    sample = Path(__file__).parent.parent / "samples" / "debian-12-tiny.qcow2"
    manifest = tmp_path / "manifest.json"
    call("build", "--cache", sample, "-o", manifest)
    before = hashed()
    assert before
    call("verify", manifest, sample)
    assert hashed() == 2 * before


@pytest.mark.usefixtures("folder", "settled")
def test_the_text_says_which_were_not_computed(image):
    call("inspect", "--cache", "--checksum", "md5", image)
    said = call("inspect", "--cache", "-v", image).stdout
    assert f"{right()['md5']} (from the cache)" in said
    assert f"{right()['sha256']}\n" in said
    assert "cache" not in call("inspect", "--cache", image).stdout


@pytest.mark.usefixtures("folder", "settled")
def test_the_facts_are_those_of_a_file_that_was_read(image):
    one, other = (inspect(str(image), Settings(cache=cache)) for cache in (True, False))
    assert one == other == inspect(str(image), Settings(cache=True))
    assert inspect(str(image), KEPT).run.cached == ("md5", "sha256")


@pytest.mark.usefixtures("folder", "settled")
@pytest.mark.parametrize("change", [
    lambda path: path.write_bytes(DATA + b"."),
    lambda path: path.write_bytes(DATA[::-1]),
    lambda path: os.utime(path, ns=(1, 1)),
    lambda path: path.chmod(0o600 if path.stat().st_mode & 0o077 else 0o644),
], ids=["size", "content", "times", "mode"])
def test_a_file_that_was_changed_is_read(image, change, hashed):
    sums(image)
    before = image.read_bytes()
    change(image)
    read = hashed()
    found = sums(image)
    assert found.cached == ()
    assert hashed() - read == image.stat().st_size
    assert found.checksums["md5"] == hashlib.md5(image.read_bytes(), usedforsecurity=False).hexdigest()
    assert before == DATA


@pytest.mark.usefixtures("folder", "settled")
def test_a_file_in_the_place_of_another_is_read(image, tmp_path):
    sums(image)
    other = tmp_path / "other"
    other.write_bytes(DATA)
    os.utime(other, ns=(image.stat().st_atime_ns, image.stat().st_mtime_ns))
    other.replace(image)
    assert sums(image).cached == ()


@pytest.mark.usefixtures("settled")
def test_only_what_is_missing_is_computed_and_all_is_kept(image, folder):
    assert sums(image, "md5").cached == ()
    found = sums(image, "sha512", "md5")
    assert (found.cached, found.checksums) == (("md5",), right("sha512", "md5"))
    assert list(found.checksums) == ["sha512", "md5"]
    found = sums(image, "md5", "sha512")
    assert (found.cached, found.seconds) == (("md5", "sha512"), None)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.usefixtures("folder", "settled")
def test_a_file_that_is_changed_while_it_is_looked_at_has_no_checksum(image, monkeypatch):
    inspect(str(image), KEPT)
    real = known.recall

    def recall(*words):
        found = real(*words)
        os.utime(image, ns=(1, 1))
        return found

    monkeypatch.setattr(known, "recall", recall)
    facts = inspect(str(image), KEPT)
    assert (facts.checksums, [found.code for found in facts.problems][-1]) == (None, "changed")


def test_a_file_that_was_changed_just_now_is_not_kept(image, folder, monkeypatch):
    monkeypatch.setattr(known, "_kind_of_filesystem", lambda _: EXT4)
    sums(image)
    assert not folder.exists()


@pytest.mark.usefixtures("settled")
def test_what_somebody_may_write_through_a_mapping_is_not_kept(image, folder):
    with image.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    mapped[0] = 1  # the times move now, and not with what is written to this page next
    assert sums(image).cached == ()
    mapped[0] = 2
    first = sums(image).checksums
    mapped[0] = 3
    second = sums(image)
    assert (second.cached, second.checksums != first) == ((), True)
    assert list(folder.glob("*.json")) == []
    mapped.close()
    sums(image)
    assert sums(image).cached == ("md5", "sha256")


@pytest.mark.usefixtures("settled", "folder")
def test_whether_a_file_is_at_rest_hinders_nobody(image):
    with open_source(image) as source:
        assert known.is_at_rest(source)
        with image.open("r+b"):
            assert not known.is_at_rest(source)
        assert known.is_at_rest(source)
        os.close(os.open(image, os.O_RDWR | os.O_NONBLOCK))  # it would have to wait if the lease were still there


@pytest.mark.parametrize("kind", [0x65735546, 0x6969, 0xFF534D42, 0xFE534D42, 0x01021997, 0x4D44, 0x9660, None],
                         ids=["fuse", "nfs", "cifs", "smb2", "9p", "fat", "iso9660", "unknown"])
def test_on_file_systems_whose_inodes_or_times_need_not_stay_nothing_is_kept(image, folder, monkeypatch, kind):
    monkeypatch.setattr(known, "UNSETTLED_NS", 0)
    monkeypatch.setattr(known, "_kind_of_filesystem", lambda _: kind)
    sums(image)
    assert not folder.exists()


@pytest.mark.usefixtures("settled")
def test_a_file_that_was_changed_while_it_was_hashed_is_not_kept(image, folder):
    with open_source(image) as source:
        os.utime(image, ns=(1, 1))
        known.remember(source, right())
    assert not folder.exists() or not list(folder.iterdir())


@pytest.mark.usefixtures("settled")
def test_entries_are_for_their_owner_alone(image, folder):
    sums(image)
    (entry,) = folder.iterdir()
    assert (folder.stat().st_mode & 0o777, entry.stat().st_mode & 0o777) == (0o700, 0o600)
    assert entry.stat().st_size < known.ENTRY_BYTES
    assert str(image).encode() not in entry.read_bytes()


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_that_others_may_write_to_is_not_used(image, folder, mode):
    sums(image)
    folder.chmod(mode)
    assert sums(image).cached == ()


@pytest.mark.usefixtures("settled")
def test_a_folder_of_somebody_else_or_behind_a_link_is_not_used(image, folder, monkeypatch, tmp_path):
    sums(image)
    with monkeypatch.context() as patch:
        patch.setattr(known.os, "geteuid", lambda: os.getuid() + 1)
        assert sums(image).cached == ()
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert sums(image).cached == ()


@pytest.mark.usefixtures("settled")
def test_a_folder_that_cannot_be_made_costs_a_pass_and_no_more(image, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert sums(image).checksums == right()


def _says(**changes):
    return lambda entry: json.dumps({**json.loads(entry), **changes}).encode()


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("spoil", [
    lambda _: b"", lambda entry: entry[:-9], lambda _: b"\0" * 9000, lambda _: b"[" * 4000, lambda _: b"null",
    _says(checksums={}), _says(checksums=[]), _says(checksums={"md5": 5, "sha256": 5}), _says(file=None), _says(more=1),
    _says(checksums={"md5": "", "sha256": "a" * 63}),
    _says(checksums={"md5": "\x1b[2J" + "a" * 28, "sha256": "g" * 64}),
    _says(checksums={"md5": "A" * 32, "sha256": "\u0661" * 64}),
])
def test_an_entry_that_is_no_entry_is_computed_anew(image, folder, spoil):
    sums(image)
    (entry,) = folder.iterdir()
    entry.write_bytes(spoil(entry.read_bytes()))
    found = sums(image)
    assert (found.cached, found.checksums) == ((), right())
    assert sums(image).cached == ("md5", "sha256")


@pytest.mark.usefixtures("settled")
def test_an_entry_that_is_no_file_is_passed_over(image, folder, tmp_path):
    sums(image)
    (entry,) = folder.iterdir()
    entry.rename(tmp_path / "entry")
    entry.symlink_to(tmp_path / "entry")
    assert sums(image).cached == ()
    entry.unlink()
    os.mkfifo(entry)
    assert sums(image).checksums == right()


@pytest.mark.usefixtures("settled")
def test_there_are_never_more_entries_than_are_kept(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(known, "MOST_ENTRIES", 3)
    for number in range(5):
        path = tmp_path / f"{number}.raw"
        path.write_bytes(DATA)
        sums(path)
        for entry in folder.iterdir():
            with contextlib.suppress(OSError):
                os.utime(entry, ns=(0, entry.stat().st_mtime_ns - 10**9))
    assert len(list(folder.iterdir())) == 3
    assert [sums(tmp_path / f"{number}.raw").cached != () for number in (4, 3, 2)] == [True] * 3


@pytest.mark.usefixtures("settled")
def test_a_user_without_a_home_has_no_cache(image, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "home")
    monkeypatch.chdir(tmp_path)
    assert sums(image).checksums == right()
    assert known.folder() is None
    assert not (tmp_path / "home").exists()


@pytest.mark.usefixtures("settled")
def test_a_relative_cache_folder_does_not_count(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert known.folder() == str(tmp_path / ".cache" / "imgbuild")


@pytest.mark.usefixtures("folder", "settled")
def test_environment_and_configuration_can_ask_for_it(image, hashed, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGBUILD_CACHE", "1")
    call("inspect", image)
    monkeypatch.delenv("IMGBUILD_CACHE")
    (tmp_path / "imgbuild.toml").write_text("cache = true\n")
    call("inspect", image)
    assert hashed() == len(DATA)
    call("inspect", "--no-cache", image)
    assert hashed() == 2 * len(DATA)


@needs("stat")
def test_the_kind_of_file_system_is_that_which_stat_gives(image):
    with open_source(image) as source:
        found = kernel.filesystem_kind(source.descriptor)
    said = subprocess.run(["stat", "-f", "-c", "%t", str(image)], check=True, capture_output=True, text=True)
    assert found == int(said.stdout, 16)
