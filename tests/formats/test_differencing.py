"""Differencing VHD, VHDX and VDI, which qemu does not read: compared with a disk composed here, sector by sector.

libvhdi is a second witness for VHD and VHDX. It takes a sector of a VHD for the delta's where a higher bit of the
bitmap's byte is set, so what it is shown has all sectors of a byte alike.
"""

from __future__ import annotations

import os
import random
from itertools import pairwise

import pytest
import pyvhdi
import vdi_images as vdi
import vhd_writer as vhd
import vhdx_writer as vhdx
from chains import odd_pieces, read

from imgbuild.formats.parents import Underlay, beside, runs
from imgbuild.formats.vhdx.container import open_vhdx
from imgbuild.readers import BrokenImage, Memory

MIB = 1 << 20
SECTOR = 512


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a seed, so that each run tries the same


def composed(base: bytes, changes: dict[int, bytes], size: int, sector: int = SECTOR) -> bytes:
    """Return the disk of a delta by the book: each sector is the delta's where it has it, else the parent's."""
    below = base.ljust(size, b"\0")
    return b"".join(changes.get(number, below[number * sector : (number + 1) * sector])
                    for number in range(-(-size // sector)))[:size]


def some(draw: random.Random, count: int, alike: int = 1, sector: int = SECTOR) -> dict[int, bytes]:
    """Return random sectors, ``alike`` neighbours of which are there or not together."""
    return {number: draw.randbytes(sector) for group in range(0, count, alike) if draw.random() < 0.4
            for number in range(group, min(group + alike, count))}


def seen_by_libvhdi(*paths) -> bytes:
    """Return the disk of the last path over those before it."""
    opened = []
    for path in paths:
        disk = pyvhdi.file()
        disk.open(str(path))
        if opened:
            disk.set_parent(opened[-1])
        opened.append(disk)
    content = opened[-1].read_buffer_at_offset(opened[-1].get_media_size(), 0)
    for disk in reversed(opened):
        disk.close()
    return content


# VHD


@pytest.mark.parametrize("block_size", [4096, 1 << 16])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["fixed", "dynamic"])
def test_a_vhd_is_composed_by_its_sector_bitmaps(kind, seed, block_size, tmp_path):
    draw = dice(seed)
    size = 3 * block_size + 1536
    base = draw.randbytes(size)
    changes = some(draw, size // SECTOR)
    (tmp_path / "base.vhd").write_bytes(vhd.fixed(base) if kind == "fixed" else vhd.dynamic(base, block_size))
    (tmp_path / "top.vhd").write_bytes(vhd.delta(changes, size, path=".\\base.vhd", block_size=block_size))
    found = read(tmp_path / "top.vhd", pieces=odd_pieces(size))
    assert (found.content, found.codes) == (composed(base, changes, size), ["external-parts-read"])


@pytest.mark.parametrize("seed", range(3))
def test_libvhdi_reads_a_chain_of_vhd_alike(seed, tmp_path):
    draw = dice(seed)
    size = 4 * (2 << 20)
    base = draw.randbytes(size)
    names = ["base.vhd", "middle.vhd", "top.vhd"]
    (tmp_path / names[0]).write_bytes(vhd.dynamic(base, 2 << 20))
    first, second = (some(draw, size // SECTOR, 64) for _ in range(2))
    (tmp_path / names[1]).write_bytes(vhd.delta(first, size, names[0], block_size=2 << 20, unique_id=b"m" * 16))
    (tmp_path / names[2]).write_bytes(vhd.delta(second, size, names[1], block_size=2 << 20, parent_id=b"m" * 16))
    found = read(tmp_path / names[2], pieces=odd_pieces(size))
    assert found.codes == ["external-parts-read"]
    assert found.content == composed(composed(base, first, size), second, size)
    assert found.content == seen_by_libvhdi(*(tmp_path / name for name in names))


@pytest.mark.parametrize(("changes", "code", "message"), [
    ({"parent_id": b"x" * 16}, "parent-mismatch",
     ("'base.vhd': its unique ID is 00010203-0405-0607-0809-0a0b0c0d0e0f, but the delta was made over the disk"
      " 78787878-7878-7878-7878-787878787878")),
    ({"path": "..\\base.vhd"}, "external-outside",
     "'..\\\\base.vhd' is no plain file name; parts of a disk lie beside its image"),
    ({"path": "gone.vhd"}, "external-missing",
     "'gone.vhd', a part of the disk, cannot be opened in its folder: No such file or directory"),
    ({"path": "base.raw"}, "parent-mismatch",
     "'base.raw': it is raw, but the delta was made over a disk of format 'vhd'"),
    ({"path": "text"}, "text-file", "'text': the file is text (plain), not a disk image")])
def test_a_parent_of_a_vhd_that_does_not_fit(changes, code, message, tmp_path):
    (tmp_path / "base.vhd").write_bytes(vhd.fixed(bytes(8192)))
    (tmp_path / "base.raw").write_bytes(b"\1" * 8192)
    (tmp_path / "text").write_text("text\n" * 100)
    (tmp_path / "top.vhd").write_bytes(vhd.delta({}, 8192, **{"path": "base.vhd", **changes}))
    found = read(tmp_path / "top.vhd")
    assert (found.content, found.codes) == (None, ["differencing", code])
    assert found.messages[1] == message


def test_the_time_of_a_parent_is_that_of_its_footer_or_of_its_file(tmp_path):
    base = tmp_path / "base.vhd"
    base.write_bytes(vhd.fixed(bytes(8192)))
    (tmp_path / "top.vhd").write_bytes(vhd.delta({}, 8192, "base.vhd", parent_time=500_000_000))
    found = read(tmp_path / "top.vhd")
    assert (found.content, found.codes) == (bytes(8192), ["external-parts-read", "parent-changed"])
    assert found.messages[1] == ("'base.vhd': the delta was made over it when it had last been written at"
                                 " 2015-11-05T00:53:20Z; its file now has another time")
    os.utime(base, (0, 946_684_800 + 500_000_001))
    assert read(tmp_path / "top.vhd").codes == ["external-parts-read"]


def test_the_name_of_a_vhd_parent_is_its_relative_path_or_else_its_bare_name(tmp_path):
    (tmp_path / "base.vhd").write_bytes(vhd.fixed(b"b" * 8192))
    for name, path in (("base.vhd", None), ("C:\\disks\\base.vhd", ".\\base.vhd"), ("base.vhd", "..\\other\\base.vhd")):
        (tmp_path / "top.vhd").write_bytes(vhd.delta({}, 8192, name, path=path))
        assert read(tmp_path / "top.vhd").content == b"b" * 8192


# VHDX

LINKAGE = "{13121110-1514-1716-1819-1a1b1c1d1e1f}"


def over(name: str, changes: dict[int, bytes], base: vhdx.Disk, **pairs: str) -> vhdx.Disk:
    """Return a differencing VHDX that has these sectors, over the parent of that name."""
    locator = vhdx.parent_locator({"parent_linkage": LINKAGE, "relative_path": f".\\{name}", **pairs})
    each = base.block_size // base.sector
    blocks, bits = {}, 0
    for block in range(-(-base.size // base.block_size)):
        mine = [changes.get(block * each + index) for index in range(each)]
        if all(sector is not None for sector in mine):
            blocks[block] = vhdx.FULLY_PRESENT, b"".join(mine)
        elif any(sector is not None for sector in mine):
            content = b"".join(sector or b"\xee" * base.sector for sector in mine)
            blocks[block] = vhdx.PARTIALLY_PRESENT, content
        bits |= sum(1 << block * each + index for index, sector in enumerate(mine) if sector is not None)
    return base.but(flags=vhdx.HAS_PARENT, blocks=blocks, bitmaps={0: bits.to_bytes(1 << 17, "little")},
                    data_write_guid=b"w" * 16,
                    extra_items=[(vhdx.PARENT_LOCATOR, locator, vhdx.IS_REQUIRED)])


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("seed", range(3))
def test_a_vhdx_is_composed_by_its_sector_bitmap(seed, sector, tmp_path):
    draw = dice(seed)
    size = 4 * MIB
    base = draw.randbytes(MIB) + bytes(MIB) + draw.randbytes(2 * MIB)
    changes = some(draw, 2 * MIB // sector, sector=sector)
    changes |= {number: draw.randbytes(sector) for number in range(2 * MIB // sector, 3 * MIB // sector)}
    parts = {0: (vhdx.FULLY_PRESENT, base[:MIB]), 2: (vhdx.FULLY_PRESENT, base[2 * MIB : 3 * MIB]),
             3: (vhdx.FULLY_PRESENT, base[3 * MIB :])}
    parent = vhdx.Disk(size=size, sector=sector, blocks=parts)
    parent.file().save(tmp_path / "base.vhdx")
    over("base.vhdx", changes, parent).file().save(tmp_path / "top.vhdx")
    found = read(tmp_path / "top.vhdx", pieces=odd_pieces(size))
    assert found.codes == ["external-parts-read"]
    assert found.content == composed(base, changes, size, sector)
    assert found.content == seen_by_libvhdi(tmp_path / "base.vhdx", tmp_path / "top.vhdx")


def test_blocks_of_a_vhdx_that_are_zero_or_unmapped_hide_the_parent(tmp_path):
    parent = vhdx.Disk(size=4 * MIB, blocks=dict.fromkeys(range(4), (vhdx.FULLY_PRESENT, b"p" * MIB)))
    parent.file().save(tmp_path / "base.vhdx")
    top = over("base.vhdx", {}, parent)
    states = {0: vhdx.NOT_PRESENT, 1: vhdx.ZERO, 2: vhdx.UNMAPPED, 3: vhdx.UNDEFINED}
    top.but(blocks={number: (state, b"") for number, state in states.items()}).file().save(tmp_path / "top.vhdx")
    assert read(tmp_path / "top.vhdx").content == b"p" * MIB + bytes(3 * MIB)


def test_a_partial_block_without_its_bitmap_is_a_broken_entry(tmp_path):
    parent = vhdx.Disk(size=MIB)
    parent.file().save(tmp_path / "base.vhdx")
    top = over("base.vhdx", {1: b"x" * 512}, parent)
    top.but(bitmaps={}).file().save(tmp_path / "top.vhdx")
    said = "block 0 is partially present, but there is no bitmap of its sectors"
    with pytest.raises(BrokenImage, match=said):
        read(tmp_path / "top.vhdx")
    assert [(found.code, found.message) for found in open_vhdx(top.but(bitmaps={}).file()).problems][1:] == [
        ("table-entry-invalid", said)]
    cut = top.file().cut(5 * MIB + 4096)
    assert [(found.code, found.message) for found in open_vhdx(cut).problems][1:] == [
        ("truncated", "block 0 has the bitmap of its sectors at byte 5242880 to 6291456, but the file ends at 5246976")]


def test_a_vhdx_parent_with_another_guid_or_other_sectors_is_refused(tmp_path):
    parent = vhdx.Disk(size=MIB)
    top = over("base.vhdx", {}, parent)
    top.file().save(tmp_path / "top.vhdx")
    guid = f"6f6f6f6f-6f6f-6f6f-6f6f-6f6f6f6f6f6f, but the delta was made over a state with '{LINKAGE}'"
    for changed, words in (({"data_write_guid": b"o" * 16}, f"its DataWriteGuid is {guid}"),
                           ({"sector": 4096}, "its sectors have 4096 bytes, those of the delta 512")):
        parent.but(**changed).file().save(tmp_path / "base.vhdx")
        found = read(tmp_path / "top.vhdx")
        assert (found.content, found.codes) == (None, ["differencing", "parent-mismatch"])
        assert found.messages[1] == f"'base.vhdx': {words}"


def test_a_vhdx_that_is_being_merged_has_a_second_guid(tmp_path):
    parent = vhdx.Disk(size=MIB, data_write_guid=bytes.fromhex("33221100554477668899aabbccddeeff"))
    parent.file().save(tmp_path / "base.vhdx")
    top = over("base.vhdx", {}, parent, parent_linkage2="{00112233-4455-6677-8899-AABBCCDDEEFF}")
    top.file().save(tmp_path / "top.vhdx")
    assert read(tmp_path / "top.vhdx").content == bytes(MIB)


def test_a_locator_of_another_kind_names_no_parent(tmp_path):
    vhdx.Disk(size=MIB).file().save(tmp_path / "base.vhdx")
    locator = bytes(16) + vhdx.parent_locator({"parent_linkage": LINKAGE, "relative_path": "base.vhdx"})[16:]
    vhdx.Disk(size=MIB, flags=vhdx.HAS_PARENT, extra_items=[
        (vhdx.PARENT_LOCATOR, locator, vhdx.IS_REQUIRED)]).file().save(tmp_path / "top.vhdx")
    found = read(tmp_path / "top.vhdx")
    assert (found.content, found.codes) == (None, ["differencing"])


# VDI

CHILD = {"image_type": 4, "uuid_image": b"c" * 16, "uuid_link": bytes(range(16)), "uuid_parent": b"m" * 16}


def test_a_vdi_takes_its_unallocated_blocks_from_the_parent_that_has_the_uuid(tmp_path):
    (tmp_path / "any name.VDI").write_bytes(vdi.patch(vdi.vdi("b.a-c"), uuid_last_snap=b"m" * 16))
    (tmp_path / "another.vdi").write_bytes(vdi.patch(vdi.vdi("xyz"), uuid_image=b"o" * 16))
    (tmp_path / "no disk.vdi").write_bytes(b"")
    (tmp_path / "loop.vdi").symlink_to("loop.vdi")
    (tmp_path / "top.vdi").write_bytes(vdi.patch(vdi.vdi("..-.d"), **CHILD))
    found = read(tmp_path / "top.vdi", pieces=odd_pieces(2560))
    assert (found.content, found.codes) == (vdi.content("b.--d"), ["external-parts-read"])
    assert found.messages[0] == ("the disk was read over its parents beside the image: 'any name.VDI' (vdi, 2.50 KiB)")


@pytest.mark.parametrize(("parent", "code", "message"), [
    ({"uuid_image": b"o" * 16}, "external-missing",
     "none of the .vdi files in the image's folder is the disk's parent"),
    ({"uuid_last_snap": b"n" * 16}, "parent-mismatch",
     ("'base.vdi': its last change has the UUID 6e6e6e6e-6e6e-6e6e-6e6e-6e6e6e6e6e6e, but the delta was made over the"
      " state 6d6d6d6d-6d6d-6d6d-6d6d-6d6d6d6d6d6d: it was written to since"))])
def test_a_vdi_parent_that_is_not_there_or_was_changed(parent, code, message, tmp_path):
    (tmp_path / "base.vdi").write_bytes(vdi.patch(vdi.vdi("b.a-"), **parent))
    (tmp_path / "top.vdi").write_bytes(vdi.patch(vdi.vdi("...."), **CHILD))
    found = read(tmp_path / "top.vdi")
    assert (found.content, found.codes, found.messages[1]) == (None, ["differencing", code], message)


# What they share


def test_runs_of_bits_are_those_of_a_loop():
    draw = dice(1)
    for _ in range(300):
        bitmap = draw.choice([draw.randbytes(9), bytes(9), b"\xff" * 9])
        first = draw.randrange(80)
        end = draw.randrange(first, 90)
        bits = [bool(bitmap[bit // 8] >> bit % 8 & 1) if bit < 72 else False for bit in range(first, end)]
        found = list(runs(bitmap, first, end))
        assert [bit for bit, start, stop in found for _ in range(start, stop)] == bits
        assert all(one[0] != other[0] for one, other in pairwise(found))


def test_a_parent_has_zeros_behind_its_end():
    under = Underlay(Memory(b"abc"), 8)
    assert [under.read_at(*piece) for piece in ((0, 3), (1, 4), (3, 2), (7, 1))] == [b"abc", b"bc\0\0", b"\0\0", b"\0"]


@pytest.mark.parametrize(("path", "name"), [
    ("./a", "a"), (".\\a", "a"), ("../a", "../a"), ("./../a", "../a"), ("a", "a"), (".", "."), ("./", "./"), ("", ""),
    (".hidden", ".hidden"), ("././a", "./a"), ("/a", "/a")])
def test_only_a_path_to_this_very_folder_is_made_a_name(path, name):
    assert beside(path) == name
