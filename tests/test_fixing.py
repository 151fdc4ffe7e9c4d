"""The text of a request with edits made: what is touched, what is not, and when it is enough.

Python's json is the witness for what a text holds.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from imgbuild import fixing, jsontext, pipeline
from imgbuild.documents.findings import Edit

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
VALUES = st.recursive(st.none() | st.booleans() | st.integers(-9, 99) | TEXTS, lambda inner: st.lists(
    inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6)
OBJECTS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=5)
LAYOUTS = st.tuples(st.sampled_from([None, 0, 1, "\t"]), st.booleans(), st.sampled_from(["\n", "\r\n"]),
                    st.sampled_from([(", ", ": "), (",", ":"), (" , ", " : ")]), st.booleans(), st.booleans())


def written(value: Any, layout: tuple[Any, ...]) -> bytes:
    """Write a request as one of many people would."""
    indent, ascii_only, newline, separators, ends, mark = layout
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=separators)
    text = text.replace("\n", newline) + newline * ends
    return ("\ufeff" * mark + text).encode()


def edited(text: str, *edits: Edit) -> str:
    return fixing.mend(jsontext.parse(text.encode()), edits)[0].decode()


def put(pointer: str, value: Any) -> Edit:
    return Edit(action="set", pointer=pointer, value=value)


def cut(pointer: str) -> Edit:
    return Edit(action="remove", pointer=pointer)


def named(pointer: str, key: str) -> Edit:
    return Edit(action="rename", pointer=pointer, key=key)


@pytest.mark.parametrize(("before", "edit", "after"), [
    ('{"a": "1"}', put("/a", 1), '{"a": 1}'),
    ('{"a":[ "1" , 2 ]}', put("/a/0", 1), '{"a":[ 1 , 2 ]}'),
    (r'{"a": "\u00e9\/\ud83d\ude00b "}', put("/a", "é/😀b"), r'{"a": "\u00e9\/\ud83d\ude00b"}'),
    (r'{"a": "\u00e9 "}', put("/a", "éß"), r'{"a": "\u00e9\u00df"}'),
    ('{"a": "é "}', put("/a", "éß"), '{"a": "éß"}'),
    ('{"a": "aaa"}', put("/a", "aa"), '{"a": "aa"}'),
    ('{"a": ""}', put("/a", '"\\\n'), r'{"a": "\"\\\n"}'),
    ("{}", put("/a", 1), '{"a": 1}'),
    ("{ }", put("/a", 1), '{"a": 1 }'),
    ('{"b":2}', put("/a", 1), '{"b":2,"a":1}'),
    ('{"b": 2}', put("/a", 1), '{"b": 2, "a": 1}'),
    ('{"b" : 2 , "c" : 3}', put("/a", 1), '{"b" : 2 , "c" : 3, "a" : 1}'),
    ('{\n  "b": 2\n}\n', put("/a", 1), '{\n  "b": 2,\n  "a": 1\n}\n'),
    ('{\r\n\t"b": 2}', put("/a~1b", 1), '{\r\n\t"b": 2,\r\n\t"a/b": 1}'),
    ('{"b":\n2}', put("/a", 1), '{"b":\n2, "a": 1}'),
    ('{"x": [{"b": 2}]}', put("/x/0/a", 1), '{"x": [{"b": 2, "a": 1}]}'),
    ('{"b": 2, "b": 3}', put("/a", 1), '{"b": 2, "b": 3, "a": 1}'),
    ('{"a": 1, "b": 2}', cut("/a"), '{"b": 2}'),
    ('{"a": 1, "b": 2}', cut("/b"), '{"a": 1}'),
    ('{ "a": 1 }', cut("/a"), "{  }"),
    ('{"a": [1, 2, 3]}', cut("/a/1"), '{"a": [1, 3]}'),
    ('{"a": [\n 1,\n 2\n]}', cut("/a/1"), '{"a": [\n 1\n]}'),
    ('{"a": 1, "a": 1, "b": 2}', cut("/a"), '{"a": 1, "b": 2}'),
    ('{"min-disk" : 40}', named("/min-disk", "min_disk"), '{"min_disk" : 40}'),
    ('{"a~/": {"b": 1}}', named("/a~0~1/b", "c"), '{"a~/": {"c": 1}}'),
    ('\ufeff{"a": "1"}', put("/a", 1), '\ufeff{"a": 1}'),
    ('\ufeff{"a": "1"}', Edit(action="remove-mark", pointer=""), '{"a": "1"}')])
def test_an_edit_changes_its_place_alone(before, edit, after):
    assert edited(before, edit) == after
    assert json.loads(after.removeprefix("\ufeff")) is not None


def test_edits_that_touch_are_not_made_together():
    text = '{"a": ["x", "x", "x"], "b": "1"}'
    data, made = fixing.mend(jsontext.parse(text.encode()), [cut("/a/2"), cut("/a/1"), put("/b", 1)])
    assert (data.decode(), made) == ('{"a": ["x", "x"], "b": 1}', (cut("/a/1"), put("/b", 1)))


@pytest.mark.parametrize(("before", "edits", "after"), [
    ('{"a": [1, 2, 3, 4]}', [cut("/a/0"), cut("/a/1"), cut("/a/2")], '{"a": [4]}'),
    ('{"a": [1, 2]}', [cut("/a/0"), cut("/a/1")], '{"a": [2]}'),
    ('{"a": 1}', [cut("/a"), put("/b", 2)], "{}"),
    ('{"a": [1, 2]}', [cut("/a/0"), put("/a/1", 3)], '{"a": [2]}'),
    ("{}", [put("/a", 1), put("/b", 2)], '{"a": 1}')])
def test_neighbours_are_made_together_only_where_both_go(before, edits, after):
    assert edited(before, *edits) == after


def test_a_new_name_waits_for_no_value_and_the_value_for_the_name():
    text = '{"a": "1"}'
    assert edited(text, put("/a", 1), named("/a", "b")) == '{"b": "1"}'


def test_the_same_edit_twice_is_made_once():
    data, made = fixing.mend(jsontext.parse(b'{"a": "1"}'), [put("/a", 1), put("/a", 1)])
    assert (data, len(made)) == (b'{"a": 1}', 2)


@pytest.mark.parametrize("edit", [cut("/b"), named("/b", "c"), put("/b/c", 1), put("/a/c", 1)])
def test_what_is_not_there_cannot_be_edited(edit):
    with pytest.raises(ValueError, match=r"/b|/a/c"):
        edited('{"a": 1}', edit)


@st.composite
def texts_with_edits(draw) -> tuple[bytes, list[Edit]]:
    value = draw(OBJECTS)
    pointers = [f"/{key.replace('~', '~0').replace('/', '~1')}" for key in value]
    pointers += [f"{pointer}/{index}" for pointer, item in zip(list(pointers), value.values(), strict=True)
                 if isinstance(item, list) for index in range(len(item))]
    some = draw(st.lists(st.sampled_from(pointers), unique=True, max_size=4))
    return written(value, draw(LAYOUTS)), [draw(st.sampled_from([cut(pointer), put(pointer, draw(VALUES))]))
                                           for pointer in some]


@given(texts_with_edits())
@settings(max_examples=300)
def test_outside_of_the_edits_every_byte_stays(case):
    data, edits = case
    document = jsontext.parse(data)
    mended, made = fixing.mend(document, edits)
    text, rest, at = document.text, mended.decode().removeprefix("\ufeff"), 0
    for splice in sorted({fixing.splice_of(document, edit) for edit in made}):
        assert rest.startswith(text[at : splice.start] + splice.text)
        rest, at = rest[splice.start - at + len(splice.text):], splice.end
    assert rest == text[at:]
    assert mended.startswith(b"\xef\xbb\xbf") == data.startswith(b"\xef\xbb\xbf")
    assert jsontext.parse(mended).is_json
    for edit in made:
        if edit.action == "set" and "/" not in edit.pointer[1:]:
            key = edit.pointer[1:].replace("~1", "/").replace("~0", "~")
            assert json.loads(mended.decode().removeprefix("\ufeff"))[key] == edit.value


def fix(data: bytes) -> fixing.Fixed:
    return pipeline.fix(data, name="request.json")


CLEAN: dict[str, Any] = {
    "name": "web é 1", "__os_version": "Ubuntu 22.04 server 64bit", "min_disk": 40, "min_ram": 1024, "tags": ["a", "b"],
    "protected": False, "visibility": "private", "disk_format": "qcow2", "container_format": "bare",
    "__support_kvm": "true", "hw_firmware_type": "uefi", "__description": "a/b"}
SLIPS: dict[str, Any] = {
    "name": lambda value: f" {value} ", "__os_version": lambda value: value.upper().replace(" ", "  "), "min_disk": str,
    "min_ram": float, "protected": str, "tags": lambda value: [*value, value[0]],
    "visibility": str.title, "disk_format": str.upper, "container_format": str.upper,
    "__support_kvm": lambda value: value == "true", "hw_firmware_type": str.upper}
KEYS = {"min_disk": "min-disk", "min_ram": "Min_Ram", "disk_format": "diskFormat"}


@given(st.sets(st.sampled_from(sorted(SLIPS))), st.sets(st.sampled_from(sorted(KEYS))), LAYOUTS)
@settings(max_examples=60)
def test_slips_are_undone(slips, keys, layout):
    body = {key: SLIPS[key](value) if key in slips else value for key, value in CLEAN.items()}
    fixed = fix(written({KEYS[key] if key in keys else key: value for key, value in body.items()}, layout))
    assert fixed.data == written(CLEAN, (*layout[:-1], False))
    assert list(json.loads(fixed.data)) == list(CLEAN)
    assert {finding.rule for finding in fixed.findings.findings} <= {"ims-name-characters"}  # é
    assert (fixed.findings.fixed or 0) >= len(slips | keys)


FIELDS = st.sampled_from([*CLEAN, *KEYS.values(), "image_url", "type", "os_version", "architecture", "image_tags",
                          "team", "is_config", "data_images"])
ODD = VALUES | st.sampled_from(["40", "True", 1.0, "qcow2 ", "Uefi", "arm", "DataImage", "ecs", "b:c.iso", "a=b",
                                ["a=b"], ["x", "x", 1], [{"key": 1, "value": True}],
                                [{"image_url": 7, "min_disk": "40"}]])


@given(st.lists(st.tuples(FIELDS, ODD), max_size=6), LAYOUTS)
@settings(max_examples=150)
def test_whatever_is_written_is_mended_once_and_for_all(members, layout):
    inner = [written({key: value}, (*layout[:-2], False, False)).decode()[1:-1] for key, value in members]
    data = ("\ufeff" * layout[-1] + "{" + ",".join(inner) + "}").encode()
    fixed = fix(data)
    assert fixed.findings.fixable is UNSET
    again = fix(fixed.data)
    assert (again.data, again.findings.fixed) == (fixed.data, 0)
    assert jsontext.parse(fixed.data).is_json == jsontext.parse(data).is_json


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:0123456789.eE+-truefalsn\\u/ \n\r\tab', max_size=60)
       .map(lambda text: text.encode()))
@settings(max_examples=200)
def test_what_is_no_json_stays_as_it_is(data):
    fixed = fix(data)
    if not jsontext.parse(data).is_json:
        assert (fixed.data, fixed.findings.fixed) == (data, 0)


@pytest.mark.parametrize("data", [b'{"min_disk": "40",}', b'{"min_disk": "40"} x', b'{"min_disk": "4\n0"}', b"",
                                  b'{"min_disk": "40", "n": NaN}', b'{"min_disk": "40", "n": "\\ud800"}',
                                  '{"min_disk": "40"}'.encode("utf-16"), b'{"min_disk": "40"}'.ljust(2 << 20),
                                  b"[" * 100, b'{"min_disk": "40", "n": "\xff"}', b'// a\n{"min_disk": "40"}'])
def test_a_broken_text_is_left_to_its_author(data):
    fixed = fix(data)
    assert (fixed.data, fixed.findings.fixed) == (data, 0)
    assert fixed.findings.summary.error


def test_what_a_wrong_type_had_hidden_is_found_then():
    fixed = fix(b'{"min_disk": "2000"}')
    assert fixed.data == b'{"min_disk": 2000}'
    assert "ims-min-disk-out-of-range" in {finding.rule for finding in fixed.findings.findings}


def test_rules_that_undo_each_other_come_to_an_end():
    def lint(data: bytes):
        document = jsontext.parse(data)
        other = {"a": "b", "b": "a"}[document.value["x"]]
        found = pipeline.lint(b'{"min_disk": "1"}', name="r").findings[:1]
        return document, replace(pipeline.lint(b"{}", name="r"), findings=(replace(found[0], fix=put("/x", other)),))

    assert fixing.fix(b'{"x": "a"}', lint).data == b'{"x": "a"}'
