"""The OS list of a region: what is taken of it, how each entry finds its system, and what is refused with its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgbuild import rulebook
from imgbuild.errors import ImgbuildError
from imgbuild.jsontext import MAX_BYTES
from imgbuild.rulebook.catalogue import read_catalogue
from imgbuild.rulebook.region import CatalogueError, read_region

if TYPE_CHECKING:
    from pathlib import Path

KNOWN, _ = read_catalogue()


def version(text: str, platform: str = "X", **others: Any) -> dict[str, Any]:
    return {"platform": platform, "os_version_key": text, "os_version": text, "os_bit": 64, "os_type": "Linux"} | others


def region_file(folder: Path, *versions: dict[str, Any]) -> str:
    path = folder / "os_version.json"
    path.write_text(json.dumps([{"platform": entry["platform"], "version_list": [entry]} for entry in versions]))
    return str(path)


def read(folder: Path, *versions: dict[str, Any]) -> dict[str, Any]:
    found = read_region(region_file(folder, *versions), "huaweicloud", KNOWN)
    assert found.exact
    return {entry.os_version: entry for entry in found.entries}


@pytest.mark.parametrize(("text", "platform", "system"), [
    ("Ubuntu 22.04 server 64bit", "X", ("ubuntu", "22.04", "server", "x86")),  # a row of the built-in list
    ("SUSE Linux Enterprise Server 15 SP7 64bit", "X", ("sles", "15.7", None, "x86")),  # other numbers
    ("openEuler 24.03 SP2 64bit", "X", ("openEuler", "24.03", "SP2", "x86")),  # the service pack is its own
    ("openEuler 24.03 64bit", "X", ("openEuler", "24.03", None, "x86")),
    ("Windows Server 2028 R2 Standard 64bit", "Windows", ("windows", "2028 R2", "Standard", "x86")),
    ("rocky-linux 10.1 64bit", "X", ("rocky", "10.1", None, "x86")),  # other punctuation, too
    ("Red Hat Enterprise GNU/Linux 10.1 64bit", "Red Hat", ("rhel", "10.1", None, "x86")),  # by its platform
    ("Super SUSE 15 SP7 64bit", "SUSE", ("unknown", None, None, "x86")),  # what a service pack counts is not known
    ("Rocky Linux 10.1 64bit with ARM", "X", ("unknown", None, None, "arm")),
    ("Plan 9 64bit", "Other", ("unknown", None, None, "x86")),  # that platform is no distribution
])
def test_an_entry_finds_its_system(tmp_path, text, platform, system):
    entry = read(tmp_path, version(text, platform))[text]
    assert (entry.id, entry.version, entry.variant, entry.architecture) == system
    assert entry.listed_on("huaweicloud")
    assert entry.platform == platform


def test_what_the_region_says_counts_more_than_the_built_in_row(tmp_path):
    entry = read(tmp_path, version("Other Linux(64 bit)", os_bit="32", os_type="WINDOWS"))["Other Linux(64 bit)"]
    assert (entry.bits, entry.os_type, entry.id) == (32, "Windows", "other")


def test_extra_keys_and_repeated_entries_are_nothing_special(tmp_path):
    versions = [version("CentOS 7.9 64bit", os_version_key="another", new={"a": [1]}), version("CentOS 7.9 64bit")]
    assert list(read(tmp_path, *versions)) == ["CentOS 7.9 64bit"]


@pytest.mark.parametrize(("content", "message"), [
    (b"", "line 1, column 1: the file is empty"),
    (b"[", "line 1, column 2: "),
    (b"\xff\xfe[\x00", "line 1, column 1: the document is UTF-16: save it as UTF-8"),
    (b"[]", "line 1, column 1: it lists no system at all"),
    (b'[{"platform": "X", "version_list": []}]', "line 1, column 1: it lists no system at all"),
    (b"{}", "line 1, column 1: it is no array (save the whole answer"),
    (b'{"body": []}', "line 1, column 1: it is no array (save the array under 'body' alone)"),
    (b'{"error": {"code": "IMG.0001"}}', "line 1, column 11: the call has failed: this is its error answer"),
    (b"[1]", "line 1, column 2: it is no object"),
    (b'[{"platform": "X"}]', "line 1, column 2: version_list of 'X' is no array"),
    (b'[{"version_list": []}]', "line 1, column 2: platform is no text of 1 to 255 printable characters"),
    (b'[{"platform": "X",\n "version_list": [7]}]', "line 2, column 19: it is no object"),
    (b'[{"platform": "X", "platform": "Y"}]', "column 20: the key 'platform' stands at line 1 column 3 and again"),
    (b" " * (MAX_BYTES + 1), "line 1, column 1: the document has over 1048576 bytes"),
])
def test_another_file_is_refused_with_the_place(tmp_path, content, message):
    path = tmp_path / "list.json"
    path.write_bytes(content)
    with pytest.raises(CatalogueError) as caught:
        read_region(str(path), "huaweicloud", KNOWN)
    assert str(caught.value).startswith(f"the catalogue {str(path)!r}, ")
    assert message in str(caught.value)


@pytest.mark.parametrize(("others", "message"), [
    ({"os_version": "x" * 256}, "os_version is no text of 1 to 255 printable characters"),
    ({"os_version": "Cent\x1b[2JOS"}, "os_version is no text"),
    ({"os_version": " "}, "os_version is no text"),
    ({"os_version": None}, "os_version is no text"),
    ({"os_bit": 16}, "os_bit is not 32 or 64"),
    ({"os_bit": True}, "os_bit is not 32 or 64"),
    ({"os_bit": [64]}, "os_bit is not 32 or 64"),
    ({"os_type": "BeOS"}, "os_type is not Linux or Windows or Other"),
    ({"os_type": None}, "os_type is not Linux or Windows or Other"),
])
def test_a_field_of_another_kind_is_refused_with_the_place(tmp_path, others, message):
    with pytest.raises(CatalogueError, match=r"line 1, column \d+: " + message):
        read(tmp_path, version("CentOS 7.9 64bit") | others)


def test_a_spelling_with_two_meanings_is_refused(tmp_path):
    with pytest.raises(CatalogueError, match="stands there twice, as Linux of 64 bit and as Linux of 32 bit"):
        read(tmp_path, version("CentOS 7.9 64bit"), version("CentOS 7.9 64bit", os_bit=32))


@pytest.mark.parametrize("what", ["missing", "folder"])
def test_a_file_that_is_none_is_refused(tmp_path, what):
    path = tmp_path if what == "folder" else tmp_path / "none.json"
    with pytest.raises(CatalogueError, match="is no regular file" if what == "folder" else "is not there"):
        read_region(str(path), "huaweicloud", KNOWN)


KEYS = st.sampled_from(["platform", "version_list", "os_version", "os_bit", "os_type"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
                    max_leaves=20))
def test_any_other_json_is_taken_or_refused(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(value))
    try:
        read_region(str(path), "huaweicloud", KNOWN)
    except ImgbuildError as error:
        assert "line 1, column " in str(error)  # noqa: PT017 - that it is refused is not certain


def test_a_guest_in_no_row_is_never_called_by_an_entry_that_nothing_explains(tmp_path):
    region = rulebook.load(catalogue=region_file(tmp_path, version("Frobnix 3 64bit"))).catalogue
    assert region.of_system("other") == ()
