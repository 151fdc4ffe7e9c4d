"""Checksum files: the forms that people write, and what is no entry."""

from __future__ import annotations

import hashlib
import shutil
import subprocess

import pytest
from tools import needs

from imgbuild.sums import Digest, digests_of, is_checksum_file

SHA256, MD5 = "ab" * 32, "cd" * 16


def of(text, file="SHA256SUMS", image="out/disk.qcow2"):
    return [(digest.algorithm, digest.value, digest.line) for digest in digests_of(text, file, image)]


@pytest.mark.parametrize(("line", "algorithm"), [
    (f"{SHA256}  disk.qcow2", "sha256"), (f"{SHA256} *disk.qcow2", "sha256"), (f"{SHA256}\tdisk.qcow2", "sha256"),
    (f"{SHA256}  ./out/disk.qcow2", "sha256"), (f"SHA256 (disk.qcow2) = {SHA256}", "sha256"),
    (f"SHA2-256(disk.qcow2)= {SHA256}", None), (f"MD5 (disk.qcow2) = {MD5}", "md5"), (f"{MD5}  disk.qcow2", "md5"),
    (f"{SHA256.upper()}  disk.qcow2", "sha256"), (f"{SHA256}  disk.qcow2\r", "sha256")])
def test_forms(line, algorithm):
    found = of(line)
    assert [name for name, _, _ in found] == ([algorithm] if algorithm else [])
    assert all(value in {SHA256, MD5} for _, value, _ in found)


@pytest.mark.parametrize("line", [
    "", "# comment", f"{SHA256}  other.qcow2", f"{SHA256[:-1]}  disk.qcow2", f"SHA1 (disk.qcow2) = {SHA256}",
    "zz" * 32 + "  disk.qcow2", "-----BEGIN PGP SIGNED MESSAGE-----", f"{SHA256}disk.qcow2"])
def test_what_is_no_entry_for_the_image(line):
    assert of(line) == []


def test_a_digest_alone_speaks_of_the_file_that_it_is_named_after():
    assert of(SHA256, file="out/disk.qcow2.sha256") == [("sha256", SHA256, 1)]
    assert of(f"{SHA256}\n", file="out/other.qcow2.sha256") == []


def test_lines_are_counted():
    assert of(f"# a\n\n{MD5}  x\n{SHA256}  disk.qcow2\n") == [("sha256", SHA256, 4)]


def test_where_it_stands():
    assert digests_of(SHA256 + "  a", "b/SHA256SUMS", "a") == (Digest("sha256", SHA256, "b/SHA256SUMS", 1),)


@pytest.mark.parametrize(("name", "is_one"), [
    ("SHA256SUMS", True), ("sha512sum.txt", True), ("MD5SUMS", True), ("CHECKSUM", True), ("CHECKSUM.SHA256", True),
    ("disk.qcow2.sha256", True), ("disk.md5sum", True), ("packer_x_sha256.checksum", True), ("disk.qcow2", False),
    ("sums.json", False), ("manifest.json", False)])
def test_names(name, is_one):
    assert is_checksum_file(f"folder/{name}") is is_one


@needs("sha256sum")
@pytest.mark.parametrize("words", [(), ("--tag",), ("-b",)], ids=["text", "tag", "binary"])
@pytest.mark.parametrize("name", ["disk.qcow2", "a disk (1).raw"])
def test_what_coreutils_writes_is_read(tmp_path, words, name):
    assert digest_by_coreutils(tmp_path, words, name) == digest_of(tmp_path / name)


@needs("sha256sum")
@pytest.mark.parametrize("name", ["back\\slash.raw", "new\nline.raw"])
def test_escapes_of_coreutils(tmp_path, name):
    assert digest_by_coreutils(tmp_path, (), name) == digest_of(tmp_path / name)


def digest_by_coreutils(folder, words, name):
    shutil.copy(__file__, folder / name)
    written = subprocess.run(["sha256sum", *words, name], cwd=folder, capture_output=True, text=True, check=True)
    (digest,) = digests_of(written.stdout, "SHA256SUMS", name)
    return digest.value


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
