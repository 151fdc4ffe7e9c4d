"""The steps of an inspection: what each adds, and what stays when the next one fails."""

from __future__ import annotations

import os
import signal
import subprocess
from itertools import pairwise

import msgspec
import pytest
from images import containers, isos, udfdiscs, wims
from images.disks import XFS_TOOLS
from tools import needs

from imgbuild import examination, inspection
from imgbuild.formats.base import Container, Format
from imgbuild.inspection import look
from imgbuild.model import Problem
from imgbuild.readers import broken
from imgbuild.settings import Settings
from imgbuild.source import open_source

pytestmark = needs(*XFS_TOOLS, "qemu-img")  # what the fixture ``disk`` makes its disks with


def looks_at(path, claim=None):
    """Return all reports of an inspection of the file."""
    reports = []
    with open_source(str(path)) as source:
        look(source, claim, reports.append)
    return reports


@pytest.fixture
def empty_disk(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(1 << 20))
    return path


def test_each_step_reports_and_none_takes_back(disk):
    reports = looks_at(disk("gpt-uefi-ext4"))
    assert len(reports) == 6
    assert [bool(report.facts.partitions) for report in reports] == [False, *[True] * 5]
    assert [report.facts.os is not None for report in reports] == [*[False] * 3, *[True] * 3]
    assert reports[-1].facts.firmware.uefi is True
    assert all(a.bytes_read <= b.bytes_read for a, b in pairwise(reports))


@pytest.mark.parametrize(("layout", "reads", "kib"), [
    ("gpt-uefi-ext4", 40, 500), ("mbr-lvm-ext4", 55, 650), ("gpt-bios-xfs", 70, 600), ("gpt-uefi-windows", 55, 650)])
def test_little_of_a_disk_is_read(layout, reads, kib, disk):
    """The limits are what it takes and a fifth more: whoever needs more than that should know why."""
    last = looks_at(disk(layout))[-1]
    assert (last.reads <= reads, last.bytes_read <= kib << 10) == (True, True), (last.reads, last.bytes_read)


@pytest.mark.parametrize(("container", "reads", "kib"), [
    ("qcow2", 50, 680), ("qcow2-zlib", 28, 290), ("vhd-dynamic", 48, 510), ("vmdk-sparse", 46, 540),
    ("vmdk-stream", 70, 140), ("vhdx-dynamic", 58, 750), ("vdi", 36, 510), ("zvhd", 33, 290), ("zvhd2-zlib", 46, 160)])
def test_little_of_a_container_is_read(container, reads, kib, disk, tmp_path):
    """As above; the tables of a container come once, and no block again and again."""
    last = looks_at(containers.wrap(container, disk("gpt-uefi-ext4"), tmp_path))[-1]
    assert (last.reads <= reads, last.bytes_read <= kib << 10) == (True, True), (last.reads, last.bytes_read)


def test_what_is_no_image_ends_after_the_first_step(tmp_path):
    path = tmp_path / "note.raw"
    path.write_text("hello")
    (report,) = looks_at(path)
    assert report.facts.format is None
    assert [problem.code for problem in report.facts.problems][:1] == ["text-file"]


def test_a_disk_of_zeros_has_nothing_inside(empty_disk):
    facts = looks_at(empty_disk)[-1].facts
    assert (facts.format, facts.partitions, facts.os) == ("raw", (), None)
    assert [problem.message for problem in facts.problems] == [
        "no partition table and no file system is known in these 1 MiB"]


@pytest.mark.parametrize(("damage", "codes"), [(b"", ["nothing-inside"]), (b"no GPT..", ["gpt-damaged"])])
def test_a_gpt_without_a_partition_has_nothing_inside_unless_it_is_damaged(tmp_path, damage, codes):
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(4 << 20))
    subprocess.run(["sfdisk", "--quiet", path], input=b"label: gpt\n", check=True)
    with path.open("r+b") as file:
        for start in (512, (4 << 20) - 512):  # where the two headers begin
            file.seek(start)
            file.write(damage)
    facts = looks_at(path)[-1].facts
    assert (facts.partition_table, facts.partitions) == ("gpt", ())
    assert [problem.code for problem in facts.problems] == codes


@pytest.mark.parametrize(("header", "codes"), [({}, ["gpt-large-blocks"]), ({"logical_sector_size": 4096}, []),
                                               ({"logical_sector_size": 512}, ["gpt-large-blocks"])])
def test_blocks_that_a_server_does_not_have_are_said_unless_the_container_has_them(disk, monkeypatch, header, codes):
    with open_source(str(disk("gpt-uefi-ext4"))) as source:
        found, table = inspection.detect(source), inspection.volumes.read_table(source)
    row = Format("raw", "raw", ("raw",), lambda _: False, lambda file: Container("raw", file.size, header))
    monkeypatch.setattr(inspection, "detect", lambda *_, **__: type(found)(row, "raw"))
    monkeypatch.setattr(inspection.volumes, "read_table", lambda _: msgspec.structs.replace(table, sector_size=4096))
    facts = looks_at(disk("gpt-uefi-ext4"))[-1].facts
    assert [problem.code for problem in facts.problems if problem.code.startswith("gpt")] == codes


