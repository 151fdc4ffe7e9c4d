"""Packer's manifest: which images are checked, what is compared, and the templates of samples/packer in real use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from program import WHERE, run
from tools import find_tool, needs

from imgbuild.errors import ImgbuildError
from imgbuild.packer import read_manifest

SAMPLES = Path(__file__).parent.parent / "samples"
IMAGE = "debian-12-tiny.qcow2"
SHA256 = "b2bf507d92805e7432381094c713fac9d41d36d7d50b21f14474a7dab0a9fc8e"
SIZE = (SAMPLES / IMAGE).stat().st_size


def build(*files, run_id="run-1", name="web", builder="qemu"):
    return {"name": name, "builder_type": builder, "build_time": 1, "artifact_id": "VM", "packer_run_uuid": run_id,
            "files": [{"name": path, "size": size} for path, size in files] if files else None, "custom_data": None}


def write(folder, *builds, last="run-1"):
    path = folder / "packer-manifest.json"
    path.write_text(json.dumps({"builds": builds, "last_run_uuid": last}))
    return path


def records(folder, *builds, **options):
    path = write(folder, *builds, **options)
    return read_manifest(str(path), path.read_bytes())


@pytest.fixture
def folder(tmp_path):
    """A folder as a build leaves it."""
    (tmp_path / "output").mkdir()
    shutil.copy(SAMPLES / IMAGE, tmp_path / "output" / "web.qcow2")
    return tmp_path


def test_the_image_of_a_build(folder):
    (record,) = records(folder, build(("output/web.qcow2", SIZE)))
    assert record.path == str(folder / "output" / "web.qcow2")
    assert (record.build, record.size, record.digests) == ("web", SIZE, ())


def test_only_the_last_run_counts(folder):
    old, new = build(("output/old.qcow2", 1), run_id="run-0"), build(("output/web.qcow2", SIZE))
    assert [record.build for record in records(folder, old, new)] == ["web"]


def test_several_builds_of_one_run(folder):
    shutil.copy(SAMPLES / "data-disk.vhd", folder / "output" / "data.vhd")
    found = records(folder, build(("output/web.qcow2", SIZE)), build(("output/data.vhd", 7), name="data"))
    assert [(record.build, os.path.basename(record.path)) for record in found] == [
        ("web", "web.qcow2"), ("data", "data.vhd")]


def test_what_is_beside_an_image_is_none(folder):
    for name in ("SHA256SUMS", "web.qcow2.md5", "box.ovf", "efivars.fd", "packer.log"):
        (folder / "output" / name).touch()
    named = [(f"output/{name}", 1) for name in ("SHA256SUMS", "web.qcow2.md5", "box.ovf", "efivars.fd", "packer.log")]
    assert len(records(folder, build(("output/web.qcow2", SIZE), *named))) == 1


def test_a_stripped_path_is_beside_the_manifest(folder):
    shutil.copy(SAMPLES / IMAGE, folder / "web.qcow2")
    (record,) = records(folder, build(("web.qcow2", SIZE)))
    assert record.path == str(folder / "web.qcow2")


def test_digests_from_the_list_and_from_beside(folder):
    (folder / "sums.checksum").write_text(f"{SHA256}\tweb.qcow2\n")
    (folder / "output" / "MD5SUMS").write_text(f"{'0' * 32}  web.qcow2\n")
    (record,) = records(folder, build(("output/web.qcow2", SIZE), ("sums.checksum", 1)))
    assert [(digest.algorithm, os.path.basename(digest.file)) for digest in record.digests] == [
        ("sha256", "sums.checksum"), ("md5", "MD5SUMS")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_a_fifo_among_the_checksum_files_is_not_waited_for(folder):
    os.mkfifo(folder / "output" / "SHA256SUMS")
    (record,) = records(folder, build(("output/web.qcow2", SIZE), ("output/SHA256SUMS", 1)))
    assert record.digests == ()


@pytest.mark.parametrize(("builds", "message"), [
    ((), "lists no image file of the last run: it has no build"),
    ((build(builder="amazon-ebs"),), "lists no image file of the last run: its builders are amazon-ebs"),
    ((build(("output/gone.qcow2", 1)),), "lists 'output/gone.qcow2', which is not there"),
])
def test_what_cannot_be_checked(folder, builds, message):
    with pytest.raises(ImgbuildError) as failure:
        records(folder, *builds)
    assert message in failure.value.message


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"builds": [1]}', b"\xff", b'{"builds": [{"files": [{}]}]}',
                                  b'{"a":' * 100_000], ids=lambda data: repr(data[:20]))
def test_what_is_no_manifest(data):
    with pytest.raises(ImgbuildError, match=r"^'p\.json' is no manifest of Packer: "):
        read_manifest("p.json", data)


def found(folder, *words):
    result = run("check", "--packer-manifest", "packer-manifest.json", "--format", "json", *words, folder=folder)
    return result, [finding["rule"] for finding in result.document["findings"] if finding["severity"] == "error"]


def test_all_is_as_recorded(folder):
    (folder / "output" / "SHA256SUMS").write_text(f"{SHA256}  web.qcow2\n")
    write(folder, build(("output/web.qcow2", SIZE)))
    result, errors = found(folder)
    assert (result.status, errors) == (0, [])


def test_the_size_is_another(folder):
    write(folder, build(("output/web.qcow2", SIZE + 1)))
    result, errors = found(folder)
    assert (result.status, errors) == (1, ["image-size-not-as-recorded"])


def test_the_checksum_is_another(folder):
    (folder / "output" / "SHA1SUMS").write_text(f"{'0' * 40}  web.qcow2\n")  # an algorithm that is not usual
    write(folder, build(("output/web.qcow2", SIZE)))
    result, errors = found(folder)
    assert (result.status, errors) == (1, ["image-checksum-not-as-recorded"])


def test_something_must_be_checked(folder):
    result = run("check", folder=folder)
    assert (result.status, result.err) == (
        2, "imgbuild: no image is named (imgbuild check IMAGE..., or --packer-manifest FILE)\n")


@pytest.fixture
def templates(tmp_path):
    """The templates beside the sample that they take, as in the repository, and a PATH with imgbuild on it."""
    shutil.copytree(SAMPLES / "packer", tmp_path / "packer")
    shutil.copy(SAMPLES / IMAGE, tmp_path)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "imgbuild"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m imgbuild "$@"\n')
    program.chmod(0o755)
    home = {"HOME": str(tmp_path), "CHECKPOINT_DISABLE": "1", "PACKER_CONFIG_DIR": str(tmp_path / "config")}
    path = os.pathsep.join((str(tmp_path / "bin"), os.environ["PATH"]))
    return tmp_path / "packer", {**os.environ, **WHERE, **home, "PATH": path}


def packer(templates, *words):
    folder, environment = templates
    return subprocess.run([find_tool("packer"), *words], cwd=folder, env=environment, capture_output=True, text=True,
                          timeout=120, check=False)


@needs("packer")
@pytest.mark.parametrize("words", [("check.pkr.hcl",), ("check.json",), ("-var", "checksum=none", "debian.pkr.hcl")],
                         ids=lambda words: words[-1])
def test_packer_takes_the_templates(templates, words):
    done = packer(templates, "validate", *words)
    assert done.returncode == 0, done.stdout + done.stderr


@needs("packer")
@pytest.mark.parametrize("template", ["check.pkr.hcl", "check.json"])
def test_a_build_ends_with_a_check(templates, template):
    done = packer(templates, "build", "-color=false", template)
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((templates[0] / "manifest.json").read_text())
    assert manifest["image"]["checksums"]["sha256"] == SHA256
    (record,) = read_manifest("packer-manifest.json", (templates[0] / "packer-manifest.json").read_bytes().replace(
        b'"output/', f'"{templates[0]}/output/'.encode()))
    assert (record.size, [digest.value for digest in record.digests]) == (SIZE, [SHA256])
