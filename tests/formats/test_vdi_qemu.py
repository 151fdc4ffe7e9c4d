"""Every variant that qemu writes reads as qemu reads it: its hash, and pieces of odd sizes at odd places."""

from __future__ import annotations

import hashlib
import random
import subprocess

import pytest
from tools import needs
from vdi_images import BLOCK, opened, patch, vdi

MIB = 1 << 20


def qemu(program: str, *words: object) -> None:
    subprocess.run([program, *map(str, words)], check=True, capture_output=True)


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a seed, so that each run tries the same


def assert_reads_as_qemu_does(path) -> None:
    target = path.with_suffix(".truth")
    qemu("qemu-img", "convert", "-q", "-f", "vdi", "-O", "raw", path, target)
    truth = target.read_bytes()
    disk = opened(path.read_bytes())
    assert (disk.problems, disk.virtual_size) == ([], len(truth))
    chunks = (disk.read_at(at, min(2 * MIB, disk.size - at)) for at in range(0, disk.size, 2 * MIB))
    assert hashlib.sha256(b"".join(chunks)).digest() == hashlib.sha256(truth).digest()
    draw = dice(7)
    for _ in range(60):
        start = draw.randrange(disk.size)
        length = min(draw.choice((1, 511, 512, 4097, 70001, 1300007)), disk.size - start)
        assert disk.read_at(start, length) == truth[start : start + length]


@needs("qemu-img")
@pytest.mark.parametrize("options", ["static=off", "static=on"])
@pytest.mark.parametrize("size", [512, MIB - 512, MIB, MIB + 512, 7 * MIB + 1536])
def test_a_converted_disk_reads_as_qemu_reads_it(options, size, tmp_path):
    draw = dice(3)
    data = b"".join(draw.choice((bytes(300_000), draw.randbytes(300_000))) for _ in range(26))
    (tmp_path / "disk.raw").write_bytes(data[:size])
    path = tmp_path / "made.vdi"
    qemu("qemu-img", "convert", "-q", "-f", "raw", "-O", "vdi", "-o", options, tmp_path / "disk.raw", path)
    assert_reads_as_qemu_does(path)


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize("options", ["static=off", "static=on"])
@pytest.mark.parametrize("commands", [
    ["read 0 512"], ["write -P 3 5M 64k", "write -P 2 3M 2M", "write -P 1 0 512"], ["write -P 1 8389120 512"],
    ["write -P 1 0 8M", "discard 1M 3M", "write -z 5M 64k"]], ids="; ".join)
def test_a_disk_that_was_written_to_reads_as_qemu_reads_it(options, commands, tmp_path):
    path = tmp_path / "written.vdi"
    qemu("qemu-img", "create", "-q", "-f", "vdi", "-o", options, path, 8 * MIB + 1024)
    qemu("qemu-io", "-f", "vdi", *(word for command in commands for word in ("-c", command)), path)
    assert_reads_as_qemu_does(path)


@needs("qemu-img")
@pytest.mark.parametrize("pattern", ["ba.c-d", "......", "gfedcba", "-a"])
def test_qemu_reads_our_crafted_disks_alike(pattern, tmp_path):
    path = tmp_path / "crafted.vdi"
    path.write_bytes(vdi(pattern, block_size=BLOCK, size=len(pattern) * BLOCK - 700))
    assert_reads_as_qemu_does(path)


@needs("qemu-img")
@pytest.mark.parametrize("change", [
    {"version": 0x10002}, {"sector_size": 4096}, {"offset_bmap": 513}, {"offset_data": 1023}, {"uuid_link": b"\1" * 16},
    {"uuid_parent": b"\1" * 16}, {"blocks_in_image": 3}, {"block_size": 0}], ids=str)
def test_what_qemu_refuses_is_not_read_here(change, tmp_path):
    path = tmp_path / "bad.vdi"
    path.write_bytes(patch(vdi("ab.c", block_size=BLOCK), **change))
    assert subprocess.run(["qemu-img", "info", "-f", "vdi", path], check=False, capture_output=True).returncode == 1
    assert not opened(path.read_bytes()).readable