@pytest.mark.parametrize("step", ["read_table", "identify"])
def test_a_step_that_fails_costs_only_itself(disk, monkeypatch, step):
    def fail(*_):
        raise broken("partition-past-end", "it cannot be followed")

    home = inspection.volumes if step == "read_table" else inspection.filesystems
    monkeypatch.setattr(home, step, fail)
    reports = looks_at(disk("gpt-uefi-ext4"))
    assert len(reports) == 6
    assert "partition-past-end" in [problem.code for problem in reports[-1].facts.problems]


def test_a_container_that_objects_while_it_is_read_is_heard(empty_disk, monkeypatch):
    class Late(Container):
        def read_at(self, _, length):
            self.problems.append(Problem(code="table-entry-invalid", message="late"))
            return bytes(length)

    row = Format("raw", "raw", ("raw",), lambda _: False, lambda _: Late("raw", 1 << 20))
    found = inspection.detect(open_source(str(empty_disk)))
    monkeypatch.setattr(inspection, "detect", lambda *_, **__: type(found)(row, "raw"))
    assert "late" in [problem.message for problem in looks_at(empty_disk)[-1].facts.problems]


def test_a_cut_file_is_told_once(disk, tmp_path):
    cut = tmp_path / "cut.raw"
    cut.write_bytes(disk("gpt-uefi-ext4").read_bytes()[: 2 << 20])
    codes = [problem.code for problem in looks_at(cut)[-1].facts.problems]
    assert codes.count("truncated") <= 1
    assert codes


def test_a_file_system_larger_than_its_partition_is_cut(disk, tmp_path):
    whole = disk("whole-disk-ext4").read_bytes()
    cut = tmp_path / "cut.raw"
    cut.write_bytes(whole[: len(whole) // 2])
    assert "filesystem-truncated" in [problem.code for problem in looks_at(cut)[-1].facts.problems]


@needs("debugfs")
def test_a_file_system_that_was_not_unmounted_is_told(disk, tmp_path):
    copy = tmp_path / "disk.raw"
    copy.write_bytes(disk("whole-disk-ext4").read_bytes())
    subprocess.run(["debugfs", "-w", "-R", "set_super_value state 0", copy], check=True, capture_output=True)
    (problem,) = looks_at(copy)[-1].facts.problems
    assert problem.code == "filesystem-not-clean"
    assert problem.message.startswith("the ext4 file system of the whole disk was not unmounted, or has errors")


def test_the_child_that_dies_leaves_the_steps_before(disk, monkeypatch):
    monkeypatch.setattr(inspection.layout, "assemble", lambda _: os.kill(os.getpid(), signal.SIGSEGV))
    facts = examination.inspect(str(disk("gpt-uefi-ext4")), Settings(checksums=None))
    assert [partition.filesystem for partition in facts.partitions] == ["fat32", "ext4"]
    assert [problem.code for problem in facts.problems] == ["inspection-died"]
    assert facts.os is None


@needs(*isos.TOOLS)
def test_the_system_of_a_disc_is_the_one_that_it_installs(iso):
    facts = looks_at(iso("hybrid"))[-1].facts
    assert (facts.os.id, facts.os.release, facts.os.architecture) == ("debian", "12.11", "x86_64")
    assert facts.os.source == "installation medium, volume name 'Debian 12.11.0 amd64 n'"
    assert facts.container["medium"] == "installation medium"
    assert facts.guest == facts.problems == ()


@needs(*isos.TOOLS)
@pytest.mark.parametrize("kind", ["seed", "data"])
def test_a_disc_without_a_system_says_what_it_is_and_is_no_problem(kind, iso, tmp_path):
    facts = looks_at(isos.seed(tmp_path) if kind == "seed" else iso("data"))[-1].facts
    assert (facts.os, facts.problems) == (None, ())
    assert facts.container["medium"] == {"seed": "cloud-init seed (NoCloud)", "data": "data"}[kind]


def test_the_editions_on_a_windows_disc_are_listed(tmp_path):
    images = [wims.image(edition, name=edition) for edition in ("ServerStandard", "ServerDatacenter")]
    path = udfdiscs.build(tmp_path / "windows.iso", {"sources/install.wim": wims.wim(*images)})
    facts = looks_at(path)[-1].facts
    assert (facts.os.id, facts.os.version, facts.os.edition) == ("windows", "2019", "Standard, Datacenter")
    assert [image["name"] for image in facts.container["images"]] == ["ServerStandard", "ServerDatacenter"]
    assert facts.partitions[0].filesystem == "iso9660"
