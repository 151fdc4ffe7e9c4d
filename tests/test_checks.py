"""What the checks share: quoting, places in a request, what they leave alone. Their rules' cases test the kinds."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgbuild import rulebook
from imgbuild.checks import KINDS, Case, Context
from imgbuild.checks.base import escaped, is_integer, label, listed, quoted, values_at
from imgbuild.checks.disk import needed_bytes, smallest_disk
from imgbuild.documents.inspection import Inspection

BOOK = rulebook.load()
GIB = 1 << 30


def case_of(body: dict | None = None, image: Inspection | None = None, operation: str = "create-metadata") -> Case:
    context = Context(operation=operation, body=body, image=image)
    return Case(context=context, profile=BOOK.profile, catalogue=lambda: BOOK.catalogue, rule_id="ims-x", at=("/name",))


@pytest.mark.parametrize(("value", "expected"), [
    ("a", "'a'"), ("网", "'网'"), ("\x1b[31m", r"'\x1b[31m'"), ("\u202egnp", r"'\u202egnp'"), ("it's", '"it\'s"'),
    ("x" * 80, "'" + "x" * 80 + "'"), ("x" * 81, "'" + "x" * 79 + "…'"), ("\ud800", r"'\ud800'"),
    (7, "7"), (None, "null"), (True, "true"), ([1], "[1]"), ({"a": "\x1b"}, r'{"a": "\u001b"}'),
])
def test_quoted(value, expected):
    assert quoted(value) == expected


@given(st.text())
def test_quoted_text_has_no_control_characters(text):
    assert quoted(text).isprintable()


@pytest.mark.parametrize(("values", "expected"), [
    (("a",), "'a'"), (("a", "b"), "'a' or 'b'"), (("a", "b", 3), "'a', 'b' or 3"),
])
def test_listed(values, expected):
    assert listed(values) == expected


@pytest.mark.parametrize(("value", "expected"), [(1, True), (0, True), (True, False), (1.0, False), ("1", False)])
def test_is_integer(value, expected):
    assert is_integer(value) == expected


@pytest.mark.parametrize(("at", "expected"), [
    ("/name", [("/name", "a")]),
    ("/tags", [("/tags", ["x", "y"])]),
    ("/tags/*", [("/tags/0", "x"), ("/tags/1", "y")]),
    ("/disks/*/name", [("/disks/1/name", "b")]),
    ("/name/*", []),
    ("/missing/*/name", []),
])
def test_values_at(at, expected):
    body = {"name": "a", "tags": ["x", "y"], "disks": [{}, {"name": "b"}, 7]}
    assert list(values_at(body, at)) == expected


def test_pointers_are_escaped():
    assert escaped("a/b~c") == "a~1b~0c"
    assert label("/a~1b~0c") == "a/b~c"


@pytest.mark.parametrize(("facts", "expected"), [
    ({"format": "qcow2", "virtual_size": 5}, 5),
    ({"format": "iso", "virtual_size": 5}, None),
    ({"format": "qcow2"}, None),
    ({"format": "vhd", "virtual_size": 5, "container": {"chs_size": 6}}, 6),
    ({"format": "vhd", "virtual_size": 7, "container": {"chs_size": 6}}, 7),
    ({"format": "vhd", "virtual_size": 7, "container": {"chs_size": "9"}}, 7),
])
def test_needed_bytes(facts, expected):
    assert needed_bytes(msgspec.convert({"path": "d", "size": 1, **facts}, Inspection)) == expected


@pytest.mark.parametrize(("size", "policy", "expected"), [
    (40 * GIB, "greater", 41), (40 * GIB - 1, "greater", 40),
    (40 * GIB, "not-less", 40), (40 * GIB + 1, "not-less", 41),
    (1, "greater", 1), (1, "not-less", 1),
])
def test_smallest_disk(size, policy, expected):
    assert smallest_disk(size, policy) == expected


def test_kinds_are_kebab_case():
    assert all(kind == kind.lower() and " " not in kind and "_" not in kind for kind in KINDS)


def test_checks_on_requests_need_a_request():
    image = Inspection(path="disk.raw", size=1, format="raw")
    for rule in BOOK.rules:
        if "request" in rule.check.needs:
            assert not rule.check.applies(case_of(None, image)), rule.id


def test_checks_on_images_need_an_image():
    for rule in BOOK.rules:
        if "image" in rule.check.needs:
            assert not rule.check.applies(case_of({"min_disk": 10})), rule.id


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
                    max_leaves=6)
KEYS = st.sampled_from([*BOOK.profile.operations["create-metadata"].fields, *BOOK.profile.operations["action"].fields,
                        *BOOK.profile.custom_properties, "status", "__x"]) | st.text(max_size=12)
FIRMWARE = st.fixed_dictionaries({}, optional={"bios": st.none() | st.booleans(), "uefi": st.none() | st.booleans()})
NAMES = ["debian", "centos", "windows", "12", "7.9", "CentOS Stream 9"]
WORD = st.none() | st.sampled_from(NAMES) | st.text(max_size=6)
SYSTEM = st.none() | st.fixed_dictionaries({
    "type": st.none() | st.sampled_from(["Linux", "Windows", "FreeBSD"]), "id": WORD, "version": WORD, "release": WORD,
    "name": WORD, "architecture": st.none() | st.sampled_from(["x86_64", "x86", "aarch64"]),
    "bits": st.none() | st.sampled_from([32, 64])})
FACTS = st.fixed_dictionaries({
    "path": st.text(max_size=20), "size": st.integers(0, 1 << 50),
    "format": st.none() | st.sampled_from(["iso", "vhd", "raw", "qcow2", "zvhd", "vmdk", "gzip", "parallels"]),
    "virtual_size": st.none() | st.integers(0, 1 << 62), "firmware": FIRMWARE, "os": SYSTEM})


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=6), st.none() | FACTS, st.sampled_from(sorted(BOOK.profile.operations)))
def test_no_request_and_no_facts_break_a_check(body, facts, operation):
    image = None if facts is None else msgspec.convert(facts, Inspection)
    for rule in BOOK.rules:
        case = Case(context=Context(operation=operation, body=body, image=image), profile=BOOK.profile,
                    catalogue=lambda: BOOK.catalogue, rule_id=rule.id, at=rule.places)
        if rule.check.applies(case):
            for hit in rule.check.find(case):
                assert hit.message
                assert hit.message.isprintable()
                assert "\n" not in hit.message
                json.dumps(hit.value)
