"""Chains that qemu makes read as qemu reads them: qcow2 over every format, and VMDK over VMDK."""

from __future__ import annotations

import random
import subprocess

import pytest
from chains import odd_pieces, read
from tools import needs

MIB = 1 << 20


def qemu(folder, program: str, *words: object) -> None:
    subprocess.run([program, *map(str, words)], check=True, capture_output=True, cwd=folder)


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - a seed, so that each run tries the same


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A raw disk of 5 MiB and one sector."""
    path = tmp_path_factory.mktemp("chain") / "base.raw"
    path.write_bytes(noise(1, 2 * MIB) + bytes(MIB) + noise(2, 2 * MIB + 512))
    return path


def assert_reads_as_qemu_does(folder, name: str, form: str) -> None:
    qemu(folder, "qemu-img", "convert", "-q", "-f", form, "-O", "raw", name, "truth")
    truth = (folder / "truth").read_bytes()
    found = read(folder / name, pieces=odd_pieces(len(truth)))
    assert set(found.codes) <= {"external-parts-read", "extended-l2", "zstd-compression", "vhd-size-differs-from-chs"}
    assert found.content == truth


OVER = [("raw", "raw"), ("qcow2", "qcow2"), ("vmdk", "vmdk"), ("vdi", "vdi"), ("vhdx", "vhdx"), ("vpc", "vhd")]


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize(("form", "ending"), OVER)
@pytest.mark.parametrize("options", ["compat=1.1", "compat=0.10", "extended_l2=on", "cluster_size=4k"])
def test_a_qcow2_over_any_format(form, ending, options, raw, tmp_path):
    qemu(tmp_path, "qemu-img", "convert", "-f", "raw", "-O", form, raw, f"base.{ending}")
    qemu(tmp_path, "qemu-img", "create", "-f", "qcow2", "-o", options, "-b", f"base.{ending}", "-F", form, "top.qcow2")
    zeros = [] if "0.10" in options else ["-c", "write -z 256k 70k"]
    qemu(tmp_path, "qemu-io", "-f", "qcow2", "-c", "write -P 7 3k 90k", "-c", "write -c -P 9 1M 64k", *zeros,
         "-c", "write -P 3 5M 512", "top.qcow2")
    assert_reads_as_qemu_does(tmp_path, "top.qcow2", "qcow2")


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize("size", ["4M", "5243392", "9M"])
def test_a_delta_smaller_and_larger_than_its_parent(size, raw, tmp_path):
    (tmp_path / "base.raw").write_bytes(raw.read_bytes())
    qemu(tmp_path, "qemu-img", "create", "-f", "qcow2", "-b", "./base.raw", "-F", "raw", "top.qcow2", size)
    qemu(tmp_path, "qemu-io", "-f", "qcow2", "-c", "write -P 7 3k 90k", "top.qcow2")
    assert_reads_as_qemu_does(tmp_path, "top.qcow2", "qcow2")


@needs("qemu-img", "qemu-io")
def test_four_deltas_one_over_the_other(raw, tmp_path):
    (tmp_path / "disk0").write_bytes(raw.read_bytes())
    for number in range(1, 5):
        below = ("raw" if number == 1 else "qcow2"), f"disk{number - 1}"
        qemu(tmp_path, "qemu-img", "create", "-f", "qcow2", "-b", below[1], "-F", below[0], f"disk{number}")
        qemu(tmp_path, "qemu-io", "-f", "qcow2", "-c", f"write -P {number} {number * 700}k 300k", f"disk{number}")
    assert_reads_as_qemu_does(tmp_path, "disk4", "qcow2")
    assert read(tmp_path / "disk4").messages[0] == (
        "the disk was read over its parents beside the image: 'disk3' (qcow2, 704 KiB), 'disk2' (qcow2, 704 KiB),"
        " 'disk1' (qcow2, 704 KiB), 'disk0' (raw, 5.00 MiB)")


@needs("qemu-img", "qemu-io")
@pytest.mark.parametrize("top", ["monolithicSparse", "twoGbMaxExtentSparse"])
@pytest.mark.parametrize("base", ["monolithicSparse", "streamOptimized", "monolithicFlat", "twoGbMaxExtentSparse"])
def test_a_vmdk_over_a_vmdk(base, top, raw, tmp_path):
    qemu(tmp_path, "qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", f"subformat={base}", raw, "base.vmdk")
    qemu(tmp_path, "qemu-img", "create", "-f", "vmdk", "-o", f"subformat={top}", "-b", "base.vmdk", "-F", "vmdk",
         "middle.vmdk")
    qemu(tmp_path, "qemu-io", "-f", "vmdk", "-c", "write -P 7 3k 90k", "-c", "write -P 8 2M 1k", "middle.vmdk")
    qemu(tmp_path, "qemu-img", "create", "-f", "vmdk", "-o", f"subformat={top},zeroed_grain=on", "-b", "middle.vmdk",
         "-F", "vmdk", "top.vmdk")
    qemu(tmp_path, "qemu-io", "-f", "vmdk", "-c", "write -P 9 64k 64k", "-c", "write -z 4M 128k", "top.vmdk")
    assert_reads_as_qemu_does(tmp_path, "top.vmdk", "vmdk")


@needs("qemu-img", "qemu-io")
def test_a_vmdk_parent_that_was_written_to_since_is_refused_as_qemu_does(raw, tmp_path):
    qemu(tmp_path, "qemu-img", "convert", "-f", "raw", "-O", "vmdk", raw, "base.vmdk")
    qemu(tmp_path, "qemu-img", "create", "-f", "vmdk", "-b", "base.vmdk", "-F", "vmdk", "top.vmdk")
    qemu(tmp_path, "qemu-io", "-f", "vmdk", "-c", "write -P 7 0 1k", "base.vmdk")
    found = read(tmp_path / "top.vmdk")
    assert (found.content, found.codes) == (None, ["backing-file", "parent-mismatch"])
    done = subprocess.run(["qemu-img", "convert", "-f", "vmdk", "-O", "raw", "top.vmdk", "out"], cwd=tmp_path,
                          check=False, capture_output=True)
    assert done.returncode != 0
