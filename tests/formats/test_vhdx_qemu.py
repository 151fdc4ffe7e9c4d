"""Every variant that qemu writes reads as qemu reads it: its hash, and pieces of odd sizes at odd places."""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess

import pytest
import vhdx_writer as w
from tools import needs
from vhdx_writer import MIB, Disk, Log

from imgbuild.formats.vhdx.container import open_vhdx
from imgbuild.source import open_source


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A raw disk of 21 MiB and one sector: noise, text, zeros, in pieces of all sizes."""
    draw = random.Random(21)  # noqa: S311 - data, no secret
    data = b""
    while len(data) < 21 * MIB + 512:
        size = draw.choice((512, 65536, 300000, 1 << 20, 5 << 20))
        data += draw.choice((bytes(size), draw.randbytes(size), b"all work and no play " * (size // 21)))
    path = tmp_path_factory.mktemp("vhdx") / "disk.raw"
    path.write_bytes(data[: 21 * MIB + 512])
    return path


def raw_of(image, folder):
    target = folder / "read-by-qemu.raw"
    subprocess.run(["qemu-img", "convert", "-q", "-f", "vhdx", "-O", "raw", image, target], check=True)
    return target.read_bytes()


def assert_reads_as(truth: bytes, image, problems: list[str]) -> None:
    with open_source(str(image)) as source:
        disk = open_vhdx(source)
        assert (disk.virtual_size, [problem.code for problem in disk.problems]) == (len(truth), problems)
        chunks = (disk.read_at(at, min(3 * MIB, disk.size - at)) for at in range(0, disk.size, 3 * MIB))
        assert hashlib.sha256(b"".join(chunks)).digest() == hashlib.sha256(truth).digest()
        draw = random.Random(7)  # noqa: S311 - cases, no secret
        for _ in range(60):
            start = draw.randrange(disk.size)
            length = min(draw.choice((1, 511, 512, 4097, 70001, 3000007)), disk.size - start)
            assert disk.read_at(start, length) == truth[start : start + length]


def assert_reads_as_qemu_does(image, folder) -> None:
    assert_reads_as(raw_of(image, folder), image, [])


@needs("qemu-img")
@pytest.mark.parametrize("options", ["subformat=dynamic", "subformat=fixed", "block_size=1M", "block_size=2M",
                                     "block_size=256M", "subformat=fixed,block_size=1M", "log_size=4M",
                                     "block_state_zero=off"])
def test_a_converted_disk_reads_as_qemu_reads_it(options, real, tmp_path):
    image = tmp_path / "made.vhdx"
    subprocess.run(["qemu-img", "convert", "-q", "-f", "raw", "-O", "vhdx", "-o", options, real, image], check=True)
    assert_reads_as_qemu_does(image, tmp_path)


@needs("qemu-img")
@pytest.mark.parametrize("size", [512, 1024, MIB - 512, MIB, MIB + 512, 8 * MIB, 8 * MIB + 512])
@pytest.mark.parametrize("options", ["subformat=dynamic", "subformat=fixed,block_size=1M"])
def test_disks_that_end_inside_a_block(size, options, real, tmp_path):
    raw, image = tmp_path / "cut.raw", tmp_path / "made.vhdx"
    raw.write_bytes(real.read_bytes()[-size:])
    subprocess.run(["qemu-img", "convert", "-q", "-f", "raw", "-O", "vhdx", "-o", options, raw, image], check=True)
    assert_reads_as_qemu_does(image, tmp_path)


WRITTEN = [
    ("backwards", "40M", "block_size=1M", ["write -P 3 30M 64k", "write -P 2 5M 3M", "write -P 1 0 512"]),
    ("zeros over data", "40M", "block_size=2M", ["write -P 1 0 9M", "write -z 3M 2M", "write -P 5 4M 512"]),
    ("the last sector only", "40M", "", ["write -P 1 41942528 512"]),
    ("behind the first sector bitmaps", "40G", "block_size=256M", ["write -P 1 3G 2M", "write -P 2 5G 1M",
                                                                  "write -P 3 39G 1M"]),
    ("discarded", "40M", "block_size=1M", ["write -P 1 0 9M", "discard 2M 3M"])]


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize(("_sentence", "size", "options", "commands"), WRITTEN, ids=[case[0] for case in WRITTEN])
def test_a_disk_that_was_written_to_reads_as_qemu_reads_it(_sentence, size, options, commands, tmp_path):
    image = tmp_path / "written.vhdx"
    chosen = ["-o", options] if options else []
    subprocess.run(["qemu-img", "create", "-q", "-f", "vhdx", *chosen, image, size], check=True)
    subprocess.run(["qemu-io", "-f", "vhdx", *(word for command in commands for word in ("-c", command)), image],
                   check=True, capture_output=True)
    if size.endswith("G"):
        assert_same_where_written(image, commands)
    else:
        assert_reads_as_qemu_does(image, tmp_path)


def assert_same_where_written(image, commands) -> None:
    """Ask qemu-io whether the patterns are where we read them, for disks too large to be compared as a whole."""
    with open_source(str(image)) as source:
        disk = open_vhdx(source)
        assert disk.problems == []
        for command in commands:
            _, _, pattern, start, _ = command.split()
            at = int(start[:-1]) << 30
            assert disk.read_at(at - 1, 3) == b"\0" + bytes([int(pattern)]) * 2
            subprocess.run(["qemu-io", "-r", "-f", "vhdx", "-c", f"read -P {pattern} {start} 1M", image], check=True,
                           capture_output=True)


@needs("qemu-img")
def test_qemu_reads_our_crafted_disk_alike(tmp_path):
    states = {0: (w.FULLY_PRESENT, b"A" * MIB), 1: (w.NOT_PRESENT, b""), 2: (w.UNDEFINED, b""), 3: (w.ZERO, b""),
              4: (w.UNMAPPED, b""), 5: (5, b""), 6: (w.FULLY_PRESENT, b"B" * MIB)}
    image = Disk(size=7 * MIB, blocks=states).file().save(tmp_path / "crafted.vhdx")
    assert_reads_as_qemu_does(image, tmp_path)


LOGS = [
    ("one entry", [Log(5, [(w.BAT, (w.BLOCKS | 6).to_bytes(8, "little").ljust(4096, b"\0"))])]),
    ("two entries", [Log(5, [(w.BAT, b"\xff" * 4096)]), Log(6, [(w.BAT, 4096)])]),
    ("no changes", [Log(5)]),
    # QEMU reads no entry whose descriptors take a second sector, as those of 127 do: it fills one buffer twice.
    ("many sectors", [Log(5, [(w.BAT + 4096 * number, bytes(4096)) for number in range(126)])])]


@needs("qemu-img")
@pytest.mark.parametrize(("_sentence", "logs"), LOGS, ids=[case[0] for case in LOGS])
def test_a_dirty_disk_reads_before_as_qemu_reads_it_after_the_repair(_sentence, logs, tmp_path):
    disk = Disk(blocks={0: (w.FULLY_PRESENT, b"A" * MIB)}, log=b"".join(log.encode() for log in logs),
                log_guid=w.LOG_GUID)
    dirty = disk.file().save(tmp_path / "dirty.vhdx")
    refused = subprocess.run(["qemu-img", "info", "-f", "vhdx", dirty], capture_output=True, text=True, check=False)
    assert "contains a log that needs to be replayed" in refused.stderr
    repaired = shutil.copy(dirty, tmp_path / "repaired.vhdx")
    subprocess.run(["qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", repaired], check=True, capture_output=True)
    assert_reads_as(raw_of(repaired, tmp_path), dirty, ["needs-check"])


@needs("qemu-img")
@pytest.mark.parametrize("options", ["subformat=dynamic", "subformat=fixed"])
def test_half_of_a_real_file_is_truncated_for_both(options, real, tmp_path):
    image = tmp_path / "made.vhdx"
    subprocess.run(["qemu-img", "convert", "-q", "-f", "raw", "-O", "vhdx", "-o", options, real, image], check=True)
    with image.open("r+b") as file:
        file.truncate(image.stat().st_size // 2)
    with open_source(str(image)) as source:
        assert [problem.code for problem in open_vhdx(source).problems] == ["truncated"]
    assert subprocess.run(["qemu-img", "info", "-f", "vhdx", image], capture_output=True, check=False).returncode
