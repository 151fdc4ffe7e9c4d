"""The HTML report without a browser: valid, complete, safe, the same each time. One looks at it beside this file."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import html5lib
import msgspec
import pytest
from documents import BELOW, CUT, NEAR
from htmlpages import FULL, NAMES, VIEWS, page_of, view_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from program import run as imgbuild

from imgbuild import reports
from imgbuild.documents.inspection import Space, Usage
from imgbuild.model import Partition, Volume
from imgbuild.reports.page import Page

SAMPLES = Path(__file__).parents[2] / "samples"
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
ELEMENTS = {
    "a", "article", "body", "br", "caption", "code", "dd", "details", "div", "dl", "dt", "figcaption", "figure",
    "footer", "h1", "h2", "h3", "h4", "h5", "head", "header", "html", "li", "main", "mark", "meta", "nav", "ol", "p",
    "path", "pre", "q", "section", "small", "span", "strong", "style", "summary", "svg", "table", "tbody", "td", "th",
    "thead", "title", "tr", "ul"}
ATTRIBUTES = {
    "aria-hidden", "aria-label", "aria-labelledby", "charset", "class", "content", "d", "data-column", "fill-rule",
    "href", "http-equiv", "id", "lang", "name", "open", "preserveAspectRatio", "rel", "role", "scope", "style",
    "title", "viewBox"}
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def parsed(name):
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page_of(name).decode())


def local(element):
    return element.tag.rpartition("}")[2]


@pytest.fixture(scope="module", params=VIEWS)
def tree(request):
    """Give a page as a tree; a fault of grammar is an exception of the parser."""
    return parsed(request.param)


def test_it_holds_no_element_and_no_attribute_but_ours(tree):
    elements = [element for element in tree.iter() if isinstance(element.tag, str)]
    assert {local(element) for element in elements} <= ELEMENTS
    assert {name for element in elements for name in element.keys()} <= ATTRIBUTES  # noqa: SIM118 - not a dict


def test_its_ids_are_unique_and_its_links_lead_somewhere(tree):
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for link in tree.iter("a"):
        address = link.get("href")
        assert address.removeprefix("#") in ids if address.startswith("#") else re.match("https?://", address)
    labels = [label for element in tree.iter() for label in (element.get("aria-labelledby") or "").split()]
    assert set(labels) <= set(ids)


def test_its_headings_leave_out_no_level(tree):
    levels = [int(element.tag[1]) for element in tree.iter() if element.tag in HEADINGS]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_it_has_landmarks_a_language_a_title_and_a_strict_policy(tree):
    assert tree.get("lang") == "en"
    assert tree.find("head/title").text.strip()
    assert [len(list(tree.iter(name))) for name in ("main", "footer")] == [1, 1]
    (policy,) = [meta.get("content") for meta in tree.iter("meta") if meta.get("http-equiv")]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; ")
    assert all(th.get("scope") for th in tree.iter("th"))
    assert all(drawing.get("aria-hidden") == "true" for drawing in tree.iter() if local(drawing) == "svg")


@pytest.mark.parametrize("name", VIEWS)
def test_it_is_text_that_nobody_obeys_and_the_same_each_time(name):
    page = page_of(name)
    assert page == page_of(name)
    assert not [c for c in page.decode() if c != "\n" and unicodedata.category(c) in HIDDEN]


def texts(element):
    return " ".join(" ".join(element.itertext()).split())


@pytest.mark.parametrize(("name", "word"), [
    ("good", "READY"), ("full", "NOT READY"), ("verified", "VERIFIED"), ("nothing", "READY")])
def test_the_verdict(name, word):
    (verdict,) = [p for p in parsed(name).iter("p") if p.get("class") == "word"]
    assert texts(verdict) == word


def test_a_finding_says_where_why_how_to_cure_it_and_who_says_so():
    said = texts(parsed("full"))
    for words in (BELOW.message, BELOW.rule, "Write 3 or more.", "A smaller disk would not hold the image.",
                  "Creating Image Metadata 2026-01 greater than the disk", "answers IMG.0055 (HTTP 400)",
                  "l1_table_offset at byte 40 (0x28), 8 bytes 00000028 00 00 00 00 00 03 00 00 ........",
                  CUT.message, NEAR.message):
        assert words in said


def test_the_facts_the_fields_the_body_and_the_way():
    said = texts(parsed("full"))
    for words in ("Debian GNU/Linux 12 (bookworm)", "d41d8cd98f00b204e9800998ecf8427e", "EFI system “ESP”", "vg0/root",
                  "6 MiB (5%)", "124 MiB", "least for Linux; the disk needs 3", '"min_disk": 10',
                  "654 MiB, limit 2 GB", "fstab names another disk", "/dev/sdb1 /data", "remove the line",
                  "1 failed, 1 good, 1 not seen, 1 tip", "POST /v2/images", "upload-file",
                  "digest of all", "sha256 of its first 6 MiB, then it is zeros", "digest of the data"):
        assert words in said


def test_what_is_verified_is_shown_as_the_manifest_has_it():
    said = texts(parsed("verified"))
    assert "The facts and the request are those of the manifest." in said
    assert "least for Linux; the disk needs 3" in said
    assert "send the request" in said
    assert "of the manifest" not in texts(parsed("statement"))


def test_the_place_in_a_request_is_marked():
    (mark,) = parsed("request").iter("mark")
    assert mark.text == "1"


def test_several_images_have_an_index():
    tree = parsed("several")
    (index,) = [nav for nav in tree.iter("nav") if nav.get("aria-label") == "Images"]
    assert [(link.text, link.get("href")) for link in index.iter("a")] == [
        ("disk.qcow2", "#image-1"), ("other.raw", "#image-2"), ("request", "#image-3")]


def test_of_very_many_volumes_some_are_shown():
    volumes = tuple(Volume(kind="lvm", name=f"v{number}", size=4096) for number in range(900))
    view = msgspec.structs.replace(view_of("full"), images=(msgspec.structs.replace(FULL, volumes=volumes),))
    page = reports.render("html", view, Page()).decode()
    assert "700 more volumes" in page
    assert len(page) < 300_000


def test_what_was_accepted_stands_there_with_its_reason():
    assert "ims-min-disk-below-disk min_disk is 1 GiB: 3 or more is expected: agreed with ops" in texts(
        parsed("accepted"))


def test_hostile_names_are_text():
    said = texts(parsed("hostile"))
    for name in NAMES[:4]:
        assert name in said
    assert r"a\u202eb\x00c\x1b[31m\ud800" in said
    assert "x… (5000 characters)" in said


def test_very_many_findings_make_no_very_large_page():
    page = page_of("many")
    assert len(page) < 1_000_000
    assert page.decode().count("50 more ") == 3  # of 300 errors, warnings and notes each


def test_the_command_writes_it_with_the_map_and_the_others_without(tmp_path):
    words = ("check", SAMPLES / "debian-12-tiny.qcow2", "--no-checksum", "--manifest", tmp_path / "manifest.json")
    alone = imgbuild(*words, "--format", f"json={tmp_path / 'a.json'}", folder=tmp_path)
    manifest = (tmp_path / "manifest.json").read_bytes()
    found = imgbuild(*words, "--format", f"html={tmp_path / 'r.html'}", "--format", f"json={tmp_path / 'b.json'}",
                     folder=tmp_path)
    assert (alone.status, found.status) == (0, 0)
    assert (tmp_path / "manifest.json").read_bytes() == manifest
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert "stored in the image file" in (tmp_path / "r.html").read_text()


def test_it_is_drawn_without_the_library_for_the_terminal():
    program = ("import sys; sys.path.insert(0, 'tests'); sys.path.insert(0, 'tests/reports');"
               "from htmlpages import page_of; page_of('full'); sys.exit('rich' in sys.modules)")
    subprocess.run([sys.executable, "-c", program], check=True, cwd=SAMPLES.parent)


TEXT = st.none() | st.text(max_size=12)
BYTES = st.sampled_from([0, 1, 1 << 20]) | st.integers(0, 1 << 40)
DISKS = st.builds(
    msgspec.structs.replace, st.just(FULL), path=st.text(), virtual_size=st.none() | BYTES,
    partitions=st.lists(st.builds(Partition, index=st.integers(0, 9), start=BYTES, size=BYTES, type=TEXT, name=TEXT,
                                  filesystem=TEXT, label=TEXT, mount=TEXT), max_size=5).map(tuple),
    volumes=st.lists(st.builds(Volume, kind=st.text(), name=st.text(), size=BYTES, mount=TEXT), max_size=3).map(tuple),
    space=st.builds(Space, piece=st.integers(1, 1 << 36), stored=st.lists(st.none() | BYTES, max_size=9).map(tuple),
                    file_systems=st.lists(st.builds(Usage, partition=st.none() | st.integers(0, 9), volume=TEXT,
                                                    used=BYTES), max_size=4).map(tuple)))


EMPTY = msgspec.structs.replace(
    FULL, partitions=(Partition(index=1, start=0, size=0),), volumes=(Volume(kind="lvm", name="v", size=0),),
    space=Space(piece=1, file_systems=(Usage(partition=1, used=0), Usage(volume="v", used=0))))


@settings(max_examples=50)
@given(DISKS)
@example(EMPTY)
def test_no_disk_is_too_strange_to_be_drawn(image):
    view = msgspec.structs.replace(view_of("full"), images=(image,))
    page = reports.render("html", view, Page()).decode()
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    assert {local(element) for element in tree.iter() if isinstance(element.tag, str)} <= ELEMENTS


def test_the_view_is_left_as_it_was():
    view = view_of("hostile")
    before = repr(view)
    reports.render("html", view, Page())
    assert repr(view) == before
