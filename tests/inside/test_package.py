"""What an OVA says of its disks is read without obeying it, and compared with them."""

from __future__ import annotations

import hashlib

import pytest
from conftest import SAMPLES
from hypothesis import given
from hypothesis import strategies as st
from packages import descriptor, manifest, package
from tools import needs
from vmdk_images import plain

import imgbuild
from imgbuild.formats.tarentries import read_archive
from imgbuild.inside.package import Disk, read
from imgbuild.readers import Memory
from imgbuild.settings import Settings

QUICK = Settings(checksums=None)
DISK = plain(compressed=True, footer=True, redundant=False).image()
CAPACITY = len(plain().content)
QCOW2 = (SAMPLES / "debian-12-tiny.qcow2").read_bytes()


def opened(entries):
    return read_archive(Memory(package(entries))).entries


def problems(entries, *, digests=True):
    found = opened(entries)
    described = read(found)
    return [(problem.code, problem.message) for problem in (*described.problems(found),
                                                            *described.verify(found, {} if digests else None))]


@pytest.mark.parametrize("prefix", ["", "ovf:"])
@pytest.mark.parametrize(("unit", "capacity", "expected"), [
    (None, 20 << 30, 20 << 30), ("byte", 512, 512), ("byte * 2^30", 20, 20 << 30), ("byte*2^20", 5, 5 << 20),
    ("MegaBytes", 5, 5 << 20), ("byte * 10^9", 4, 4 * 10**9), ("parsec", 5, None), ("byte * 2^99", 1, None)])
def test_disks_have_the_capacity_of_the_descriptor(prefix, unit, capacity, expected):
    entries = {"x.ovf": descriptor({"a.vmdk": (len(DISK), capacity)}, prefix=prefix, unit=unit), "a.vmdk": DISK}
    [disk] = read(opened(entries)).disks
    assert (disk.identifier, disk.file, disk.capacity) == ("vmdisk0", "a.vmdk", expected)


@needs("xmllint")
def test_the_descriptor_is_well_formed(tmp_path):
    import subprocess  # noqa: PLC0415 - here alone

    (tmp_path / "x.ovf").write_bytes(descriptor({"a.vmdk": (1, 2)}, prefix="ovf:"))
    subprocess.run(["xmllint", "--noout", tmp_path / "x.ovf"], check=True)


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
def test_a_package_that_is_as_it_says_is_good(algorithm):
    entries = {"x.ovf": descriptor({"a.vmdk": (len(DISK), CAPACITY)}), "a.vmdk": DISK}
    assert problems({**entries, "x.mf": manifest(entries, algorithm)}) == []
    assert problems(entries) == []


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
def test_another_content_than_that_of_the_manifest_is_found(algorithm):
    entries = {"x.ovf": descriptor({"a.vmdk": (len(DISK), CAPACITY)}), "a.vmdk": DISK}
    changed = {**entries, "x.mf": manifest(entries, algorithm), "a.vmdk": DISK[:-1] + b"!"}
    [(code, message)] = problems(changed)
    right, wrong = (hashlib.new(algorithm.lower(), data).hexdigest() for data in (DISK, changed["a.vmdk"]))
    assert code == "ova-manifest-mismatch"
    assert message == f"the {algorithm.lower()} of 'a.vmdk' is {wrong}, the manifest 'x.mf' says {right}"
    assert problems(changed, digests=False) == []


@pytest.mark.parametrize(("entries", "code", "words"), [
    ({"x.ovf": descriptor({"a.vmdk": (1, 2)})}, "ova-incomplete", "names the file 'a.vmdk', which is not in the"),
    ({"x.ovf": descriptor({"http://h/a": (1, 2)})}, "ova-incomplete", "names the file 'http://h/a'"),
    ({"x.ovf": b"<Envelope/>", "x.mf": b"SHA1(a)= " + b"0" * 40}, "ova-incomplete", "the manifest names the file 'a'"),
    ({"x.ovf": descriptor({"a.vmdk": (9, 2)}), "a.vmdk": b"12345678"}, "ova-descriptor-differs",
     "'a.vmdk' has 8 bytes, the descriptor says 9"),
    ({"x.ovf": descriptor({"a": (1, 2), "b": (1, 2)}), "a": b"1", "b": b"2"}, "ova-several-disks", "has 2 disks"),
    ({"x.ovf": b"no XML"}, "ova-descriptor-invalid", "'x.ovf' cannot be read: syntax error"),
    ({"x.ovf": b""}, "ova-descriptor-invalid", "cannot be read"),
    ({"x.ovf": b"<a>" * 100}, "ova-descriptor-invalid", "too deep"),
    ({"x.ovf": b"<a>" + b" " * (1 << 20) + b"</a>"}, "ova-descriptor-invalid", "larger than a MiB"),
    ({"x.ovf": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'}, "ova-descriptor-invalid",
     "document type"),
    ({"x.ovf": b'<?xml version="1.0" encoding="nobody-knows"?><a/>'}, "ova-descriptor-invalid", "cannot be read"),
])
def test_what_is_wrong_is_said(entries, code, words):
    [(found, message)] = problems(entries)
    assert found == code
    assert words in message


@pytest.mark.parametrize("text", [b"\xff\xfe(", b"MD5(a)= 0", b"SHA256(a)= 12", b"SHA256 a", b"\0" * 4096])
def test_lines_of_a_manifest_that_say_nothing_are_passed_over(text):
    assert problems({"x.ovf": b"<Envelope/>", "x.mf": text}) == []


@pytest.mark.parametrize(("capacity", "unit", "code"), [
    (2 << 30, None, []), (2, "byte * 2^30", []), (3, "byte * 2^30", ["ova-descriptor-differs"]),
    ((2 << 30) + 4096, None, []), (1 << 30, None, ["ova-descriptor-differs"])])
def test_a_capacity_that_is_not_the_disks_is_found(tmp_path, capacity, unit, code):
    path = tmp_path / "x.ova"
    path.write_bytes(package({"x.ovf": descriptor({"a.qcow2": (len(QCOW2), capacity)}, unit=unit), "a.qcow2": QCOW2}))
    facts = imgbuild.inspect(str(path), QUICK)
    assert [found.code for found in facts.problems] == ["ova-package", *code]


def test_a_disk_without_a_file_is_no_contradiction():
    described = read(opened({"x.ovf": b'<E><DiskSection><Disk diskId="a" capacity="5"/></DiskSection></E>'}))
    assert described.disks == (Disk("a", None, 5, 1, ""),)
    assert list(described.contradictions([])) == []


@given(cut=st.integers(0, 2000), changes=st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=3)),
                                                 max_size=4))
def test_whatever_the_descriptor_says_nothing_is_raised(cut, changes):
    data = bytearray(descriptor({"a.vmdk": (len(DISK), CAPACITY)}, unit="byte * 2^3"))
    for at, new in changes:
        data[at % len(data)] = new[0]
    assert isinstance(problems({"x.ovf": bytes(data[: len(data) - cut % 300]), "a.vmdk": DISK}), list)
