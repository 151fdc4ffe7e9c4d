"""Disks in a tar archive and in an OVA package are looked at in place, and named with the command that takes them out.

``test_package.py`` has what descriptor and manifest say.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import subprocess
import tarfile

import pytest
from conftest import SAMPLES
from images.run import run
from packages import descriptor, manifest, package
from tools import needs

import imgbuild
from imgbuild.documents.inspection import Inside, Inspection
from imgbuild.inside import Job, archive, compressed, kept
from imgbuild.inside.hashes import digests_of
from imgbuild.settings import Settings
from imgbuild.sizes import GIB, MIB
from imgbuild.source import open_source

QUICK = Settings(checksums=None)
IMAGE = SAMPLES / "debian-12-tiny.qcow2"
SAME = [name for name in Inside.__struct_fields__ if name not in {"name", "offset", "size", "checksums"}]


@pytest.fixture(scope="module")
def vmdk(tmp_path_factory):
    """The small Debian disk as a streamOptimized VMDK, as in a package."""
    path = tmp_path_factory.mktemp("vmdk") / "box-disk1.vmdk"
    run("qemu-img", "convert", "-f", "qcow2", "-O", "vmdk", "-o", "subformat=streamOptimized", IMAGE, path)
    return path


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """The same as a raw disk with holes."""
    path = tmp_path_factory.mktemp("raw") / "disk.raw"
    run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", IMAGE, path)
    return path


def codes(facts):
    return [found.code for found in facts.problems]


def said(facts, code):
    return next(found.message for found in facts.problems if found.code == code)


def write(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


@needs("qemu-img")
@pytest.mark.parametrize("settings", [Settings(), QUICK], ids=["whole", "quick"])
def test_the_disk_of_a_package_is_as_it_is_outside(tmp_path, vmdk, settings):
    disk = vmdk.read_bytes()
    entries = {"box.ovf": descriptor({vmdk.name: (len(disk), 2 * GIB)}), vmdk.name: disk}
    entries["box.mf"] = manifest(entries)
    path = write(tmp_path, "box.ova", package(entries))
    facts, alone = imgbuild.inspect(str(path), settings), imgbuild.inspect(str(vmdk), settings)
    assert (facts.format, facts.virtual_size, codes(facts)) == ("ova", None, ["ova-package"])
    [image] = facts.inside
    assert {field: getattr(image, field) for field in SAME} == {field: getattr(alone, field) for field in SAME}
    assert (image.name, image.size) == (vmdk.name, len(disk))
    assert path.read_bytes()[image.offset :][: len(disk)] == disk
    assert image.os.id == "debian"
    assert said(facts, "ova-package") == (
        f"the file is an OVA package with 'box-disk1.vmdk' (a streamOptimized VMDK with a disk of 2 GiB (Debian"
        f" GNU/Linux 12 (bookworm)), {len(disk) / 1024:.3g} KiB); take out what is to be uploaded: 'tar -xf {path}"
        " box-disk1.vmdk'")
    assert facts.container["disks"] == [{"diskId": "vmdisk0", "file": vmdk.name, "capacity": 2 * GIB,
                                         "format": facts.container["disks"][0]["format"]}]
    assert [entry["name"] for entry in facts.container["entries"]] == ["box.ovf", vmdk.name, "box.mf"]


@needs("qemu-img", "tar")
def test_the_command_takes_the_disk_out(tmp_path, monkeypatch, vmdk):
    monkeypatch.chdir(tmp_path)
    entries = {"box.ovf": descriptor({"a disk.vmdk": (1, 2)}), "a disk.vmdk": vmdk.read_bytes()}
    write(tmp_path, "my box.ova", package(entries))
    message = said(imgbuild.inspect("my box.ova", QUICK), "ova-package")
    command = message.partition("uploaded: '")[2][:-1]
    assert command == "tar -xf 'my box.ova' 'a disk.vmdk'"
    subprocess.run(command, shell=True, check=True)  # noqa: S602 - what a person would type
    assert (tmp_path / "a disk.vmdk").read_bytes() == vmdk.read_bytes()


@needs("qemu-img")
def test_several_disks_are_all_named(tmp_path, vmdk):
    disk = vmdk.read_bytes()
    names = [f"disk{number}.vmdk" for number in range(3)]
    entries = {"box.ovf": descriptor(dict.fromkeys(names, (len(disk), 2 * GIB))), **dict.fromkeys(names, disk)}
    facts = imgbuild.inspect(str(write(tmp_path, "box.ova", package(entries))), QUICK)
    assert codes(facts) == ["ova-package", "ova-several-disks"]
    assert [image.name for image in facts.inside] == names
    assert {image.os.id for image in facts.inside} == {"debian"}
    assert said(facts, "ova-package").endswith(" disk0.vmdk disk1.vmdk disk2.vmdk'")


@needs("tar", "qemu-img")
@pytest.mark.parametrize("words", [("--format=oldgnu", "-Sc"), ("--format=oldgnu", "-Scz"), ("-ScJ",),
                                   ("--format=posix", "-Sc", "--zstd")], ids=" ".join)
def test_a_raw_disk_in_an_archive_is_looked_at(tmp_path, raw, words):
    """As Google's exports are: ``disk.raw`` in a tar archive of the old GNU format, compressed with gzip."""
    path = tmp_path / "image"
    run("tar", "-C", raw.parent, *words, "-f", path, raw.name)
    facts, alone = imgbuild.inspect(str(path)), imgbuild.inspect(str(raw), QUICK)
    image = facts.inside[-1]
    assert [image.format for image in facts.inside] == (["raw"] if facts.format == "tar" else ["tar", "raw"])
    assert (image.name, image.size, image.virtual_size) == ("disk.raw", 2 * GIB, 2 * GIB)
    assert (image.os, image.partitions, image.firmware) == (alone.os, alone.partitions, alone.firmware)
    assert codes(facts)[0] == ("archive" if facts.format == "tar" else "compressed")


