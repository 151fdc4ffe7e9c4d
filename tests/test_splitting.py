"""Parts of a split image are named with the command that joins them; names that only look like it are left alone."""

from __future__ import annotations

import random
import subprocess

import pytest
from conftest import SAMPLES
from images.run import run
from tools import needs

from imgbuild import examination
from imgbuild.documents.inspection import Inspection
from imgbuild.model import Problem
from imgbuild.settings import Settings
from imgbuild.splitting import supplement

QUICK = Settings(checksums=None)
DISK = bytes(446) + b"\x80\0\0\0\x83\0\0\0" + (2048).to_bytes(4, "little") * 2 + bytes(48) + b"\x55\xaa" + bytes(9488)


def codes(path):
    return [found.code for found in examination.inspect(str(path), QUICK).problems]


@needs("split")
@pytest.mark.parametrize(("words", "names", "pattern"), [
    (("-b", "2000"), ["xaa", "xab", "xac", "xad", "xae"], "x[a-z][a-z]"),
    (("-b", "2000", "-a", "3", "--numeric-suffixes=1", "{}", "disk.raw."), ["disk.raw.001", "disk.raw.005"],
     "disk.raw.[0-9][0-9][0-9]"),
    (("-b", "3000", "-a", "3", "-d", "{}", "disk.raw."), ["disk.raw.000", "disk.raw.003"], "disk.raw.[0-9][0-9][0-9]"),
    (("-b", "3000", "{}", "my disk.raw.part-"), ["my disk.raw.part-aa", "my disk.raw.part-ad"],
     "'my disk.raw.part-'[a-z][a-z]"),
    (("-b", "300", "{}", "disk.raw.part_"), ["disk.raw.part_ba", "disk.raw.part_az"], "disk.raw.part_[a-z][a-z]"),
    (("-b", "3000", "-a", "1", "--numeric-suffixes=1", "{}", "disk.raw.part"), ["disk.raw.part1", "disk.raw.part4"],
     "disk.raw.part[0-9]"),
    (("-b", "3000", "-d", "{}", "disk.raw."), ["disk.raw.00", "disk.raw.03"], "disk.raw.[0-9][0-9]"),
    (("-b", "3000", "-d"), ["x00", "x03"], "x[0-9][0-9]"),
    (("-b", "3000", "--numeric-suffixes=1", "-a", "4", "{}", "disk.raw-"), ["disk.raw-0001", "disk.raw-0004"],
     "disk.raw-[0-9][0-9][0-9][0-9]"),
    (("-b", "100", "-d", "{}", "disk.raw."), ["disk.raw.00", "disk.raw.89", "disk.raw.9000", "disk.raw.9009"],
     "disk.raw.{[0-9][0-9],[0-9][0-9][0-9][0-9]}"),
])
def test_the_parts_of_split_are_named_and_joined(tmp_path, monkeypatch, words, names, pattern):
    """The command of the message is run, and gives the disk again."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "whole").write_bytes(DISK)
    words = [word if word != "{}" else "whole" for word in words]
    run("split", *(words if "whole" in words else [*words, "whole"]))
    for name in names:
        found = examination.inspect(name, QUICK).problems[-1]
        assert found.code == "split-part"
        command = found.message.partition("join them first: '")[2][:-1]
        assert command.startswith(f"cat {pattern} > ")
        subprocess.run(["bash", "-c", command], check=True)
        [joined] = {path for path in tmp_path.iterdir() if path.name in {"disk.raw", "my disk.raw"}}
        assert joined.read_bytes() == DISK
        joined.unlink()


def test_numbers_that_grow_longer_are_counted_on(tmp_path):
    for number in range(1, 13):
        (tmp_path / f"a.part{number}").write_bytes(b"x" * 512)
    for number in (1, 9, 10, 12):
        facts = supplement(Inspection(path="x", size=1, format="raw"), str(tmp_path / f"a.part{number}"))
        assert "'a.part1' to 'a.part12' of 'a'" in facts.problems[0].message
        assert "'cat a.part{1..12} > a'" in facts.problems[0].message


def test_numbers_that_outgrow_their_zeros_are_joined_in_their_order(tmp_path):
    for number in range(1, 102):
        (tmp_path / f"a.{number:02}").write_bytes(b"%03d" % number)
    [found] = supplement(Inspection(path="x", size=1, format="raw"), str(tmp_path / "a.99")).problems
    command = found.message.partition("join them first: '")[2][:-1]
    assert command == "cat a.{[0-9][0-9],[0-9][0-9][0-9]} > a"
    subprocess.run(["bash", "-c", command], check=True, cwd=tmp_path)
    assert (tmp_path / "a").read_bytes() == b"".join(b"%03d" % number for number in range(1, 102))


def test_releases_beside_each_other_are_no_parts(tmp_path):
    """Two digits count where the first part is there alone."""
    names = ("debian-12.10", "debian-12.11", "ubuntu-24.04", "ubuntu-24.03", "disk-2024", "disk-2025")
    for name in names:
        (tmp_path / name).write_bytes(DISK)
    image = Inspection(path="x", size=1, format="raw", problems=(Problem(code="truncated", message=""),))
    for name in names:
        assert supplement(image, str(tmp_path / name)) == image


@needs("zip", "7zz")
def test_the_image_is_taken_out_of_the_segments_of_a_zip_archive(tmp_path, monkeypatch):
    """The command of the message is run."""
    monkeypatch.chdir(tmp_path)
    content = random.Random(1).randbytes(200_000)  # noqa: S311 - the same each time
    (tmp_path / "disk.raw").write_bytes(content)
    run("zip", "-q", "-s", "64k", "disk.zip", "disk.raw")
    (tmp_path / "disk.raw").unlink()
    [found] = [found for found in examination.inspect("disk.z02", QUICK).problems if found.code == "split-part"]
    assert "segment of the zip archive that ends with 'disk.zip', which lies beside it" in found.message
    program, *words = found.message.partition("with 7-Zip: '")[2][:-1].split()
    assert program == "7z"  # Debian calls it 7zz
    run("7zz", *words)
    assert (tmp_path / "disk.raw").read_bytes() == content


def test_a_segment_is_known_by_name_and_content():
    assert "which is not beside it" in supplement(Inspection(path="x", size=1), "other.z01").problems[0].message
    assert supplement(Inspection(path="x", size=1, format="qcow2"), "disk.z01").problems == ()


@pytest.mark.parametrize(("name", "problems", "found"), [
    ("disk.raw.00", ("gpt-past-end",), True), ("disk.raw.02", ("gpt-past-end",), False), ("x00", (), False),
    ("disk.raw.001", ("gpt-past-end",), True), ("disk.raw.000", ("nothing-inside",), True),
    ("disk.raw.001", (), False), ("disk.raw.002", ("nothing-inside",), False), ("disk.part1", ("truncated",), True),
    ("xaa", ("partition-past-end",), True), ("xab", ("nothing-inside",), False), ("disk.2024", (), False),
    ("rocky-9.4", ("nothing-inside",), False), ("debian", ("nothing-inside",), False), ("disk.md", (), False)])
def test_a_part_alone_is_named_where_its_content_is_cut(tmp_path, name, problems, found):
    image = Inspection(path=name, size=1, format="raw",
                       problems=tuple(Problem(code=code, message="") for code in problems))
    seen = supplement(image, str(tmp_path / name)).problems[len(problems) :]
    assert [problem.code for problem in seen] == (["split-part"] if found else [])


@needs("qemu-img")
@pytest.mark.parametrize(("kind", "extent", "others"), [
    ("twoGbMaxExtentSparse", "d-s001.vmdk", ["extent-alone"]), ("monolithicFlat", "d-flat.vmdk", [])])
def test_an_extent_of_a_vmdk_names_its_descriptor(tmp_path, kind, extent, others):
    run("qemu-img", "convert", "-O", "vmdk", "-o", f"subformat={kind}", SAMPLES / "debian-12-tiny.qcow2",
        tmp_path / "d.vmdk")
    facts = examination.inspect(str(tmp_path / extent), QUICK)
    assert [found.code for found in facts.problems] == [*others, "vmdk-extent"]
    assert "'d.vmdk', which lies beside it; give that file: 'imgbuild check --allow-external d.vmdk'" in (
        facts.problems[-1].message)
    (tmp_path / "d.vmdk").unlink()
    assert "which is not beside it" in examination.inspect(str(tmp_path / extent), QUICK).problems[-1].message


def test_what_is_no_vmdk_is_no_extent(tmp_path):
    image = Inspection(path="x", size=1, format="qcow2")
    assert supplement(image, str(tmp_path / "d-flat.vmdk")) == image


def test_names_of_whole_images_are_not_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr("imgbuild.splitting.supplement", lambda *_: pytest.fail("it was asked"))
    (tmp_path / "disk.IMG").write_bytes(DISK)
    assert codes(tmp_path / "disk.IMG")
    (tmp_path / "disk.001").write_bytes(DISK)
    with pytest.raises(pytest.fail.Exception):
        codes(tmp_path / "disk.001")


def test_nothing_but_names_of_files_is_asked_for(tmp_path, monkeypatch):
    """A folder or a pipe of such a name is no part, and nothing is opened."""
    (tmp_path / "d.002").mkdir()
    image = Inspection(path="x", size=1, format="raw")
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("opened"))
    assert supplement(image, str(tmp_path / "d.001")) == image
