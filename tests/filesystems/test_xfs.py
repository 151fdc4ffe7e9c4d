from __future__ import annotations

import os
import random
import stat
import struct
from typing import TYPE_CHECKING, Any

import pyfsxfs
import pytest
from images.filesystems import prototype_of
from images.run import run
from mutating import visit_mutants
from pace import ENDLESS, Clock
from tools import needs
from walking import differences, plant_sample

from imgbuild.filesystems import identify
from imgbuild.filesystems.base import Stat
from imgbuild.filesystems.xfs import extents, open_xfs
from imgbuild.readers import BrokenImage, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imgbuild.filesystems.xfs import XfsFileSystem

pytestmark = needs("mkfs.xfs", "xfs_db")
MIB = 1 << 20
UNWRITABLE = ("with space", "new\nline")  # a prototype file has no way to say them


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = plant_sample(tmp_path_factory.mktemp("tree") / "root")
    for name in UNWRITABLE:
        (folder / "etc" / name).unlink()
    return folder


def make(path: Path, tree: Path, *options: str, mib: int = 48) -> Path:
    prototype = path.with_suffix(".proto")
    prototype.write_text("/dev/null\n0 0\nd--755 0 0\n" + "".join(prototype_of(tree)) + "$\n")
    with path.open("wb") as file:
        file.truncate(mib * MIB)
    run("mkfs.xfs", "-q", "-f", *options, "-p", prototype, path)
    return path


def opened(path: Path) -> XfsFileSystem:
    return open_xfs(Memory(path.read_bytes()))


@pytest.mark.parametrize("options", [
    "", "-m bigtime=0", "-i nrext64=1", "-m rmapbt=1", "-b size=1024", "-b size=2048", "-n size=8192", "-n size=65536",
    "-s size=4096", "-i size=1024", "-m reflink=0", "-m finobt=0", "-i sparse=0", "-m crc=0", "-m crc=0 -n ftype=0",
    "-i size=2048",
])
def test_all_that_was_put_in_comes_out(tmp_path: Path, tree: Path, options: str) -> None:
    assert differences(opened(make(tmp_path / "fs", tree, *options.split())), tree) == []


@pytest.mark.parametrize("count", [1, 20, 100, 250, 1000, 3000])
def test_folders_of_all_forms(tmp_path: Path, count: int) -> None:
    root = tmp_path / "root"
    (root / "d").mkdir(parents=True)
    for number in range(count):
        (root / f"d/file-number-{number}").touch()
    filesystem = opened(make(tmp_path / "fs", root, "-b", "size=1024"))
    assert filesystem.listdir("/d") == sorted(f"file-number-{number}" for number in range(count))
    assert filesystem.stat(f"/d/file-number-{count - 1}") == Stat("file", 0, 0o100644)
    assert filesystem.stat(f"/d/file-number-{count}") is None


