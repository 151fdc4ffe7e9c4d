"""One disk in every container has one digest, qemu-img and hashlib being the witnesses; or a finding says why not."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import struct
import sys
from pathlib import Path

import pytest
from commands.caller import call
from images.containers import VARIANTS, overlay, wrap
from images.run import run
from processes import has_children
from tools import needs

from imgbuild import content, inspect
from imgbuild.defaults import SLOWEST_INFLATE
from imgbuild.settings import Settings
from imgbuild.source import open_source

MIB = 1 << 20
SIZE = 21 * MIB + 512
ASKED = Settings(checksums=None, content=True, time_limit=60)
SAMPLES = Path(__file__).parents[2] / "samples"
MANIFEST = str(SAMPLES / "debian-12-tiny.manifest.json")


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - a seed, so that each run tries the same


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A disk of six stripes: one of them a hole, one zeros that are written, data in the others, one of them short."""
    path = tmp_path_factory.mktemp("content") / "disk.raw"
    with path.open("wb") as file:
        file.write(noise(1, MIB // 4) + bytes(MIB // 4) + b"text, which is packed " * 90_000)
        file.seek(8 * MIB)
        file.write(bytes(4 * MIB) + noise(2, 3 * MIB // 2))
        file.seek(SIZE - 512)
        file.write(b"tail" * 128)
    return path


@pytest.fixture(params=[1, 3])
def processors(request, monkeypatch):
    """So many children that share the work, whatever this machine has."""
    monkeypatch.setattr(content, "usable", lambda: request.param)
    return request.param


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def padded(data: bytes) -> str:
    return hashlib.sha256(data.ljust(-(-len(data) // MIB) * MIB, b"\0")).hexdigest()


def codes(facts) -> set[str]:
    return {found.code for found in facts.problems}


@needs("qemu-img")
@pytest.mark.parametrize("name", [
    "raw", "qcow2-v2", "qcow2-zlib", "qcow2-zstd", "qcow2-subclusters", "vhd-dynamic", "vhd-fixed", "vmdk-sparse",
    "vmdk-stream", "vhdx-dynamic", "vdi"])
def test_a_disk_has_one_digest_in_every_container(name, raw, tmp_path):
    path = wrap(name, raw, tmp_path)
    facts = inspect(path, ASKED)
    run("qemu-img", "convert", "-O", "raw", "-f", "vpc" if name.startswith("vhd-") else VARIANTS[name].format, path,
        tmp_path / "truth")
    assert facts.content.sha256 == sha256(tmp_path / "truth")
    assert (facts.content.size, facts.content.data_end) == (facts.virtual_size, 22 * MIB)
    assert facts.content.data_sha256 == padded(raw.read_bytes())
    assert not has_children()


@needs("qemu-img")
@pytest.mark.usefixtures("processors")
@pytest.mark.parametrize("name", ["qcow2-zlib", "vmdk-stream"])
def test_however_many_read_it_the_digest_is_the_same(name, raw, tmp_path):
    assert inspect(wrap(name, raw, tmp_path), ASKED).content.sha256 == sha256(raw)


@pytest.mark.parametrize("name", ["sparse.zvhd", "sparse-zlib.zvhd2", "sparse-zstd.zvhd2"])
def test_files_of_the_vendors_driver(name):
    found = inspect(SAMPLES / "zvhd" / name, ASKED).content
    assert found.sha256 == (SAMPLES / "zvhd" / "sparse-virtual.sha256").read_text().strip()
    source = bytes(4608) + b"x" * 1000
    source = source.ljust(3149312 - 512, b"\0") + b"tail" * 128
    assert (found.data_end, found.data_sha256) == (4 * MIB, padded(source))


def test_an_iso_is_its_file():
    path = SAMPLES / "debian-12.11-netinst-tiny.iso"
    assert inspect(path, ASKED).content.sha256 == sha256(path)


@needs("qemu-img", "qemu-nbd")
@pytest.mark.parametrize("name", ["qed", "qcow", "parallels"])
def test_what_qemu_reads(name, raw, tmp_path):
    whole = tmp_path / "whole.raw"  # these have whole sectors, and QCOW 1 no part of a cluster
    whole.write_bytes(raw.read_bytes().ljust(22 * MIB, b"\0"))
    found = inspect(wrap(name, whole, tmp_path), ASKED)
    assert found.content.sha256 == sha256(whole)
    assert not has_children()


@needs("qemu-img", "qemu-io")
def test_a_chain_is_read_over_its_parents(raw, tmp_path):
    base = wrap("qcow2-zlib", raw, tmp_path)
    run("qemu-io", "-f", "qcow2", "-c", "write -P 7 5M 90k", overlay(base, tmp_path / "top.qcow2"))
    run("qemu-img", "convert", "-O", "raw", tmp_path / "top.qcow2", tmp_path / "truth")
    allowed = Settings(checksums=None, content=True, allow_external=True)
    assert inspect(tmp_path / "top.qcow2", allowed).content.sha256 == sha256(tmp_path / "truth")
    alone = inspect(tmp_path / "top.qcow2", ASKED)
    assert not alone.content
    assert codes(alone) == {"backing-file", "disk-not-hashed"}


def test_without_the_option_nothing_of_it_is_read(raw):
    assert not inspect(raw, Settings(checksums=None)).content


@pytest.mark.parametrize(("name", "data", "words"), [
    ("disk.raw.gz", gzip.compress(bytes(512), mtime=0), "gzip"), ("notes.txt", b"not a disk\n" * 60, "unknown")])
def test_what_holds_no_disk_has_a_word_on_that(name, data, words, tmp_path):
    (tmp_path / name).write_bytes(data)
    facts = inspect(tmp_path / name, ASKED)
    assert not facts.content
    assert f"there is no disk to be read in a file of format {words}" in [found.message for found in facts.problems]


def damaged(path: Path, cluster: int) -> int:
    """Damage the compressed cluster of a qcow2 and return where its L2 entry stands."""
    with path.open("r+b") as file:
        file.seek(40)
        file.seek(int.from_bytes(file.read(8), "big"))
        at = (int.from_bytes(file.read(8), "big") & ~(1 << 63)) + 8 * cluster
        file.seek(at)
        entry = int.from_bytes(file.read(8), "big")
        assert entry >> 62 == 1  # it is compressed
        file.seek(entry & (1 << 54) - 1)
        file.write(b"\xff" * 16)
    return at


@needs("qemu-img")
@pytest.mark.usefixtures("processors")
def test_a_cluster_that_cannot_be_unpacked_is_found_deep_in_the_disk(raw, tmp_path):
    path = wrap("qcow2-zlib", raw, tmp_path)
    at = damaged(path, 24)  # of text at 1.5 MiB, which no look at a disk without a table touches
    damaged(path, (SIZE - 1) >> 16)
    usual = inspect(path, Settings(checksums=None))
    facts = inspect(path, ASKED)
    assert not facts.content
    (found,) = [found for found in facts.problems if found not in usual.problems]
    assert (found.code, found.field, found.offset) == ("compressed-cluster-invalid", "L2 entry", at)
    assert found.message.endswith(f"(bytes {MIB} to {2 * MIB} of the disk)")
    checked = call("check", "--content", "--no-checksum", "--select", "image-compressed-cluster-invalid", path)
    assert checked.exit_code == 1
    assert f"the compressed cluster of the L2 entry at {at}" in checked.stdout
    assert not has_children()


@needs("qemu-img")
@pytest.mark.usefixtures("processors")
def test_what_is_odd_is_said_once_and_the_digest_holds(raw, tmp_path):
    path = wrap("vmdk-stream", raw, tmp_path)
    data = bytearray(path.read_bytes())
    for sector in (2048, 12 * 2048, 12 * 2048 + 128):  # markers of three grains in two stripes
        marker = data.index(struct.pack("<Q", sector) + bytes([data[data.index(struct.pack("<Q", sector)) + 8]]))
        data[marker : marker + 8] = struct.pack("<Q", sector + 1)
    path.write_bytes(data)
    facts = inspect(path, ASKED)
    assert facts.content.sha256 == sha256(raw)
    (found,) = [found for found in facts.problems if found.code == "vmdk-marker-differs"]
    assert "grain tables say 2048" in found.message


@needs("qemu-img")
@pytest.mark.parametrize("name", ["qcow2-zlib", "vmdk-sparse", "vdi"])
def test_a_file_cut_short_has_no_digest(name, raw, tmp_path):
    path = wrap(name, raw, tmp_path)
    os.truncate(path, path.stat().st_size * 2 // 3)
    facts = inspect(path, ASKED)
    assert not facts.content
    assert [found.code for found in facts.problems].count("truncated") == 1


def empty_qcow2(path: Path, size: int) -> Path:
    """Write a qcow2 without clusters whose disk has so many bytes."""
    header, tables = bytearray(3 * 65536), -(-size // (512 << 20))
    struct.pack_into(">4sIQIIQIIQQIIQQQQII", header, 0, b"QFI\xfb", 3, 0, 0, 16, size, 0, tables, len(header), 65536, 1,
                     0, 0, 0, 0, 0, 4, 104)
    path.write_bytes(header)
    os.truncate(path, len(header) + 8 * tables)
    return path


@pytest.mark.parametrize("hole", [0, 1 << 40])
def test_a_disk_too_large_to_hash_in_the_time_is_not_begun_with(tmp_path, hole):
    path = empty_qcow2(tmp_path / "large.qcow2", 1 << 50)
    os.truncate(path, path.stat().st_size + hole)  # a hole behind all else gives no time
    facts = inspect(path, Settings(checksums=None, content=True))
    seconds = 30 + path.stat().st_blocks * 512 / SLOWEST_INFLATE
    assert not facts.content
    assert [found.message for found in facts.problems if found.code == "inspection-timeout"] == [
        f"the disk of 1024 TiB was not hashed: that takes longer than the {seconds:g} s that --time-limit leaves"]


def test_the_time_runs_out(tmp_path, monkeypatch):
    path = empty_qcow2(tmp_path / "large.qcow2", 1 << 40)
    monkeypatch.setattr(content, "QUICKEST_HASH", 1 << 60)
    facts = inspect(path, Settings(checksums=None))
    monkeypatch.setattr(content, "SLOWEST_INFLATE", 1 << 60)
    with open_source(path) as source:
        found = content.read(source, facts, Settings(content=True, time_limit=0.2))
    assert not found.content
    assert [problem.code for problem in found.problems if problem not in facts.problems] == ["inspection-timeout"]
    assert not has_children()


@pytest.fixture(scope="module")
def made(raw, tmp_path_factory):
    """A small disk in three containers, the last of them with another byte at its end, and their manifests."""
    folder = tmp_path_factory.mktemp("made")
    small = folder / "small.raw"
    small.write_bytes(raw.read_bytes()[: 2 * MIB])
    files = [wrap(name, small, folder) for name in ("qcow2-zlib", "vhd-dynamic", "raw")]
    files[2].write_bytes(files[2].read_bytes()[:-1] + b"!")
    for path in files:
        assert call("build", "--content", path, "-o", f"{path}.json").exit_code == 0
    return [str(path) for path in files]


@needs("qemu-img")
def test_diff_says_whether_it_is_the_same_disk(made):
    first, second, third = (f"{path}.json" for path in made)
    assert "the same disk" in call("diff", first, second).stdout
    assert '"same_disk": true' in call("diff", "--format", "json", first, second).stdout
    assert "another disk" in call("diff", second, third).stdout
    assert not {"same_disk"} & json.loads(call("diff", "--format", "json", first, MANIFEST).stdout).keys()


@needs("qemu-img")
def test_verify_takes_another_container_of_the_same_disk(made):
    manifest, (first, second, third) = f"{made[0]}.json", made
    for path in (first, second):
        good = call("verify", "--content", manifest, path)
        assert (good.exit_code, "VERIFIED" in good.stdout, "NOT" in good.stdout) == (0, True, False)
    assert call("verify", manifest, second).exit_code == 1
    other = json.loads(call("verify", "--content", "--format", "json", manifest, third).stdout)
    assert [found["rule"] for found in other["findings"] if found["severity"] == "error"] == [
        "image-content-not-the-manifests"]
    assert not other["verified"]


@needs("qemu-img")
def test_verify_finds_the_image_itself_also_beside_an_answer(made, tmp_path):
    (tmp_path / "answer.json").write_text('{"id": "1", "status": "queued"}')
    said = json.loads(call("verify", "--content", "--format", "json", "--response", tmp_path / "answer.json",
                           f"{made[0]}.json").stdout)
    assert said["image"] == made[0]


@needs("qemu-img")
def test_verify_compares_the_file_whatever_is_configured(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imgbuild.toml").write_text("content = true\n")
    monkeypatch.setenv("IMGBUILD_CONTENT", "1")
    said = call("verify", f"{made[0]}.json", made[1])
    assert (said.exit_code, "image-size-not-the-manifests" in said.stdout) == (1, True)
    assert "sha256 of all" in call("inspect", made[1]).stdout


def test_verify_needs_a_digest_to_compare_with(made):
    said = call("verify", "--content", MANIFEST, made[0])
    assert (said.exit_code, said.stderr) == (
        2, f"imgbuild: {MANIFEST!r} has no digest of the whole disk (imgbuild build --content makes one)\n")


@pytest.mark.skipif(sys.platform != "linux", reason="the budget is one of Linux")
def test_nothing_of_it_is_imported_where_it_is_not_asked_for(raw):
    words = "import sys; from imgbuild import inspect; inspect(sys.argv[1]); print(sorted(sys.modules))"
    assert "imgbuild.content" not in run(sys.executable, "-c", words, raw)


@needs("qemu-img")
def test_progress_hears_of_each_byte(raw, tmp_path):
    told = []

    class Told:
        start = staticmethod(lambda path, size: told.append((path, size)))
        advance = staticmethod(told.append)
        finish = staticmethod(lambda: told.append("end"))

    path = wrap("qcow2", raw, tmp_path)
    inspect(path, ASKED, progress=Told)
    assert (told[0], told[-1], sum(told[1:-1])) == ((str(path), SIZE), "end", SIZE)


@needs("qemu-img")
@pytest.mark.parametrize("seed", range(6))
def test_damage_is_a_digest_or_a_finding_the_same_for_any_number_of_children(seed, raw, tmp_path, monkeypatch):
    path = wrap(["qcow2-zlib", "vmdk-stream", "qcow2-zstd"][seed % 3], raw, tmp_path)
    chance, data = random.Random(seed), bytearray(path.read_bytes())  # noqa: S311 - as above
    for _ in range(chance.choice([1, 4, 30])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    facts = inspect(path, Settings(checksums=None))
    with open_source(path) as source:
        monkeypatch.setattr(content, "usable", lambda: 3)
        shared = content.read(source, facts, ASKED)
        monkeypatch.setattr(content, "usable", lambda: 1)
        assert content.read(source, facts, ASKED) == shared
    assert shared.content or shared.problems
    assert not has_children()
