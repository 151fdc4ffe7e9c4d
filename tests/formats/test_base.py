"""What the formats share: the probe, the container that cannot be read, and readers that are imported when needed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from imgbuild.formats import FORMATS
from imgbuild.formats.base import Container, Probe
from imgbuild.readers import BrokenImage, Memory

ROOT = Path(__file__).parents[2]
OPENED = [row for row in FORMATS if row.open is not None]


def test_a_probe_gives_what_there_is():
    probe = Probe(5, b"hello", b"hello")
    assert (probe.at(1, 2), probe.at(4, 9), probe.at(9, 1)) == (b"el", b"o", b"")
    assert (probe.from_end(2, 2), probe.from_end(5, 1), probe.from_end(6, 1)) == (b"lo", b"h", b"")


def test_a_container_has_no_content_of_its_own():
    container = Container("qcow2", 512)
    assert (container.size, container.header, container.problems, container.readable) == (512, {}, [], True)
    with pytest.raises(BrokenImage, match=r"the content of this qcow2 file cannot be read \(2 bytes at 1 were asked"):
        container.read_at(1, 2)


def test_two_containers_share_nothing():
    Container("raw", None).problems.append(None)
    assert Container("raw", None).problems == []


@pytest.mark.parametrize("row", OPENED, ids=lambda row: row.name)
def test_every_reader_is_where_its_row_says(row):
    with suppress(BrokenImage):
        assert row.open(Memory(b"")).format == row.name
    if row.open_with:
        with suppress(BrokenImage):
            assert row.open_with(Memory(b""), None).format == row.name


SAMPLES = {"debian-12-tiny.qcow2": "qcow2", "data-disk.vhd": "vhd", "zvhd/sparse.zvhd": "zvhd",
           "zvhd/sparse-zlib.zvhd2": "zvhd2", "debian-12.11-netinst-tiny.iso": "iso"}


@pytest.mark.parametrize(("sample", "name"), SAMPLES.items())
def test_only_the_reader_of_the_files_own_format_is_imported(sample, name):
    code = ("import sys\nfrom imgbuild.inspection import look\nfrom imgbuild.source import open_source\n"
            f"look(open_source('samples/{sample}'), None, lambda facts: None)\nprint(*sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {module for module in done.stdout.split() if module.startswith("imgbuild.formats.")}
    assert {module for module in loaded if module.endswith(".container")} == {f"imgbuild.formats.{name}.container"}