def test_names_that_are_not_utf_8_do_not_hide_the_others(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    for name in (b"cafE", b"fstab", b"zzz"):
        (root / "etc" / os.fsdecode(name)).write_bytes(name)
    data = make(tmp_path / "fs", root, "-m", "crc=0").read_bytes().replace(b"cafE", b"caf\xe9")
    filesystem = open_xfs(Memory(data))
    assert filesystem.listdir("/etc") == ["fstab", "zzz"]
    assert (filesystem.read("/etc/fstab", 9), filesystem.read("/etc/zzz", 9)) == (b"fstab", b"zzz")
    assert filesystem.stat("/etc/missing") is None


def test_what_is_there_and_what_is_not(tmp_path: Path, tree: Path) -> None:
    filesystem = opened(make(tmp_path / "fs", tree))
    assert filesystem.stat("/") == Stat("directory", 0, 0o40755)
    assert filesystem.stat("/boot/file-60") == Stat("file", 60, 0o100644)
    for path in ("/nope", "/nope/x", "/etc/os-release/x", "/boot/file-60/x", "/etc/Upper"):
        assert filesystem.stat(path) is None
    whole = (tree / "boot/file-300001").read_bytes()
    for offset, limit in ((0, 1), (0, 10**9), (299_999, 10), (300_001, 10), (10**12, 10), (4095, 4098)):
        assert filesystem.read("/boot/file-300001", limit, offset) == whole[offset : offset + limit]


def test_xfs_db_knows_the_same_label_and_identifier(tmp_path: Path, tree: Path) -> None:
    path = make(tmp_path / "fs", tree, "-L", "my-label")
    found = identify(Memory(path.read_bytes()))
    assert found is not None
    assert found.label == run("xfs_db", "-r", "-c", "label", path).split('"')[1]
    assert found.uuid == run("xfs_db", "-r", "-c", "uuid", path).split("= ")[1].strip()
    assert found.size == 48 * MIB


def test_a_cut_file_system_is_read_as_far_as_it_goes(tmp_path: Path, tree: Path) -> None:
    path = make(tmp_path / "fs", tree, "-d", "agcount=4", mib=64)
    os.truncate(path, 40 * MIB)
    assert opened(path).read("/usr/lib/os-release", 99) == b"ID=debian\n"
    os.truncate(path, 100 * 1024)
    with pytest.raises(BrokenImage) as raised:
        differences(opened(path), tree)
    assert raised.value.problem.code == "truncated"


@pytest.mark.parametrize(("offset", "form", "value", "code"), [
    (88, ">I", 65537, "filesystem-beyond-limits"), (88, ">I", 0xFFFFFFFF, "filesystem-beyond-limits"),
    (88, ">I", 0, "filesystem-damaged"),
    (84, ">I", 0, "filesystem-damaged"), (4, ">I", 0, "filesystem-damaged"), (102, ">H", 0, "filesystem-damaged"),
    (0, ">I", 0, "filesystem-damaged"), (100, ">H", 0, "filesystem-damaged"), (56, ">Q", 1 << 60, "filesystem-damaged"),
])
def test_superblocks_that_make_no_sense(tmp_path: Path, tree: Path, offset: int, form: str, value: int,
                                        code: str) -> None:
    data = bytearray(make(tmp_path / "fs", tree).read_bytes())
    struct.pack_into(form, data, offset, value)
    with pytest.raises(BrokenImage) as raised:
        open_xfs(Memory(bytes(data))).listdir("/")
    assert raised.value.problem.code == code


def test_another_identifier_does_not_hide_the_files(tmp_path: Path, tree: Path) -> None:
    path = make(tmp_path / "fs", tree)
    run("xfs_db", "-x", "-c", "uuid 11111111-2222-4333-8444-555555555555", path)
    reader = Memory(path.read_bytes())
    found = identify(reader)
    assert found is not None
    assert found.uuid == "11111111-2222-4333-8444-555555555555"
    assert reader.read_at(216, 4)[3] & 4
    assert differences(open_xfs(reader), tree) == []


@pytest.mark.parametrize("bit", [0x10, 0x40, 0x80, 0x100])
def test_features_that_change_nothing_for_a_reader(tmp_path: Path, tree: Path, bit: int) -> None:
    data = bytearray(make(tmp_path / "fs", tree).read_bytes())
    struct.pack_into(">I", data, 216, struct.unpack_from(">I", data, 216)[0] | bit)
    assert differences(open_xfs(Memory(bytes(data))), tree) == []


@pytest.mark.parametrize("place", [208, 212])  # sb_features_compat, sb_features_ro_compat
def test_unknown_features_that_do_not_forbid_reading_are_ignored(tmp_path: Path, tree: Path, place: int) -> None:
    data = bytearray(make(tmp_path / "fs", tree).read_bytes())
    struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] | 0x80000000)
    assert differences(open_xfs(Memory(bytes(data))), tree) == []