@needs("tar", "qemu-img")
def test_an_archive_that_is_not_unpacked_whole_has_its_first_entries_named(tmp_path, monkeypatch, raw):
    path = tmp_path / "image.tar.gz"
    run("tar", "-C", raw.parent, "-Sczf", path, raw.name)
    monkeypatch.setattr(compressed, "_HEAD_BYTES", 2 * kept.BLOCK)
    facts = imgbuild.inspect(str(path), QUICK)
    assert [(image.name, image.format, image.size) for image in facts.inside] == [
        (None, "tar", None), ("disk.raw", None, 2 * GIB)]
    assert codes(facts) == ["compressed"]
    assert "inside is a tar archive with 'disk.raw' (a file, 2 GiB)" in said(facts, "compressed")


def test_an_archive_without_a_disk_says_so(tmp_path):
    data = package({"etc/passwd": b"root", "bin/tool": random.Random(5).randbytes(2 * MIB)})  # noqa: S311 - noise
    facts = imgbuild.inspect(str(write(tmp_path, "rootfs.tar", data)), QUICK)
    assert (facts.inside, codes(facts)) == ((), ["archive"])
    assert said(facts, "archive") == (
        "the file is a tar archive of 2 entries, none of which is known as a disk image")


@needs("qemu-img")
def test_a_disk_without_an_ending_is_found_by_its_content(tmp_path):
    data = package({"README": b"x" * 2048, "disk": IMAGE.read_bytes().ljust(MIB, b"\0")})
    facts = imgbuild.inspect(str(write(tmp_path, "export.tar", data)), QUICK)
    assert [(image.name, image.format) for image in facts.inside] == [("disk", "qcow2")]


def test_what_is_wrong_with_a_disk_is_said_by_its_name(tmp_path):
    header = bytearray(IMAGE.read_bytes())
    header[8:20] = (0x200).to_bytes(8, "big") + (11).to_bytes(4, "big")
    header[0x200:0x20B] = b"/etc/passwd"
    facts = imgbuild.inspect(str(write(tmp_path, "x.tar", package({"a.qcow2": bytes(header)}))), QUICK)
    assert codes(facts) == ["archive", "backing-file"]
    assert said(facts, "backing-file").startswith("'a.qcow2': ")


def test_no_more_disks_are_looked_at_than_there_is_time_for(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_DISKS", 2)
    data = package({f"{number}.img": bytes(512) for number in range(5)})
    facts = imgbuild.inspect(str(write(tmp_path, "x.tar", data)), QUICK)
    assert [image.name for image in facts.inside] == ["0.img", "1.img"]


@pytest.mark.parametrize(("name", "words"), [
    ("../x.raw", "leads out of the folder"), ("/x.raw", "leads out"), (r"a\..\x.raw", "leads out"),
    ("C:/x.raw", "leads out"), ("a/../../x.raw", "leads out")])
@pytest.mark.parametrize("file", ["x.tar", "x.ova"])
def test_names_that_lead_elsewhere_are_found(tmp_path, name, words, file):
    entries = {"x.ovf": b"<Envelope/>"} if file == "x.ova" else {}
    facts = imgbuild.inspect(str(write(tmp_path, file, package({**entries, name: bytes(512)}))), QUICK)
    assert words in said(facts, "archive-unsafe-entry")
    assert not (tmp_path.parent / "x.raw").exists()


def linked() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(entry := tarfile.TarInfo("x.ovf"), io.BytesIO(b""))
        entry.name, entry.type, entry.linkname = "disk.vmdk", tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    return out.getvalue()


def test_a_link_is_unsafe_in_a_package_and_usual_in_an_archive(tmp_path):
    assert "'disk.vmdk' is a link" in said(imgbuild.inspect(str(write(tmp_path, "x.ova", linked())), QUICK),
                                           "archive-unsafe-entry")
    data = linked().replace(b"x.ovf", b"x.txt")
    data = data[:148] + b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512])) + data[156:]
    assert codes(imgbuild.inspect(str(write(tmp_path, "x.tar", data)), QUICK)) == ["archive"]


