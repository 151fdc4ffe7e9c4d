from __future__ import annotations

import subprocess

import pytest
from images import discs
from tools import needs
from walking import differences, plant_sample

from imgbuild.filesystems import rockridge
from imgbuild.filesystems.iso9660 import open_iso9660
from imgbuild.readers import Memory

NOWHERE = Memory(b"")


def entry(signature: bytes, data: bytes) -> bytes:
    return signature + bytes([len(data) + 4, 1]) + data


def component(text: bytes, flags: int = 0) -> bytes:
    return bytes([flags, len(text)]) + text


@pytest.mark.parametrize(("target", "links"), [
    ("a/b", [b"\0" + component(b"a") + component(b"b")]),
    ("/etc/x", [b"\0" + component(b"", 8) + component(b"etc") + component(b"x")]),
    ("/", [b"\0" + component(b"", 8)]),
    ("../.", [b"\0" + component(b"", 4) + component(b"", 2)]),
    ("longword", [b"\1" + component(b"long", 1), b"\0" + component(b"word")]),
    ("one/two", [b"\1" + component(b"one"), b"\0" + component(b"two")]),
])
def test_the_target_of_a_link_is_put_together(target, links):
    area = b"".join(entry(b"SL", link) for link in links)
    assert rockridge.read(NOWHERE, area, 2048).target == target


def test_a_name_goes_on_in_the_next_entry_and_behind_a_ce():
    more = entry(b"NM", b"\0three")
    area = (entry(b"NM", b"\1one") + entry(b"CE", discs.both(1, 4) + discs.both(8, 4) + discs.both(len(more), 4))
            + entry(b"NM", b"\1two"))
    assert rockridge.read(Memory(bytes(2056) + more), area, 2048).name == b"onetwothree"


def test_areas_that_lead_to_themselves_come_to_an_end():
    circle = entry(b"CE", discs.both(0, 4) + discs.both(0, 4) + discs.both(28, 4))
    assert rockridge.read(Memory(circle), circle, 2048).name is None


@pytest.mark.parametrize("area", [
    b"", b"SP", entry(b"SP", b"\xbe\xef\0"), entry(b"SP", b"\xbe\xee\0") + entry(b"PX", bytes(32)),
    entry(b"PX", bytes(32))])
def test_what_does_not_announce_it_is_none(area):
    assert rockridge.announced(NOWHERE, area, 2048) is None


def test_the_bytes_to_skip_are_announced():
    assert rockridge.announced(NOWHERE, entry(b"SP", b"\xbe\xef\x0e") + entry(b"PX", bytes(32)), 2048) == 14


@needs("xorriso")
def test_a_tree_with_long_names_and_links_comes_back(tmp_path):
    content = tmp_path / "content"
    content.mkdir()
    plant_sample(content)
    target = tmp_path / "x.iso"
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-R", "-o", target, content], check=True,
                   capture_output=True)
    assert differences(open_iso9660(Memory(target.read_bytes())), content) == []