def test_features_that_change_how_files_are_read_are_refused(tmp_path: Path, tree: Path) -> None:
    data = bytearray(make(tmp_path / "fs", tree).read_bytes())
    struct.pack_into(">I", data, 216, 0x3 | 0x200 | 0x40000000)
    with pytest.raises(BrokenImage) as raised:
        open_xfs(Memory(bytes(data)))
    assert (raised.value.problem.code, raised.value.problem.message) == (
        "filesystem-feature-unknown", "the XFS file system uses features that cannot be read: zoned, 0x40000000")


LINKS = (335, 336, 337, 967, 968, 969, 1023)


def target(length: int) -> str:
    return "".join(f"/{place % 10}" for place in range(length))[:length]


def make_links(path: Path, *options: str) -> tuple[Path, Path]:
    root = path / "root"
    root.mkdir()
    for length in LINKS:
        (root / f"link-{length}").symlink_to(target(length))
    return make(path / "fs", root, *options), root


def place_of(filesystem: XfsFileSystem, path: str) -> int:
    """Return the byte where the inode of a path begins."""
    inode, known = filesystem._find(tuple(path[1:].encode().split(b"/"))), filesystem._superblock
    assert inode is not None
    return known.place(inode.number >> known.inode_bits) + (inode.number & (1 << known.inode_bits) - 1) * known.inode


def test_long_targets_of_links(tmp_path: Path) -> None:
    path, root = make_links(tmp_path, "-m", "crc=0")
    assert differences(opened(path), root) == []