def test_compressed_entries_are_named_and_no_more(tmp_path):
    facts = imgbuild.inspect(str(write(tmp_path, "x.tar", package({"a.gz": gzip.compress(bytes(MIB))}))), QUICK)
    assert [(image.name, image.format) for image in facts.inside] == [("a.gz", "gzip")]


def test_readiness_is_asked_of_disks_in_an_archive_and_of_ones_own_rules(tmp_path, monkeypatch):
    """The findings on the guest are those of the disk by itself; questions are answered inside, too."""
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "own"
    own.mkdir()
    (own / "own.toml").write_text('[[rule]]\nid = "own-motd"\nseverity = "error"\ntitle = "No"\nhint = "Write one."\n'
                                  'check = { kind = "guest-file", path = "/etc/no-motd" }\n')
    settings = Settings(rules="own")
    with tarfile.open("disks.tar", "w") as archive:
        archive.add(IMAGE, "disk.qcow2")

    def found(path):
        return sorted((finding.rule, finding.message) for finding in imgbuild.check(path, settings).findings.findings
                      if finding.subject.kind == "guest")

    alone = found(str(IMAGE))
    assert ("own-motd", "/etc/no-motd is missing") in alone
    assert found("disks.tar") == [(rule, f"'disk.qcow2': {message}") for rule, message in alone]
    with gzip.open("disk.qcow2.gz", "wb") as file:
        file.write(IMAGE.read_bytes())
    assert found("disk.qcow2.gz") == [(rule, f"inside: {message}") for rule, message in alone]


def test_the_digests_of_the_disks_are_those_of_what_is_taken_out(tmp_path, raw):
    """Those that were asked for; a sparse entry is not read through, for its zeros may go on for hours."""
    path = tmp_path / "disks.tar"
    run("tar", "-C", raw.parent, "-S", "--format=gnu", "-cf", path, raw.name, "-C", IMAGE.parent, IMAGE.name)
    facts = imgbuild.inspect(str(path), Settings(checksums=("sha1", "md5")))
    sparse, whole = facts.inside
    assert (sparse.name, sparse.checksums) == (raw.name, None)
    data = IMAGE.read_bytes()
    assert list(whole.checksums.items()) == [("sha1", hashlib.sha1(data, usedforsecurity=False).hexdigest()),
                                             ("md5", hashlib.md5(data, usedforsecurity=False).hexdigest())]
    assert [inner.checksums for inner in imgbuild.inspect(str(path), QUICK).inside] == [None, None]


def test_each_disk_of_a_package_is_read_once(tmp_path, monkeypatch):
    """For the digests that are asked for and those of the manifest together."""
    asked, reports = [], []
    monkeypatch.setattr(archive, "digests_of", lambda content, algorithms: asked.append(list(algorithms)) or digests_of(
        content, algorithms))
    monkeypatch.setattr("imgbuild.inside.package.digests_of", lambda *_: pytest.fail("read again"))
    disk = {"disk.vmdk": b"KDMV" + bytes(5000)}
    whole = {"box.ovf": descriptor({"disk.vmdk": (5004, GIB)}), **disk, "box.mf": manifest(disk, "SHA512")}
    facts = Inspection(path="disk.vmdk", size=5004, format="vmdk", virtual_size=GIB)
    with open_source(write(tmp_path, "box.ova", package(whole))) as source:
        archive.look("ova", Job(source, "box.ova", ("md5",), lambda _: facts, reports.append))
    assert asked == [["md5", "sha512"]]
    assert reports[-1].problems == ()
    assert reports[-1].images[0].checksums == {"md5": hashlib.md5(disk["disk.vmdk"], usedforsecurity=False).hexdigest()}
