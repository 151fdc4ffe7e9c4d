"""Headers with any values in their fields: what is opened can be read, or says why not; nothing else comes out."""

from __future__ import annotations

import posixpath
import unicodedata

import pytest
import strategies as our
from hypothesis import given, settings
from hypothesis import strategies as st

from imgbuild import formats, jsontext
from imgbuild.formats.vmdk import descriptor
from imgbuild.guests import fstab, osrelease
from imgbuild.readers import BrokenImage, Memory
from imgbuild.volumes import lvmtext, read_table
from imgbuild.volumes import open_partition as open_part

EXAMPLES = 60
STEP = 4096


def visit(name: str, image: bytes) -> None:
    """Open the image and read both ends of its disk: as much as is asked for, or BrokenImage."""
    try:
        disk = formats.find(name).open(Memory(image))
    except BrokenImage as broken:
        assert broken.problem.message.isprintable()  # noqa: PT017 - either outcome is right
        return
    if disk.readable and disk.virtual_size:
        for at in {0, disk.virtual_size // 2, max(0, disk.virtual_size - STEP)}:
            _read(disk, at, min(STEP, disk.virtual_size - at))
    for problem in disk.problems:
        assert problem.message.isprintable()


def _read(disk, at, length):
    try:
        assert len(disk.read_at(at, length)) == length
    except BrokenImage as broken:
        assert broken.problem.message.isprintable()  # noqa: PT017 - as above


@pytest.mark.parametrize(("name", "images"), [
    ("qcow2", our.qcow2()), ("vdi", our.vdi()), ("vmdk", our.vmdk()), ("vhd", our.vhd()), ("iso", our.iso())],
    ids=lambda value: value if isinstance(value, str) else "")
def test_a_header_of_any_values(name, images):
    @given(images)
    @settings(max_examples=EXAMPLES, deadline=None)
    def inner(image):
        visit(name, image)

    inner()


@given(our.zvhd())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_zvhd_header_of_any_values(image):
    visit("zvhd2" if image.startswith(b"z2") else "zvhd", image)


@given(our.descriptor())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_vmdk_that_is_a_text(text):
    visit("vmdk", text)
    found = descriptor.parse(text)
    assert all(fault.isprintable() for fault in (*found.faults, *found.double))
    assert all(str(value).isprintable() for value in found.facts().values())


@pytest.mark.parametrize("disks", [our.mbr(), our.gpt()], ids=["mbr", "gpt"])
def test_a_partition_table_of_any_values(disks):
    @given(disks)
    @settings(max_examples=EXAMPLES, deadline=None)
    def inner(disk):
        try:
            table = read_table(disk)
        except BrokenImage as broken:
            assert broken.problem.message.isprintable()  # noqa: PT017 - either outcome is right
            return
        for part in table.partitions if table is not None else ():
            assert open_part(disk, part).size <= max(0, disk.size - part.start)
            assert part.start >= 0
        assert all(problem.message.isprintable() for problem in (table.problems if table is not None else ()))
        assert len(disk.reads) < 2000

    inner()


@given(our.os_release())
@settings(max_examples=EXAMPLES, deadline=None)
def test_an_os_release_of_any_lines(text):
    for key, value in osrelease.parse(text).items():
        assert key.isidentifier()
        assert not {unicodedata.category(letter) for letter in value} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert len(value) <= 256


@given(our.fstab())
@settings(max_examples=EXAMPLES, deadline=None)
def test_an_fstab_of_any_lines(text):
    entries = fstab.parse(text)
    assert len(entries) <= 256
    for entry in entries:
        point = entry.mount_point
        assert point is None or (point.startswith("/") and posixpath.normpath(point) == point)
        assert point is None or ".." not in point.split("/")


@given(our.lvm())
@settings(max_examples=EXAMPLES, deadline=None)
def test_an_lvm_text_of_any_words(text):
    try:
        lvmtext.parse(text)
    except BrokenImage as broken:
        assert broken.problem.message.isprintable()  # noqa: PT017 - either outcome is right


@given(our.descriptor() | st.binary(max_size=40), st.integers(0, 70), st.sampled_from(["[", '{"a":', "[[1,"]))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_json_text_with_anything_in_its_depth(data, depth, opening):
    found = jsontext.parse(b'{"a":' + opening.encode() * depth + data)
    assert found.problems
    assert all(problem.message.isprintable() for problem in found.problems)
