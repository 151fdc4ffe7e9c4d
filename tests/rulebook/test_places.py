"""The lines on which things begin in a file of rules."""

from __future__ import annotations

import pytest

from imgbuild.rulebook.places import line_of, line_of_key, line_of_name, line_of_rule, line_of_source

TEXT = """\
# severity = "note" of a-one
[[rule]]
severity = "note"
  id = 'a-one'
check = {
  kind = "x" }
[[ rule ]]
id="a-two"
hint = '''
id = "a-three"
'''
[rule.check]
kind = "y"
[sources]
inline = { title = "I" }
[sources."quoted.one"]
title = "Q"
"""


@pytest.fixture
def path(tmp_path) -> str:
    (tmp_path / "a.toml").write_text("\ufeff" + TEXT, encoding="utf-8")
    return str(tmp_path / "a.toml")


@pytest.mark.parametrize(("found", "line"), [
    (lambda path: line_of(path, "a-one"), 4), (lambda path: line_of(path, "a-two"), 8),
    (lambda path: line_of(path, "a"), None),
    (lambda path: line_of_key(path, "a-one", "severity"), 3),  # before the id
    (lambda path: line_of_key(path, "a-one", "check"), 5), (lambda path: line_of_key(path, "a-two", "check"), 12),
    (lambda path: line_of_key(path, "a-one", "hint"), 4),  # only the other rule has one
    (lambda path: line_of_key(path, "a", "hint"), None),
    (lambda path: line_of_rule(path, 0), 2), (lambda path: line_of_rule(path, 1), 7),
    (lambda path: line_of_rule(path, 2), None),
    (lambda path: line_of_source(path, "inline"), 15), (lambda path: line_of_source(path, "quoted.one"), 16),
    (lambda path: line_of_name(path, "sources"), 14), (lambda path: line_of_name(path, "nothing"), None),
])
def test_the_line_of(path, found, line):
    assert found(path) == line
