"""Nothing that a terminal obeys leaves a report; Unicode's own tables are the witness."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgbuild.reports.escape import disarmed, visible, visible_json

CASES = [
    ("plain text, naïve, 日本語", "plain text, naïve, 日本語"),
    ("\x1b[31mred", "\\x1b[31mred"), ("a\tb\r\nc", "a\\tb\\r\\nc"), ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
    ("abc\u202etxt.exe", "abc\\u202etxt.exe"), ("\u2066\u2069\u200f\ufeff", "\\u2066\\u2069\\u200f\\ufeff"),
    ("a\u2028b\u2029c", "a\\u2028b\\u2029c"), ("tag\U000e0041", "tag\\U000e0041"), ("disk\udcff.raw", "disk\\xff.raw"),
    ("\ud800", "\\ud800"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_what_is_not_printable_becomes_visible(text, expected):
    assert visible(text) == expected


@given(st.text())
def test_the_result_is_always_printable(text):
    assert visible(text).isprintable()


def test_json_escapes_every_control_and_format_character_and_nothing_else():
    for number in range(0x80, sys.maxunicode + 1):
        character = chr(number)
        category = unicodedata.category(character)
        if category in {"Cs", "Cn"}:
            continue
        escaped = visible_json(f'"{character}"'.encode())
        assert escaped.isascii() == (category in {"Cc", "Cf", "Zl", "Zp"}), hex(number)


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_json_means_the_same_escaped(text):
    assert json.loads(visible_json(json.dumps(text, ensure_ascii=False).encode())) == text


@pytest.mark.parametrize(("text", "expected"), [
    ("::error::x", "\\x3a:error::x"), ("  ::set-output name=a::b", "  \\x3a:set-output name=a::b"),
    ("a\n\t::b c::", "a\n\t\\x3a:b c::"), ("::1", "::1"), ("::b", "::b"), ("::a\nb::", "::a\nb::"),
    ("a ::error::b", "a ::error::b"), ("std::vector::x: y", "std::vector::x: y"),
    ("fe80::1", "fe80::1"), (": x", ": x"), ("a ##vso[task.complete]", "a \\x23#vso[task.complete]"),
    ("##[command]", "\\x23#[command]"), ("##teamcity[a]", "\\x23#teamcity[a]"), ("## title", "## title")])
def test_commands_to_a_ci_server_are_broken(text, expected):
    assert disarmed(text) == expected


@pytest.mark.parametrize("text", ["##vso[a]", "###[x]", "## [x]", "##teamcity[\u202e]", "#[x]"])
def test_json_has_no_commands_and_means_the_same(text):
    data = visible_json(json.dumps([text], ensure_ascii=False).encode())
    assert json.loads(data) == [text]
    assert b"##vso[" not in data
    assert b"##[" not in data
    assert b"##teamcity[" not in data
