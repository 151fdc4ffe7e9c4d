"""Every variant that qemu writes reads as qemu reads it: its hash, and pieces of odd sizes at odd places."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest
from tools import needs
from vmdk_images import Builder, dice, letters, patch, plain, text

from imgbuild.folder import open_folder
from imgbuild.formats import find
from imgbuild.source import open_source

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
EXTERNAL = {"monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"}
SUBFORMATS = ["monolithicSparse", "streamOptimized", *sorted(EXTERNAL)]


@pytest.fixture(scope="module")
def noise():
    """5 MiB and one sector: noise, text, zeros, in pieces of all sizes."""
    draw = dice(20)
    data = b""
    while len(data) < 5 * MIB + 512:
        size = draw.choice((512, 4096, 65536, 300000, 1 << 20))
        data += draw.choice((bytes(size), draw.randbytes(size), b"all work and no play " * (size // 21)))
    return data[: 5 * MIB + 512]


def qemu_img(*words: object) -> None:
    subprocess.run(["qemu-img", *map(str, words)], check=True, capture_output=True)


def qemu_io(path: Path, *commands: str) -> None:
    words = [word for command in commands for word in ("-c", command)]
    subprocess.run(["qemu-io", "-f", "vmdk", *words, path], check=True, capture_output=True)


def convert(raw: bytes, folder: Path, options: str) -> Path:
    source, target = folder / "disk.raw", folder / "made.vmdk"
    source.write_bytes(raw)
    qemu_img("convert", "-q", "-f", "raw", "-O", "vmdk", "-o", options, source, target)
    return target


def assert_reads_as_qemu_does(path: Path, extra: tuple[str, ...] = ()) -> None:
    target = path.with_suffix(".truth")
    qemu_img("convert", "-q", "-f", "vmdk", "-O", "raw", path, target)
    truth = target.read_bytes()
    with open_source(str(path)) as source, open_folder(str(path)) as folder:
        disk = find("vmdk").open_with(source, folder)
        assert tuple(problem.code for problem in disk.problems) == extra
        assert disk.virtual_size == len(truth)
        chunks = (disk.read_at(at, min(2 * MIB, disk.size - at)) for at in range(0, disk.size, 2 * MIB))
        assert hashlib.sha256(b"".join(chunks)).digest() == hashlib.sha256(truth).digest()
        draw = dice(7)
        for _ in range(60):
            start = draw.randrange(disk.size)
            length = min(draw.choice((1, 511, 512, 4097, 70001, 300007)), disk.size - start)
            assert disk.read_at(start, length) == truth[start : start + length]


def notes_of(subformat: str) -> tuple[str, ...]:
    return ("external-parts-read",) if subformat in EXTERNAL else ()


@needs("qemu-img")
@pytest.mark.parametrize("subformat", SUBFORMATS)
@pytest.mark.parametrize("size", [512, 65024, 65536, 66048, 33 * 65536 - 512, 5 * MIB + 512])
def test_a_converted_disk_reads_as_qemu_reads_it(subformat, size, noise, tmp_path):
    path = convert(noise[-size:], tmp_path, f"subformat={subformat}")
    assert_reads_as_qemu_does(path, notes_of(subformat))


@needs("qemu-img")
@pytest.mark.parametrize("options", ["zeroed_grain=on", "compat6=on", "adapter_type=lsilogic", "hwversion=14"])
def test_options_of_a_sparse_disk_change_nothing(options, noise, tmp_path):
    assert_reads_as_qemu_does(convert(noise, tmp_path, f"subformat=monolithicSparse,{options}"))


WRITTEN = [
    ("zeroed grains", "subformat=monolithicSparse,zeroed_grain=on",
     ["write -P 1 0 2M", "write -z 64k 192k", "write -z 1M 64k", "write -P 7 130k 4k"]),
    ("written backwards", "subformat=monolithicSparse",
     ["write -P 3 4M 64k", "write -P 2 2M 64k", "write -P 1 0 64k", "write -P 9 64k 64k"]),
    ("single sectors", "subformat=monolithicSparse",
     ["write -P 3 512 512", "write -P 2 70000k 512", "write -P 9 33M 1k"]),
    ("the last sector only", "subformat=monolithicSparse", ["write -P 1 73399808 512"]),
    ("split, at the end", "subformat=twoGbMaxExtentSparse", ["write -P 1 73399808 512", "write -P 4 1M 1M"]),
    ("flat", "subformat=monolithicFlat", ["write -P 1 73399808 512", "write -P 4 1M 1M"]),
    ("nothing", "subformat=streamOptimized", ["read 0 512"]),
    ("two grains of a stream", "subformat=streamOptimized", ["write -P 5 64k 64k", "write -P 6 0 64k"]),
]


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize(("_sentence", "options", "commands"), WRITTEN, ids=[case[0] for case in WRITTEN])
def test_a_disk_that_was_written_to_reads_as_qemu_reads_it(_sentence, options, commands, tmp_path):
    path = tmp_path / "written.vmdk"
    qemu_img("create", "-q", "-f", "vmdk", "-o", options, path, 73400320)
    qemu_io(path, *commands)
    assert_reads_as_qemu_does(path, notes_of(options.partition("=")[2]))


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize("subformat", ["twoGbMaxExtentSparse", "twoGbMaxExtentFlat"])
def test_a_disk_of_three_parts_reads_as_qemu_reads_it(subformat, tmp_path):
    """Only a few MiB around the seams are looked at: the disk has 4 GiB and a sector."""
    path, truth = tmp_path / "large.vmdk", tmp_path / "truth"
    size = (4 << 30) + 512
    qemu_img("create", "-q", "-f", "vmdk", "-o", f"subformat={subformat}", path, size)
    qemu_io(path, "write -P 1 2147450880 64k", "write -P 2 4294950912 16896", "write -P 3 1M 1000k")
    qemu_img("convert", "-q", "-f", "vmdk", "-O", "raw", path, truth)
    assert len(list(tmp_path.glob("large-*"))) == 3
    with open_source(str(path)) as source, open_folder(str(path)) as folder, truth.open("rb") as expected:
        disk = find("vmdk").open_with(source, folder)
        assert (disk.virtual_size, [problem.code for problem in disk.problems]) == (size, ["external-parts-read"])
        for start in (0, (2 << 30) - MIB, (4 << 30) - MIB, size - 512):
            expected.seek(start)
            length = min(2 * MIB, size - start)
            assert disk.read_at(start, length) == expected.read(length)


@needs("qemu-img")
def test_qemu_reads_our_crafted_disks_alike(tmp_path):
    pattern = "ab.c" * 30 + "....de"
    for builder in (Builder(letters(pattern), entries=16), Builder(letters(pattern + "00f"), entries=512),
                    Builder(letters(pattern), compressed=True, entries=16),
                    Builder(letters(pattern), compressed=True, footer=True, entries=512, capacity=1003),
                    Builder(letters("ab.c", 128), grain_sectors=128, entries=512, redundant=False)):
        path = tmp_path / "crafted.vmdk"
        path.write_bytes(builder.image())
        assert_reads_as_qemu_does(path)
        assert path.with_suffix(".truth").read_bytes() == builder.content


@needs("qemu-img")
def test_a_grain_size_that_is_no_power_of_two_is_read_as_qemu_reads_it(tmp_path):
    path = tmp_path / "odd.vmdk"
    path.write_bytes(Builder(letters("ab.cd.ef", 12), grain_sectors=12).image())
    assert_reads_as_qemu_does(path, ("header-invalid",))


@needs("qemu-img")
@pytest.mark.parametrize("change", [{"version": 4}, {"numGTEsPerGT": 513}, {"grainSize": 0}, {"grainSize": 0x200001},
                                    {"overHead": 1 << 40}, {"gdOffset": (1 << 64) - 1}])
def test_what_qemu_refuses_is_not_read_here(change, tmp_path):
    path = tmp_path / "bad.vmdk"
    path.write_bytes(patch(plain().image(), **change))
    assert subprocess.run(["qemu-img", "info", "-f", "vmdk", path], check=False, capture_output=True).returncode == 1
    with open_source(str(path)) as source:
        assert not find("vmdk").open(source).readable


@needs("qemu-img")
def test_qemu_counts_an_extent_after_an_empty_line_twice(tmp_path):
    """The reason for the fault: it goes when qemu mends its pattern."""
    path = tmp_path / "twice.vmdk"
    (tmp_path / "twice-flat.vmdk").write_bytes(bytes(8 * 512))
    path.write_text(text('\nRW 8 FLAT "twice-flat.vmdk" 0', create_type="monolithicFlat"))
    said = subprocess.run(["qemu-img", "info", "-f", "vmdk", path], check=True, capture_output=True, text=True).stdout
    assert "virtual size: 8 KiB" in said or "virtual size: 4 KiB" in said
