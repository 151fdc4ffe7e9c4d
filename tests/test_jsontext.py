"""What people write as JSON, against Python's own reader as the witness for what is valid."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgbuild import jsontext

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=5)


def said(data: bytes) -> list[tuple[str, str, str, int, int]]:
    return [(p.code, p.message, p.pointer, p.line, p.column) for p in jsontext.parse(data).problems]


def nested(depth: int) -> bytes:
    return b'{"a": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@given(OBJECTS, st.sampled_from([None, 1, "\t"]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_it_reads_what_python_writes(value, indent, ascii_only):
    document = jsontext.parse(json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode())
    assert (document.value, document.problems, document.complete) == (value, (), True)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:0123456789.eE+-truefalsnN\\u/*# \n\r\t\x00é', max_size=60)
       .map(lambda text: text.encode()))
@settings(max_examples=1500, deadline=None)
def test_it_never_raises_and_agrees_with_python_on_what_is_valid(data):
    document = jsontext.parse(data)
    try:
        expected = json.loads(data.decode("utf-8"), parse_constant=float)
    except ValueError:
        assert document.problems
        return
    if not document.problems:
        assert document.value == expected
        assert isinstance(expected, dict)


@given(OBJECTS, st.integers(0, 400), st.sampled_from(list('{}[]",:\\\x00\n9-.eN/ ')))
@settings(max_examples=500, deadline=None)
def test_one_wrong_character_is_a_problem_or_valid_json(value, at, character):
    text = json.dumps(value, indent=1)
    at %= len(text) + 1
    test_it_never_raises_and_agrees_with_python_on_what_is_valid.hypothesis.inner_test(
        (text[:at] + character + text[at:]).encode())


NO_NUMBER = " is no JSON number: no sign '+', no leading zero, digits on both sides of a point"
SYNTAX = [
    # what was written, message, pointer, line, column
    ('{"a": 1,}', "the comma before '}' is one too many: remove it", "", 1, 8),
    ('{"a": [1, 2,\n]}', "the comma before ']' is one too many: remove it", "/a", 1, 12),
    ('{"a": 1\n "b": 2}', "a comma is missing before '\"'", "", 2, 2),
    ('{"a": [1 2]}', "a comma is missing before '2'", "/a", 1, 10),
    ('{"a": 1; "b": 2}', "a comma or '}' is expected, not ';'", "", 1, 8),
    ('{"a": [1}', "a comma or ']' is expected, not '}'", "/a", 1, 9),
    ('{"a": 1 // min\n}', "JSON has no comments: remove it", "", 1, 9),
    ('{"a": /* x\n */ 1}', "JSON has no comments: remove it", "", 1, 7),
    ("# x\n{}", "JSON has no comments: remove it", "", 1, 1),
    ("{'a': 1}", "a key in double quotes is expected, not \"'\"", "", 1, 2),
    ("{a: 1}", "a key in double quotes is expected, not 'a'", "", 1, 2),
    ("{,}", "a key in double quotes is expected, not ','", "", 1, 2),
    ('{"a" 1}', "a colon is expected after the key 'a', not '1'", "", 1, 6),
    ('{"a"', "a colon is expected after the key 'a', not the end of the document", "", 1, 5),
    ('{"a": }', "a value is expected, not '}'", "/a", 1, 7),
    ('{"a": ', "a value is expected, not the end of the document", "/a", 1, 7),
    ("{\"a\": 'x'}", "a value is expected, not \"'\": a string stands in double quotes", "/a", 1, 7),
    ('{"a": raw}', "a value is expected, not 'raw': a string stands in double quotes", "/a", 1, 7),
    ('{"a": -}', "a value is expected, not '-'", "/a", 1, 7),
    ('{"a": True}', "JSON writes True as true", "/a", 1, 7),
    ('{"a": None}', "JSON writes None as null", "/a", 1, 7),
    ('{"a": 010}', "'010'" + NO_NUMBER, "/a", 1, 7),
    ('{"a": .5}', "'.5'" + NO_NUMBER, "/a", 1, 7),
    ('{"a": 10GB}', "'10GB'" + NO_NUMBER, "/a", 1, 7),
    ('{"a": "x', "the string that begins here has no closing quote", "/a", 1, 7),
    ('{"a": "x\ny"}', "a line break may not stand in a string: close the string, or write \\n", "/a", 1, 9),
    ('{"a": "x\ty"}', "a control character may not stand in a string: close the string, or write \\t", "/a", 1, 9),
    ('{"a": "\x1b"}', "a control character may not stand in a string: close the string, or write \\u001b", "/a", 1, 8),
    ('{"a": "C:\\disk"}', "there is no escape \\d: a backslash is written \\\\", "/a", 1, 10),
    ('{"a": "\\u12"}', "four hexadecimal digits are expected after \\u", "/a", 1, 8),
    ('{"a": 1', "'}' is missing at the end: '{' was opened at line 1 column 1", "", 1, 8),
    ('{"a": [\n 1', "']' is missing at the end: '[' was opened at line 1 column 7", "/a", 2, 3),
    ("{} {}", "the document is complete before '{': remove what follows", "", 1, 4),
]


@pytest.mark.parametrize(("written", "message", "pointer", "line", "column"), SYNTAX)
def test_a_slip_is_named_with_its_place(written, message, pointer, line, column):
    assert said(written.encode()) == [("json-syntax", message, pointer, line, column)]


IN_UTF_8 = ": save it as UTF-8, which JSON is sent in"
OTHERS = [
    # bytes, code, message, pointer, line, column
    (b'{"a": NaN}', "not-a-number", "NaN is no JSON number: write a number, or leave the key out", "/a", 1, 7),
    (b'{"a": -inf}', "not-a-number", "-inf is no JSON number: write a number, or leave the key out", "/a", 1, 7),
    (b'{"a": 18446744073709551616}', "number-too-large", "the number 18446744073709551616 does not fit into 64 bits",
     "/a", 1, 7),
    (b'{"a": 1e999}', "number-too-large", "the number 1e999 does not fit into 64 bits", "/a", 1, 7),
    (b'\xef\xbb\xbf{"a": 1}', "bom", "the document begins with a byte order mark: save it as UTF-8 without one",
     "", 1, 1),
    (b'{"n\xc3\xa9": "\xe9"}', "encoding", "the byte 0xe9 is not UTF-8: save the document as UTF-8", "", 1, 9),
    (b'{"a": "\\ud83d x"}', "encoding", "\\ud83d is half of a surrogate pair and no character", "/a", 1, 8),
    (b'{"a": "\\udc00"}', "encoding", "\\udc00 is half of a surrogate pair and no character", "/a", 1, 8),
    ("{}".encode("utf-16"), "encoding", "the document is UTF-16" + IN_UTF_8, "", 1, 1),
    ("{}".encode("utf-16-le"), "encoding", "the document is UTF-16" + IN_UTF_8, "", 1, 1),
    ("{}".encode("utf-16-be"), "encoding", "the document is UTF-16" + IN_UTF_8, "", 1, 1),
    ("{}".encode("utf-32"), "encoding", "the document is UTF-32" + IN_UTF_8, "", 1, 1),
    ("{}".encode("utf-32-le"), "encoding", "the document is UTF-32" + IN_UTF_8, "", 1, 1),
    (b"", "empty", "the document is empty: an object such as {} is expected", "", 1, 1),
    (b" \r\n\n ", "empty", "the document is empty: an object such as {} is expected", "", 3, 2),
    (b"[]", "not-an-object", "the document is an array: an object such as {} is expected", "", 1, 1),
    (b"null", "not-an-object", "the document is null: an object such as {} is expected", "", 1, 1),
    (b'\n "x"', "not-an-object", "the document is a string: an object such as {} is expected", "", 2, 2),
    (b'{"a": 1, "b": {},\n "\\u0061": 2}', "duplicate-key",
     "the key 'a' stands at line 1 column 2 and again at line 2 column 2: keep one, the last counts", "/a", 2, 2),
]


@pytest.mark.parametrize(("data", "code", "message", "pointer", "line", "column"), OTHERS)
def test_what_the_standard_leaves_open_is_refused(data, code, message, pointer, line, column):
    assert said(data) == [("json-" + code, message, pointer, line, column)]


def test_the_last_of_two_equal_keys_counts():
    document = jsontext.parse(b'{"a": 1, "a": 2}')
    assert document.value == {"a": 2}
    assert document.position_of("/a") == (1, 15)


def test_it_reads_on_after_slips_whose_meaning_is_plain():
    document = jsontext.parse(b'{"a": NaN, // x\n "b": True "c": [1,],}')
    assert document.value == {"a": None, "b": True, "c": [1]}
    assert [p.line for p in document.problems] == [1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize(("written", "value"), [
    ("18446744073709551615", 2**64 - 1), ("18446744073709551616", None), ("9" * 5000, None),
    ("-9223372036854775808", -(2**63)), ("-9223372036854775809", None), ("-0", 0), ("1E+2", 100.0)])
def test_the_bounds_of_numbers(written, value):
    assert jsontext.parse(f'{{"a": {written}}}'.encode()).value == {"a": value}


def test_64_levels_pass_and_65_do_not():
    assert said(nested(64)) == []
    message = "objects and arrays are more than 64 deep here"
    assert said(nested(65)) == [("json-depth", message, "/a" + "/0" * 63, 1, 70)]


def test_1_mib_passes_and_a_byte_more_does_not():
    assert said(b"{}" + b" " * (2**20 - 2)) == []
    assert said(b"{}" + b" " * (2**20 - 1)) == [
        ("json-too-large", "the document has over 1048576 bytes: no more are read", "", 1, 1)]


def test_a_hundred_problems_are_enough():
    document = jsontext.parse(b'{"a": [' + b"NaN," * 5000 + b"0]}")
    assert (len(document.problems), document.complete) == (100, False)


POSITIONS = [("", (1, 1), (1, 1)), ("/name", (2, 10), (2, 2)), ("/tags", (3, 5), (2, 15)), ("/tags/0", (3, 6), (3, 6)),
             ("/tags/1/é", (4, 10), (4, 4)), ("/a~1b", (5, 10), (5, 2)), ("/~0~1", (6, 8), (6, 2)),
             ("/", (7, 7), (7, 2))]


@pytest.mark.parametrize(("pointer", "value_at", "key_at"), POSITIONS)
def test_every_value_and_key_has_its_place(pointer, value_at, key_at):
    text = '{\r\n "name": "𝄞", "tags":\r\n    [1,\r {\t"é" : 2}],\n "a/b" : 1,\n "~/": [],\n "" : null}'
    document = jsontext.parse(text.encode())
    assert document.problems == ()
    assert (document.position_of(pointer), document.key_position_of(pointer)) == (value_at, key_at)


@pytest.mark.parametrize("pointer", ["/none", "name", "/tags/2", "/tags/-", "/tags/01", "/tags/x", "/name/0",
                                     "/tags/" + "9" * 30])
def test_a_pointer_to_nothing_has_no_place(pointer):
    assert jsontext.parse(b'{"name": "x", "tags": [1, 2]}').position_of(pointer) is None


@given(OBJECTS)
@settings(max_examples=100, deadline=None)
def test_the_text_at_a_position_is_the_value(value):
    text = json.dumps(value, indent=1)
    document, lines = jsontext.parse(text.encode()), jsontext.split_lines(text.encode())
    for key, item in value.items():
        line, column = document.position_of("/" + key.replace("~", "~0").replace("/", "~1"))
        rest = "\n".join([lines[line - 1][column - 1:], *lines[line:]])
        assert json.JSONDecoder().raw_decode(rest)[0] == item


def test_lines_are_counted_as_positions_are():
    assert jsontext.split_lines(b"\xef\xbb\xbfa\r\nb\rc\nd") == ["a", "b", "c", "d"]


@pytest.mark.parametrize("data", [
    b"[" + b"0," * 500_000 + b"0]", b'{"a": "' + b"\\u0041" * 170_000 + b'"}', b"{" + b" " * 10**6 + b"}", b"[" * 10**6,
    b"/" * 10**6, b"/*" * 500_000, b"9" * 10**6, b'{"a":{"' * 100_000, b"\r" * 10**6])
def test_a_hostile_text_ends_in_a_problem_or_a_value(data):
    document = jsontext.parse(data)
    assert document.problems or document.value is not None
