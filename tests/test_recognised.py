"""Disks whose root cannot be read: named for what it is, with no system and no wrong word; and roots in many pieces."""

from __future__ import annotations

import subprocess

import lvm_writer
import pytest
from images import filesystems as fs
from images.disks import LINUX_TYPE, TOOLS, Part, partitioned
from images.tree import DEBIAN_12, linux
from tools import needs

from imgbuild import inspect
from imgbuild.settings import Settings

pytestmark = needs(*TOOLS, "blkid")
MIB = 1 << 20
BLKID = {"luks": "crypto_LUKS", "verity": "DM_verity_hash"}
UNNAMED = {"luks", "swap"}  # other rules speak of them
SETTINGS = Settings(checksums=())
ROOTS = {
    "exfat": (16, "mkfs.exfat", "-n", "Stick"), "f2fs": (64, "mkfs.f2fs", "-q", "-l", "flash"),
    "nilfs2": (160, "mkfs.nilfs2", "-q", "-L", "n"), "reiserfs": (64, "mkfs.reiserfs", "-q", "-ff"),
    "jfs": (32, "mkfs.jfs", "-q", "-L", "j"), "bcache": (16, "make-bcache", "-B"),
    "luks": (32, "cryptsetup", "-q", "luksFormat", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000",
             "--key-file", __file__),
}
FOLDERS = {"squashfs": ("mksquashfs", "tree", "fs", "-quiet", "-no-progress"), "erofs": ("mkfs.erofs", "fs", "tree"),
           "ufs": ("makefs", "-t", "ffs", "-s", "8m", "fs", "tree")}


def on_a_disk(folder, content, mib):
    disk = folder / "disk.raw"
    partitioned(disk, "gpt", mib + 2, [Part(1, 1, mib, LINUX_TYPE, content)])
    return inspect(str(disk), SETTINGS)


def assert_named(facts, path, kind):
    said = subprocess.run(["blkid", "-p", "-o", "export", path], capture_output=True, text=True, check=True).stdout
    about = dict(line.split("=", 1) for line in said.splitlines())
    root = facts.partitions[0]
    assert about["TYPE"] == BLKID.get(kind, kind)
    assert (root.filesystem, root.uuid, root.label) == (kind, about.get("UUID"), about.get("LABEL"))
    assert (facts.os, facts.other_os) == (None, ())
    assert [problem.code for problem in facts.problems] == ([] if kind in UNNAMED else ["filesystem-unreadable"])
    assert {fact.status for fact in facts.guest} <= {"unknown", "not-applicable"}


@needs("mkfs.exfat", "mkfs.f2fs", "mkfs.nilfs2", "mkfs.reiserfs", "mkfs.jfs", "make-bcache", "cryptsetup")
@pytest.mark.parametrize("kind", ROOTS)
def test_a_root_that_no_reader_knows_is_named(tmp_path, kind):
    mib, *command = ROOTS[kind]
    path = fs.sparse(tmp_path / "fs", mib * MIB)
    subprocess.run([*command, path], check=True, capture_output=True)
    assert_named(on_a_disk(tmp_path, path, mib), path, kind)


@needs("mksquashfs", "mkfs.erofs", "makefs")
@pytest.mark.parametrize("kind", FOLDERS)
def test_a_root_that_is_made_of_a_folder_is_named(tmp_path, kind):
    (tmp_path / "tree/etc").mkdir(parents=True)
    (tmp_path / "tree/etc/os-release").write_text("ID=hidden\n")
    subprocess.run(FOLDERS[kind], cwd=tmp_path, check=True, capture_output=True)
    assert_named(on_a_disk(tmp_path, tmp_path / "fs", 12), tmp_path / "fs", kind)


LINEAR = ((0, 15, ("pv0", 0)), (15, 9, ("pv1", 3)))
STRIPED = ((0, 24, ("pv0", 1), ("pv1", 2)),)
EXTENT = lvm_writer.EXTENT
STRIPE = 128 * 512