@pytest.mark.parametrize(("block", "step"), [(1024, 9), (1024, 1), (4096, 1)])
def test_long_targets_of_links_in_extents_with_heads(tmp_path: Path, block: int, step: int) -> None:
    """mkfs.xfs of xfsprogs 6.1 writes no heads, and then Linux refuses the link; here they are put in.

    Linux writes one for each extent, not for each block: xfs_symlink_write_target.
    """
    data = bytearray(make_links(tmp_path, "-b", f"size={block}")[0].read_bytes())
    filesystem, free = open_xfs(Memory(bytes(data))), 2000  # blocks of the first group that nothing uses
    for length in LINKS[2:]:
        said, count = target(length).encode(), -(-length // (block - 56))
        place = place_of(filesystem, f"/link-{length}")
        owner, extent, sizes = data[place + 152 : place + 160], place + 176, [
            min(step, count - first) for first in range(0, count, step)]
        struct.pack_into(">I", data, place + 76, len(sizes))
        first = done = 0
        for number, blocks in enumerate(sizes):
            start, piece = free * block, said[done : done + blocks * block - 56]
            assert not any(data[start : start + blocks * block])
            at = extent + 16 * number
            data[at : at + 16] = (first << 73 | free << 21 | blocks).to_bytes(16, "big")
            head = b"XSLM" + struct.pack(">II", done, len(piece)) + bytes(20) + owner + bytes(16)
            data[start : start + len(head + piece)] = head + piece
            done, first, free = done + len(piece), first + blocks, free + blocks + 1
    filesystem = open_xfs(Memory(bytes(data)))
    assert [filesystem.readlink(f"/link-{length}") for length in LINKS] == [target(length) for length in LINKS]
    filesystem = open_xfs(Memory(bytes(data.replace(b"XSLM", b"XSLN"))))
    assert filesystem.readlink("/link-336") == target(336)
    with pytest.raises(BrokenImage, match=r"^the target of the link at the inode \d+ is not there$"):
        filesystem.readlink("/link-1023")


SCATTERED = "/boot/file-300001"
ENDS = (1 << 64) - 1


def scatter(data: bytearray, levels: int) -> int:
    """Put the extents of a file, one for each block, into a tree of so many levels; return the number of the inode.

    Its blocks take the last ones of the first group, which are free.
    """
    filesystem = open_xfs(Memory(bytes(data)))
    inode, known = filesystem._find(tuple(SCATTERED[1:].encode().split(b"/"))), filesystem._superblock
    assert inode is not None
    place = place_of(filesystem, SCATTERED)
    (run,) = extents._runs(inode.data[:16])
    assert run.block is not None
    records = [number << 9 << 64 | run.block + number << 21 | 1 for number in range(run.length)]
    raw = b"".join(record.to_bytes(16, "big") for record in records)
    head = {4: b"BMAP", 5: b"BMA3"}[known.version], {4: 24, 5: 72}[known.version]
    entries, free = [(0, raw)], known.group_blocks - 1
    for level in range(levels):
        room = (known.block - head[1]) // 16
        step = min(room, 20)  # nodes need not be full
        pieces = [entries[0][1][start : start + 16 * step] for start in range(0, len(raw), 16 * step)] \
            if level == 0 else [_node(entries[start : start + step], room) for start in range(0, len(entries), step)]
        firsts = [number * step for number in range(len(pieces))] if level == 0 else [
            entries[start][0] for start in range(0, len(entries), step)]
        counts = [min(step, len(records) - first) for first in firsts] if level == 0 else [
            len(entries[start : start + step]) for start in range(0, len(entries), step)]
        entries = []
        for first, piece, count in zip(firsts, pieces, counts, strict=True):
            block = head[0] + struct.pack(">HHQQ32xQ", level, count, *2 * (ENDS,), inode.number)[: head[1] - 4]
            data[free * known.block : (free + 1) * known.block] = (block.ljust(head[1], b"\0") + piece).ljust(
                known.block, b"\0")
            entries.append((first, free.to_bytes(8, "big")))
            free -= 1
    fork = place + {4: 100, 5: 176}[known.version]
    root = struct.pack(">HH", levels, len(entries)) + _node(entries, (len(inode.data) - 4) // 16)
    data[fork : fork + len(root)] = root
    data[place + 5] = 3
    struct.pack_into(">I", data, place + 76, len(records))
    return inode.number


def _node(entries: list[tuple[int, bytes]], room: int) -> bytes:
    """Return keys, and behind the room for all of them the blocks."""
    keys = b"".join(first.to_bytes(8, "big") for first, _ in entries)
    return keys.ljust(8 * room, b"\0") + b"".join(block for _, block in entries)


@pytest.mark.parametrize(("options", "levels"), [("-b size=1024", 2), ("-m crc=0 -b size=1024", 2), ("", 1)])
def test_extents_in_a_tree(tmp_path: Path, tree: Path, options: str, levels: int) -> None:
    path = make(tmp_path / "fs", tree, *options.split())
    data = bytearray(path.read_bytes())
    number = scatter(data, levels)
    path.write_bytes(data)
    assert differences(opened(path), tree) == []
    seen = run("xfs_db", "-r", "-c", f"inode {number}", "-c", "bmap", path).count("startblock")
    assert seen == (300_001 // (1024 if "1024" in options else 4096)) + 1
    filesystem, whole = opened(path), (tree / SCATTERED[1:]).read_bytes()
    for offset, limit in ((0, 1), (1023, 2), (20 * 1024 - 1, 2), (150_000, 50_000), (300_000, 9)):
        assert filesystem.read(SCATTERED, limit, offset) == whole[offset : offset + limit]


def test_a_tree_whose_branches_all_lead_to_one_node(tmp_path: Path, tree: Path) -> None:
    """Without a look at the keys, 16384 nodes are read for a block, and a directory of 64 MiB has 16384 of those."""
    data = bytearray(make(tmp_path / "fs", tree, "-b", "size=1024").read_bytes())
    filesystem = open_xfs(Memory(bytes(data)))
    known, free = filesystem._superblock, filesystem._superblock.group_blocks - 9
    for path in ("/many", SCATTERED):
        inode, place = filesystem._find(tuple(path[1:].encode().split(b"/"))), place_of(filesystem, path)
        assert inode is not None
        room, count = (known.block - 72) // 16, (len(inode.data) - 4) // 16
        for level in range(7):
            node = struct.pack(">4sHHQQ32xQ8x", b"BMA3", level, room if level else 0, ENDS, ENDS, inode.number)
            keys, below = struct.pack(f">{room}Q", *range(room)), struct.pack(">Q", free + level - 1) * room
            start = (free + level) * known.block
            data[start : start + known.block] = (node + (keys + below if level else b"")).ljust(known.block, b"\0")
        root = struct.pack(f">HH{count}Q{count}Q", 7, count, *range(count), *(free + 6,) * count)
        data[place + 176 : place + 176 + len(root)] = root
        data[place + 5] = 3
        struct.pack_into(">Q", data, place + 56, 64 * MIB)
    filesystem, clock = open_xfs(Memory(bytes(data))), Clock()
    with pytest.raises(BrokenImage, match="cannot be found"):
        filesystem.listdir("/many")
    with pytest.raises(BrokenImage, match="cannot be found"):
        filesystem.read(SCATTERED, MIB)
    assert clock.seconds() < ENDLESS


def test_a_tree_that_is_damaged_anywhere(tmp_path: Path, tree: Path) -> None:
    data = bytearray(make(tmp_path / "fs", tree, "-b", "size=1024").read_bytes())
    scatter(data, 2)
    whole, chance = (tree / SCATTERED[1:]).read_bytes(), random.Random(1)  # noqa: S311 - cases, no secret
    nodes = [place for place in range(0, len(data), 1024) if data[place : place + 4] == b"BMA3"]
    assert len(nodes) > 10
    for node in nodes:
        for place in (*range(8), *(chance.randrange(72, 392) for _ in range(6))):
            changed = bytearray(data)
            changed[node + place] ^= 1 << chance.randrange(8)
            try:
                assert len(open_xfs(Memory(bytes(changed))).read(SCATTERED, len(whole))) == len(whole)
            except BrokenImage as refusal:
                assert refusal.problem.message  # noqa: PT017 - some are read


def test_libfsxfs_reads_the_same(tmp_path: Path, tree: Path) -> None:
    path = make(tmp_path / "fs", tree)
    volume = pyfsxfs.volume()
    volume.open(str(path))

    def read(entry: Any, place: str) -> Iterator[tuple[str, int, bytes]]:
        for below in entry.sub_file_entries:
            here, size = f"{place}/{below.name}", below.size
            content = below.read_buffer_at_offset(size, 0) if stat.S_ISREG(below.file_mode) and size else b""
            yield here, below.file_mode, content
            if stat.S_ISDIR(below.file_mode):
                yield from read(below, here)

    filesystem, count = opened(path), 0
    for place, mode, content in read(volume.get_root_directory(), ""):
        found = filesystem.stat(place)
        assert found is not None
        assert found.mode == mode
        assert found.kind != "file" or filesystem.read(place, 1 << 24) == content
        count += 1
    assert count > 300


def test_an_inode_that_is_not_there_or_another(tmp_path: Path, tree: Path) -> None:
    data = make(tmp_path / "fs", tree).read_bytes()
    place = place_of(open_xfs(Memory(data)), "/many")
    for at, message in ((0, "there is no inode"), (4, "there is no inode"), (159, "says that it is")):
        changed = bytearray(data)
        changed[place + at] ^= 1
        with pytest.raises(BrokenImage, match=message):
            open_xfs(Memory(bytes(changed))).stat("/many")
    changed = bytearray(data)
    changed[place + 91] |= 1  # the realtime flag, here of a directory
    with pytest.raises(BrokenImage, match="realtime device"):
        open_xfs(Memory(bytes(changed))).listdir("/many")


def test_mutants(tmp_path: Path, tree: Path) -> None:
    visit_mutants(make(tmp_path / "fs", tree, mib=16).read_bytes(), "xfs", 150)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tree: Path) -> bytes:
    return make(tmp_path_factory.mktemp("whole") / "fs", tree).read_bytes()


def block_of(filesystem: XfsFileSystem, path: str) -> int:
    """Return the byte where the first block of a directory is."""
    inode = filesystem._find((path[1:].encode(),))
    assert inode is not None
    run = next(extents.Extents(filesystem._reader, filesystem._superblock, inode).runs(0, 1))
    assert run.block is not None
    return filesystem._superblock.place(run.block)


@pytest.mark.parametrize(("path", "at", "value", "message"), [
    ("/etc", 0, b"XD2B", "begins with"), ("/etc", 0, bytes(4096), "begins with"), ("/etc", 47, b"\xff", "of the inode"),
    ("/etc", 4088, b"\x7f\xff\xff\xff", "without room"), ("/etc", 4091, b"\x02", "has an entry of|entries instead"),
    ("/etc", 4095, b"\x01", "entries instead of"), ("/etc", 64 + 8, b"\x09", "has an entry of"),
    ("/etc", 64 + 8, b"\0", "without a name"), ("/etc", 64 + 15, b"\x41", "has an entry of"),
    ("/many", 64, b"\xff\xff" + (4024).to_bytes(2, "big"), "has an entry of"),
    ("/many", 64, (b"\xff\xff\0\x08\0\0\0\x40" + b"\xff\xff\0\x08\0\0\0\x48"), "in two pieces"),
    # all of a block is free but for its last 8 bytes, which are too few for an entry
    ("/many", 64, (b"\xff\xff" + (4024).to_bytes(2, "big")).ljust(4022, b"\0") + b"\0\x40" + bytes(8), "of 16 bytes"),
])
def test_blocks_of_directories_that_make_no_sense(whole: bytes, path: str, at: int, value: bytes, message: str) -> None:
    place = block_of(open_xfs(Memory(whole)), path) + at
    with pytest.raises(BrokenImage, match=message) as raised:
        open_xfs(Memory(whole[:place] + value + whole[place + len(value) :])).listdir(path)
    assert raised.value.problem.code == "filesystem-damaged"


@pytest.mark.parametrize(("path", "at", "value", "message"), [
    ("/deep", 2, bytes(2), "there is no inode"),  # a free one
    ("/deep", 176, b"\0", "entries take 6"), ("/deep", 176, b"\x02", "no room for them"),
    ("/deep", 176 + 6, b"\0", "no room for them"), ("/deep", 62, b"\x02\0", "is cut off"),
    ("/many", 56, (4096).to_bytes(8, "big"), "names behind them"), ("/many", 56, bytes(8), "names behind them"),
    ("/many", 176, b"\x80", "is not there"),  # not written yet
    ("/many", 176 + 13, b"\x1f\xff\xff", "should be in block"),  # longer than its group
])
def test_inodes_of_directories_that_make_no_sense(whole: bytes, path: str, at: int, value: bytes, message: str) -> None:
    place = place_of(open_xfs(Memory(whole)), path) + at
    with pytest.raises(BrokenImage, match=message) as raised:
        open_xfs(Memory(whole[:place] + value + whole[place + len(value) :])).listdir(path)
    assert raised.value.problem.code == "filesystem-damaged"


def test_a_short_target_that_is_cut_off(whole: bytes) -> None:
    place = place_of(open_xfs(Memory(whole)), "/etc/absolute") + 56
    with pytest.raises(BrokenImage, match="is not there"):
        open_xfs(Memory(whole[:place] + (1000).to_bytes(8, "big") + whole[place + 8 :])).readlink("/etc/absolute")


def test_a_directory_that_holds_itself_ends(whole: bytes) -> None:
    filesystem = open_xfs(Memory(whole))
    place = place_of(filesystem, "/deep")
    own = whole[place + 156 : place + 160]
    place += 176 + 6 + 3 + 1 + 1  # counters, parent; length, offset, "a", type
    filesystem = open_xfs(Memory(whole[:place] + own + whole[place + 4 :]))
    assert filesystem.listdir("/deep/a/a/a") == ["a"]
    assert filesystem.stat("/deep" + "/a" * 300) is None
