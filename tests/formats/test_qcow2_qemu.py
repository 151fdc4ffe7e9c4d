"""Every variant that qemu writes reads as qemu reads it: its hash, and pieces of odd sizes at odd places."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from qcow2_images import Builder, build, codes, dice
from tools import needs

from imgbuild.formats.qcow2.container import open_qcow2
from imgbuild.readers import Memory

MIB = 1 << 20

@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A raw disk of 5 MiB and one sector: noise, text, zeros, in pieces of all sizes."""
    draw = dice(20)
    data = b""
    while len(data) < 5 * MIB + 512:
        size = draw.choice((512, 4096, 65536, 300000, 1 << 20))
        data += draw.choice((bytes(size), draw.randbytes(size), b"all work and no play " * (size // 21)))
    path = tmp_path_factory.mktemp("qcow2") / "disk.raw"
    path.write_bytes(data[: 5 * MIB + 512])
    return path


def convert(raw, folder, *options) -> bytes:
    target = folder / "made.qcow2"
    subprocess.run(["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", *options, raw, target], check=True)
    return target.read_bytes()


def assert_reads_as_qemu_does(image: bytes, folder, extra: set[str] = frozenset()) -> None:
    source, target = folder / "image.qcow2", folder / "image.raw"
    source.write_bytes(image)
    subprocess.run(["qemu-img", "convert", "-q", "-f", "qcow2", "-O", "raw", source, target], check=True)
    opened = open_qcow2(Memory(image))
    assert opened.virtual_size == target.stat().st_size
    assert {problem.code for problem in opened.problems} <= extra
    truth = target.read_bytes()
    chunks = (opened.read_at(at, min(2 * MIB, opened.size - at)) for at in range(0, opened.size, 2 * MIB))
    assert hashlib.sha256(b"".join(chunks)).digest() == hashlib.sha256(truth).digest()
    draw = dice(7)
    for _ in range(60):
        start = draw.randrange(opened.size)
        length = min(draw.choice((1, 511, 512, 4097, 70001, 300007)), opened.size - start)
        assert opened.read_at(start, length) == truth[start : start + length]


NOTES = {"zstd-compression", "extended-l2"}
CONVERTED = [
    ["-o", "compat=0.10"], ["-o", "compat=1.1"], ["-c"], ["-c", "-o", "compat=0.10"],
    ["-c", "-o", "compression_type=zstd"], ["-o", "extended_l2=on"], ["-c", "-o", "extended_l2=on"],
    ["-o", "extended_l2=on,cluster_size=16k"], ["-c", "-o", "extended_l2=on,compression_type=zstd,cluster_size=2M"],
    ["-o", "cluster_size=512"], ["-o", "cluster_size=4k"], ["-o", "cluster_size=2M"],
    ["-c", "-o", "cluster_size=512"], ["-c", "-o", "cluster_size=4k"], ["-c", "-o", "cluster_size=2M"],
    ["-o", "preallocation=metadata"], ["-o", "preallocation=falloc"], ["-o", "preallocation=full"],
    ["-o", "preallocation=metadata,extended_l2=on"], ["-o", "lazy_refcounts=on"], ["-o", "refcount_bits=1"],
    ["-o", "refcount_bits=64"], ["-S", "0"], ["-W", "-m", "16"],
]


@needs("qemu-img")
@pytest.mark.parametrize("options", CONVERTED, ids=" ".join)
def test_a_converted_disk_reads_as_qemu_reads_it(options, real, tmp_path):
    assert_reads_as_qemu_does(convert(real, tmp_path, *options), tmp_path, NOTES)


WRITTEN = [
    ("zero clusters", "", ["write -z 0 128k", "write -z -u 1M 64k", "write -P 7 0 4k"]),
    ("discarded clusters", "", ["write -P 1 0 2M", "discard 64k 256k", "discard 1M 64k"]),
    ("discard of version 2", "compat=0.10", ["write -P 1 0 2M", "discard 64k 256k"]),
    ("written backwards", "", ["write -P 3 1M 64k", "write -P 2 512k 64k", "write -P 1 0 64k", "write -P 9 64k 64k"]),
    ("compressed and written over", "", ["write -c -P 5 0 64k", "write -c -P 6 64k 64k", "write -P 7 70000 9000"]),
    ("compressed by zstd and written over", "compression_type=zstd",
     ["write -c -P 5 0 64k", "write -c -P 6 64k 64k", "write -P 7 70000 9000"]),
    ("single subclusters", "extended_l2=on", ["write -P 5 2k 2k", "write -P 6 32k 4k", "write -P 7 62k 4k"]),
    ("zeroed subclusters", "extended_l2=on", ["write -P 5 0 256k", "write -z 2k 2k", "write -z 60k 10k",
                                              "write -z -u 128k 64k", "discard 200k 8k"]),
    ("subclusters beside compressed clusters", "extended_l2=on", ["write -c -P 5 0 64k", "write -P 6 64k 2k",
                                                                  "write -c -P 7 128k 64k", "write -P 8 130k 1k"]),
    ("the last sector only", "", ["write -P 1 5242368 512"]),
    ("large extended clusters", "extended_l2=on,cluster_size=2M", ["write -P 5 64k 64k", "write -z 3M 1M",
                                                                   "write -P 6 3500k 4k"]),
]


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize(("_sentence", "options", "commands"), WRITTEN, ids=[case[0] for case in WRITTEN])
def test_a_disk_that_was_written_to_reads_as_qemu_reads_it(_sentence, options, commands, tmp_path):
    image = tmp_path / "written.qcow2"
    chosen = ["-o", options] if options else []
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *chosen, image, "5M"], check=True)
    subprocess.run(["qemu-io", "-f", "qcow2", *(word for command in commands for word in ("-c", command)), image],
                   check=True, capture_output=True)
    assert_reads_as_qemu_does(image.read_bytes(), tmp_path, NOTES)


@needs("qemu-img", "qemu-io")
def test_a_disk_with_snapshots_reads_as_its_present_state(tmp_path):
    image = tmp_path / "snapshots.qcow2"
    for command in (["qemu-img", "create", "-q", "-f", "qcow2", image, "3M"],
                    ["qemu-io", "-f", "qcow2", "-c", "write -P 1 0 1M", image],
                    ["qemu-img", "snapshot", "-c", "before", image],
                    ["qemu-io", "-f", "qcow2", "-c", "write -P 2 512k 1M", image]):
        subprocess.run(command, check=True, capture_output=True)
    assert_reads_as_qemu_does(image.read_bytes(), tmp_path, {"snapshots"})


@needs("qemu-img")
@pytest.mark.parametrize("size", [512, 65024, 65536, 66048, 1048064])
@pytest.mark.parametrize("options", [[], ["-c"], ["-o", "extended_l2=on"]], ids=str)
def test_disks_that_end_inside_a_cluster(size, options, real, tmp_path):
    raw = tmp_path / "cut.raw"
    raw.write_bytes(real.read_bytes()[-size:])
    assert_reads_as_qemu_does(convert(raw, tmp_path, *options), tmp_path, NOTES)


@needs("qemu-img")
def test_qemu_reads_our_crafted_images_alike(tmp_path):
    clusters = [("hole", 0, 0), ("standard", 5, 1), ("compressed", 6, 2), ("zeros", 7, 3), ("allocated zeros", 8, 4),
                ("compressed", 9, 5), ("standard", 0xF0F00F0F, 6)]
    for bits, extended, kind in ((9, False, 0), (12, False, 1), (14, True, 0), (16, True, 1)):
        builder = build(Builder(cluster_bits=bits, extended=extended, compression_type=kind), clusters)
        assert_reads_as_qemu_does(builder.image(), tmp_path, NOTES)


@needs("qemu-img")
@pytest.mark.parametrize("options", [[], ["-c"], ["-o", "cluster_size=2M"], ["-o", "extended_l2=on"],
                                     ["-c", "-o", "compression_type=zstd"], ["-o", "cluster_size=512"]], ids=str)
def test_half_of_a_real_file_is_truncated(options, real, tmp_path):
    image = convert(real, tmp_path, *options)
    assert "truncated" not in codes(image)
    for end in (len(image) // 2, len(image) * 9 // 10):
        assert "truncated" in codes(image[:end])
