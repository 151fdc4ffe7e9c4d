from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import wims
from tools import needs

from imgbuild.guests.media import wim
from imgbuild.guests.media.wim import WimImage

if TYPE_CHECKING:
    from pathlib import Path


def read(data: bytes):
    reads = []

    def read_at(offset: int, length: int) -> bytes:
        reads.append(length)
        return data[offset : offset + length]

    images = wim.read(len(data), read_at)
    assert sum(reads) <= wim.HEADER + (1 << 20)
    return images


def test_all_that_an_image_says():
    data = wims.wim(wims.image("ServerDatacenterCor", 20348, name="Windows Server 2022 SERVERDATACENTERCORE",
                               kind="Server Core"))
    assert read(data) == (WimImage("Windows Server 2022 SERVERDATACENTERCORE", "", "ServerDatacenterCor", "Server Core",
                                   "ServerNT", 9, (10, 0, 20348), 107, 0, ("en-US", "de-DE")),)


def test_what_an_image_does_not_say_is_none():
    bare = wims.image(EDITIONID=None, VERSION=None, ARCH="nine", LANGUAGES=None, PRODUCTTYPE=None,
    INSTALLATIONTYPE=None)
    assert read(wims.wim(bare)) == (WimImage("ServerStandard", "", "", "", "", None, None, None, None, ()),)


@pytest.mark.parametrize("version", [0x10D00, 0x0E00])
def test_both_versions_of_the_format(version):
    assert len(read(wims.wim(wims.image(), wims.image(), version=version))) == 2


def test_the_xml_of_a_large_file_is_read_where_it_is():
    text = wims.xml(wims.image())
    offset = 5 << 30
    head = wims.header(offset, len(text))

    def read_at(at: int, length: int) -> bytes:
        return head[:length] if at == 0 else text if (at, length) == (offset, len(text)) else b""

    assert len(wim.read(offset + len(text), read_at)) == 1


TEXT = wims.xml(wims.image())
ENTITY = '\ufeff<!DOCTYPE a [<!ENTITY b "c">]><WIM>&b;</WIM>'.encode("utf-16-le")


@pytest.mark.parametrize(("what", "data"), [
    ("nothing", b""), ("a short header", wims.wim(wims.image())[:207]), ("another tag", b"WLPWM" + wims.wim()[5:]),
    ("another version", wims.wim(wims.image(), version=0x20000)),
    ("compressed", wims.wim(wims.image(), flags=6)),
    ("another original size", wims.header(208, len(TEXT), original=len(TEXT) + 1) + TEXT),
    ("no XML", wims.header(208, 0)),
    ("XML behind the end", wims.header(208, len(TEXT) + 1) + TEXT),
    ("an offset beyond all", wims.header((1 << 64) - 1, len(TEXT)) + TEXT),
    ("XML of 1 MiB and more", wims.header(208, (1 << 20) + 1) + TEXT + bytes(1 << 20)),
    ("XML that is none", wims.header(208, 100) + b"\xff\xfe" + b"x\0" * 49),
    ("an entity", wims.header(208, len(ENTITY)) + ENTITY),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_followed_is_none(what, data):
    assert read(data) is None, what


def test_no_more_images_than_any_medium_has():
    assert len(read(wims.wim(*[wims.image()] * 300))) == 128


def test_names_are_cleaned():
    assert read(wims.wim(wims.image(name="Windows\u202e 10\u200b")))[0].name == "Windows 10"


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data):
    read(data)
    read(wims.TAG + data)
    read(wims.header(208, len(data)) + data)


def test_mutants_are_read_or_refused():
    data = wims.wim(*(wims.image(edition) for edition in ("ServerStandard", "ServerDatacenter")))
    rng = random.Random(11)  # noqa: S311 - cases, no secret
    for _ in range(3000):
        mutant = bytearray(data[: rng.choice((len(data), rng.randrange(len(data))))])
        for _ in range(rng.randint(1, 8)):
            if mutant:
                mutant[rng.randrange(len(mutant))] = rng.choice((0, 0xFF, rng.randrange(256)))
        read(bytes(mutant))


@needs("wimlib-imagex")
@pytest.mark.parametrize("solid", [False, True], ids=["wim", "esd"])
def test_wimlib_says_the_same(tmp_path: Path, solid):
    """The second witness: files that wimlib has written, and what it prints of their XML."""
    (tmp_path / "content").mkdir()
    (tmp_path / "content/file.txt").write_text("content")
    target = tmp_path / ("x.esd" if solid else "x.wim")
    words = ["wimlib-imagex", "capture", tmp_path / "content", target, "Windows 11 Pro", "A description",
             *(["--solid"] if solid else []), *(f"--image-property=WINDOWS/{name}={value}" for name, value in (
                 ("ARCH", 12), ("EDITIONID", "Professional"), ("INSTALLATIONTYPE", "Client"), ("VERSION/MAJOR", 10),
                 ("VERSION/MINOR", 0), ("VERSION/BUILD", 26100), ("VERSION/SPBUILD", 1742),
                 ("LANGUAGES/LANGUAGE", "de-DE")))]
    subprocess.run(words, check=True, capture_output=True)
    subprocess.run(["wimlib-imagex", "append", tmp_path / "content", target, "Second"], check=True, capture_output=True)
    found = read(target.read_bytes())
    said = subprocess.run(["wimlib-imagex", "info", target, "--xml"], check=True, capture_output=True).stdout
    root = ET.fromstring(said.decode("utf-16"))  # noqa: S314 - what wimlib wrote a moment ago
    assert [image.name for image in found] == [element.text for element in root.findall("IMAGE/NAME")]
    assert found[0] == WimImage("Windows 11 Pro", "", "Professional", "Client", "", 12, (10, 0, 26100), 1742, None,
                                ("de-DE",))
    assert root.findtext("IMAGE/WINDOWS/EDITIONID") == found[0].edition_id
