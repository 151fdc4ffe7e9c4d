"""YAML of a guest; PyYAML, which cloud-init itself uses, is the witness."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from imgbuild.guests import yamltext
from imgbuild.guests.yamltext import Unreadable, line_of, parse, truth

CFG = "a:\n  # b: not this\n  b: [x]\n  'c': 1\nb: 2\nnetwork: {config: disabled}\nlist:\n - d: 3\n"
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**31), 2**31), st.text("abcdeß ", max_size=8))
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4)
                      | st.dictionaries(st.text("abcd", min_size=1, max_size=3), inner, max_size=4), max_leaves=12)


@given(VALUES)
def test_reads_what_pyyaml_writes(value):
    assert parse(yaml.safe_dump(value)) == value


@pytest.mark.parametrize("text", [
    CFG, "datasource_list: [ NoCloud, ConfigDrive, None ]\n", "a: &x {b: 1}\nc: *x\n", "# nothing\n", "",
    "_log:\n - &base |\n   [loggers]\n   keys=root\nlog_cfgs:\n - [ *base ]\n",
])
def test_agrees_with_pyyaml(text):
    assert parse(text) == yaml.safe_load(text)


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8))


@pytest.mark.parametrize("text", [
    "a: [", "a:\n\tb: 1", "a: *nope", "&a [*a]", "a: 1\n---\nb: 2", "- " * 20_000, "[" * 60_000, "{" * 60_000, LAUGHS,
    "".join(" " * depth + "a:\n" for depth in range(300)), 'a: "\x01"',
])
def test_what_is_no_yaml_or_too_much_of_it(text):
    assert isinstance(parse(text), Unreadable)


@given(st.binary(max_size=400))
def test_any_bytes_are_values_or_unreadable(data):
    parse(data.decode("utf-8", "replace"))


def test_without_the_reader_nothing_is_readable(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ryaml", None)
    assert parse("a: 1") == Unreadable("the package ryaml, which reads YAML, is not installed")


@pytest.mark.parametrize(("value", "expected"), [
    (True, True), (False, False), ("yes", True), ("No", False), ("on", True), (1, True), (0, False), ("0", False),
    ("maybe", None), (None, None), ([], None), (2, None),
])
def test_truth(value, expected):
    assert truth(value) is expected


@pytest.mark.parametrize(("keys", "line"), [
    (("a",), 1), (("a", "b"), 3), (("a", "c"), 4), (("b",), 3), (("network", "config"), 6), (("list", "d"), 8),
    (("a", "nothing"), 1), (("nothing",), None),
])
def test_lines(keys, line):
    assert line_of(CFG, *keys) == line


def test_brackets_have_a_bound():
    assert parse("[" * yamltext.MOST_BRACKETS + "]" * yamltext.MOST_BRACKETS) != parse("[]")
    assert parse(f"[{'[],' * (yamltext.MOST_BRACKETS - 1)}]") == [[]] * (yamltext.MOST_BRACKETS - 1)
