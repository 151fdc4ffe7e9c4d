"""Whole initramfs archives: what is seen in them, how far they are read, what bounds there are."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import archives
from images.tree import cpio
from tools import needs

from imgbuild.guests.initramfs import Budget, scan

RELEASE = "6.1.0-18-amd64"
VIRTIO = {"virtio", "virtio_pci", "virtio_blk"}
FILES = {
    "bin/sh": b"x", "conf/initramfs.conf": b"MODULES=most\n", "etc/udev/rules.d/70-persistent-net.rules": b"SUBSYSTEM",
    "etc/udev/rules.d/75-persistent-net-generator.rules": b"x", "etc/udev/rules.d/71-persistent-net.rules": b"",
    **archives.modules("drivers/block/virtio_blk", "drivers/virtio/virtio", "drivers/virtio/virtio_pci"),
    "usr/lib/udev/rules.d/60-persistent-storage.rules": b"",
}


class Watched:
    """The bytes of an archive, and how far they were read."""

    def __init__(self, data):
        self.data = data
        self.size = len(data)
        self.end = 0

    def read(self, offset, length):
        self.end = max(self.end, min(offset + length, self.size))
        return self.data[offset : offset + length]


def look(data, wanted=VIRTIO, budget=None, release=RELEASE):
    archive = Watched(data)
    return scan(archive.read, archive.size, wanted, budget or Budget(), release=release)


@needs(*archives.TOOLS)
@pytest.mark.parametrize("method", archives.PACKERS)
def test_each_compression(method):
    seen = look(archives.pack(method, FILES), VIRTIO | {"ata_piix"})
    assert (seen.complete, seen.trouble) == (True, None)
    assert seen.modules_for(RELEASE) == VIRTIO
    assert (seen.builder, seen.host_only, seen.net_rules) == (
        "initramfs-tools", False, ["etc/udev/rules.d/70-persistent-net.rules"])


@needs(*archives.TOOLS)
@pytest.mark.parametrize("method", archives.PACKERS)
def test_microcode_in_front(method):
    early = cpio({"kernel/x86/microcode/AuthenticAMD.bin": bytes(range(256)) * 40})
    late = archives.pack("gzip", archives.modules("drivers/ata/ata-piix"))
    seen = look(early + bytes(512 - len(early) % 512) + archives.pack(method, FILES) + bytes(1024) + late,
                VIRTIO | {"ata_piix"})
    assert seen.modules_for(RELEASE) == VIRTIO | {"ata_piix"}


@needs("gzip", "cpio")
def test_the_same_names_as_cpio_lists(tmp_path):
    (tmp_path / "a").write_bytes(cpio(FILES))
    listed = subprocess.run(["cpio", "-t", "--quiet", "-F", tmp_path / "a"], capture_output=True, check=True, text=True)
    modules = {name.rpartition("/")[2].removesuffix(".ko") for name in listed.stdout.split() if name.endswith(".ko")}
    assert look(archives.pack("gzip", FILES)).modules_for(RELEASE) == modules


@pytest.mark.parametrize("suffix", ["", ".xz", ".zst", ".gz"])
@pytest.mark.parametrize("name", ["virtio_net", "virtio-net"])
def test_module_names(name, suffix):
    data = cpio(archives.modules(f"drivers/net/{name}", suffix=".ko" + suffix))
    seen = look(data, {"virtio_net"})
    assert seen.modules_for(RELEASE) == {"virtio_net"}


def test_what_is_packed_behind_the_modules_is_seen_where_the_end_is_near():
    rule = "usr/lib/udev/rules.d/70-persistent-net.rules"
    assert look(cpio({**FILES, rule: b"x"})).net_rules == [*look(cpio(FILES)).net_rules, rule]
    behind = cpio(FILES) + b"no archive"
    assert look(behind, VIRTIO).trouble is None
    assert look(behind, VIRTIO | {"nvme"}).trouble is not None


def test_reading_stops_when_all_modules_were_seen():
    data = cpio({**FILES, **{f"usr/share/{number}": bytes(100_000) for number in range(50)}})
    archive = Watched(data)
    seen = scan(archive.read, archive.size, VIRTIO, Budget(), release=RELEASE)
    assert (seen.complete, archive.end < archive.size / 2) == (False, True)
    archive = Watched(data)
    assert scan(archive.read, archive.size, VIRTIO | {"nvme"}, Budget(), release=RELEASE).complete
    assert archive.end == archive.size


def test_modules_of_another_kernel_are_no_modules_of_this_one():
    both = archives.modules("drivers/virtio/virtio", release="5.10.0") | archives.modules("drivers/ata/ata_piix")
    assert look(cpio(both), {"virtio"}).modules_for(RELEASE) == {"ata_piix"}
    assert look(cpio(both), {"nvme"}, release="5.4").modules_for("5.4") == {"virtio", "ata_piix"}


def test_modules_of_old_archives_lie_beside_the_programs():
    seen = look(cpio({"init": b"#!/bin/nash", "lib/virtio_blk.ko": b""}), {"nvme"})
    assert seen.modules_for("2.6.18") == {"virtio_blk"}


@pytest.mark.parametrize(("files", "builder", "host_only"), [
    (["usr/lib/dracut/build-parameter.txt"], "dracut", False),
    (["lib/dracut/hostonly-files"], "dracut", True),
    (["usr/lib/dracut/hostonly-kernel-modules.txt"], "dracut", True),
    (["usr/lib/dracut/loaded-kernel-modules.txt"], "dracut", True),
    (["buildconfig", "usr/lib/initcpio/init"], "mkinitcpio", False),
    (["scripts/functions"], "initramfs-tools", False),
    (["init"], None, False),
])
def test_who_packed_it(files, builder, host_only):
    seen = look(cpio(dict.fromkeys(files, b"")))
    assert (seen.builder, seen.host_only) == (builder, host_only)


def test_what_is_inside_another_image_is_named():
    assert look(cpio({"squashfs-root.img": b"hsqs"})).nested == "squashfs-root.img"


@needs("gzip", "bzip2", "xz", "zstd", "lz4")
@pytest.mark.parametrize("method", ["gzip", "bzip2", "xz", "zstd", "lz4", "lz4 legacy", "lzma"])
def test_a_bomb(method):
    seen = look(archives.pack(method, {"a": bytes(40 << 20)}))
    assert (seen.complete, seen.trouble) == (False, "it unpacks to more than 64 times its size")


@pytest.mark.parametrize(("budget", "trouble"), [
    (Budget(packed=1000), "it is larger than the 1000 bytes that are read of initramfs files"),
    (Budget(members=2), "there are more files in it than are looked at"),
    (Budget(unpacked=5000), "there is more in it than is unpacked of initramfs files"),
    (Budget(slow=5000), "there is more in it than is unpacked of initramfs files"),
])
@needs("bzip2")
def test_budgets(budget, trouble):
    seen = look(archives.pack("bzip2", {**FILES, "x": bytes(range(256)) * 400}), {"nvme"}, budget)
    assert (seen.complete, seen.trouble) == (False, trouble)


@pytest.mark.parametrize(("data", "trouble"), [
    (b"\x89PNG\r\n\x1a\n", "what begins with the bytes 89 50 4e 47 0d 0a 1a 0a is no archive that is known"),
    (b"07070", "what begins with the bytes 30 37 30 37 30 is no archive that is known"),
    (cpio(FILES)[:400], "it ends in the middle"),
    (b"\x1f\x8b", "its gzip data ends in the middle"),
])
def test_damage(data, trouble):
    assert look(data).trouble == trouble


def test_an_empty_archive():
    assert look(bytes(4096)).complete


@given(st.data())
def test_mutants_never_crash(data):
    whole = SEEDS[data.draw(st.sampled_from(sorted(SEEDS)))]
    mutant = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(mutant) - 1))
        mutant[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(mutant)))
    seen = look(bytes(mutant[:cut]), {"nvme"})
    assert seen.complete is (seen.trouble is None)


def _seeds():
    packed = {}
    for method in archives.PACKERS:
        try:
            packed[method] = archives.pack(method, FILES)
        except FileNotFoundError:  # the test of each compression says what to install
            continue
    return packed


SEEDS = _seeds()