def pieces(segments, data):
    """Yield the data of a volume, cut up: which physical volume, where in it, and what is there."""
    for start, count, *stripes in segments:
        width = STRIPE if len(stripes) > 1 else count * EXTENT
        part = data[start * EXTENT : (start + count) * EXTENT]
        for number, place in enumerate(range(0, len(part), width)):
            pv, first = stripes[number % len(stripes)]
            within = MIB + first * EXTENT + number // len(stripes) * width
            yield pv, within, part[place : place + width]


def two_physical_volumes(folder, volumes, data=b"", segments=()):
    """Return a disk of two partitions that make up one group."""
    text = lvm_writer.group(volumes, pvs=lvm_writer.PVS)
    parts = []
    for number, name in enumerate(("pv0", "pv1")):
        path = lvm_writer.physical_volume(text, lvm_writer.PVS[number]).save(folder / name)
        with path.open("r+b") as file:
            for pv, within, piece in pieces(segments, data):
                if pv == name:
                    file.seek(within)
                    file.write(piece)
        parts.append(Part(number + 1, 1 + 64 * number, 64, "8e", path))
    disk = folder / "disk.raw"
    partitioned(disk, "dos", 130, parts)
    return inspect(str(disk), SETTINGS)


@pytest.mark.parametrize("segments", [LINEAR, STRIPED])
def test_a_root_over_two_partitions(tmp_path, segments):
    root = fs.ext(tmp_path / "root", 96, linux(DEBIAN_12, "/dev/vg0/root / ext4 defaults 0 1\n"))
    written = (lvm_writer.striped(start, count, *stripes) for start, count, *stripes in segments)
    facts = two_physical_volumes(tmp_path, lvm_writer.volume("root", *written), root.read_bytes(), segments)
    assert [part.filesystem for part in facts.partitions] == ["lvm2", "lvm2"]
    assert [(entry.kind, entry.name, entry.filesystem, entry.mount) for entry in facts.volumes] == [
        ("lvm", "vg0/root", "ext4", "/")]
    assert facts.os.id == "debian"
    assert facts.problems == ()


THIN = """start_extent = 0
extent_count = 4

type = "thin"
thin_pool = "pool"
transaction_id = 0
device_id = 1"""
POOL = """start_extent = 0
extent_count = 4

type = "thin-pool"
metadata = "pool_tmeta"
pool = "pool_tdata"
transaction_id = 1
chunk_size = 128"""


def test_a_thin_root_is_named_and_what_is_beside_it_is_read(tmp_path):
    swap = fs.sparse(tmp_path / "swap", 4 * MIB)
    subprocess.run(["mkswap", swap], check=True, capture_output=True)
    hidden = '"READ", "WRITE"'
    volumes = "\n".join((
        lvm_writer.volume("root", THIN), lvm_writer.volume("pool", POOL),
        lvm_writer.volume("pool_tmeta", lvm_writer.striped(0, 1, ("pv0", 1)), status=hidden),
        lvm_writer.volume("pool_tdata", lvm_writer.striped(0, 4, ("pv0", 2)), status=hidden),
        lvm_writer.volume("swap", lvm_writer.striped(0, 1, ("pv1", 0)))))
    facts = two_physical_volumes(tmp_path, volumes, swap.read_bytes(), ((0, 1, ("pv1", 0)),))
    assert [(entry.name, entry.filesystem) for entry in facts.volumes] == [
        ("vg0/root", None), ("vg0/pool", None), ("vg0/swap", "swap")]
    assert facts.os is None
    assert [problem.code for problem in facts.problems] == ["lvm-unsupported-segment"] * 2
    assert "'vg0/root' is of type 'thin'" in facts.problems[0].message
    assert {fact.status for fact in facts.guest} <= {"unknown", "not-applicable"}
