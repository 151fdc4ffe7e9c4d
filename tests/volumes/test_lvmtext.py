from __future__ import annotations

from contextlib import suppress

import pytest
from pace import ENDLESS, Clock

from imgbuild.readers import BrokenImage
from imgbuild.volumes.lvmtext import parse


@pytest.mark.parametrize(("text", "sections"), [
    ("", {}), ("a = 1", {"a": 1}), ("a = -1", {"a": -1}), ("a=1 b=2", {"a": 1, "b": 2}),
    ('a = "x y"', {"a": "x y"}), (r'a = "say \"hi\" \\"', {"a": 'say "hi" \\'}), ("a = []", {"a": []}),
    ('a = ["x", 1, "y"]', {"a": ["x", 1, "y"]}), ("a { b { c = 1 } }", {"a": {"b": {"c": 1}}}),
    ('# first\na = 1 # "not" { closed\n\n\0', {"a": 1}), ("a = 0.5", {"a": "0.5"}),
    ("a.b-c+d_e { }", {"a.b-c+d_e": {}}),
    ("a = 12345678901234567890", {"a": "12345678901234567890"}), ('"a b" { c = 1 }', {"a b": {"c": 1}}),
    ("a {" * 8 + "}" * 8, {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}}}}),
])
def test_the_grammar(text: str, sections: object) -> None:
    assert parse(text) == sections


@pytest.mark.parametrize(("text", "reason"), [
    ("a", "it ends in the middle of a value"), ("a =", "it ends in the middle of a value"),
    ("a = [1", "it ends in the middle of a value"),
    ("a {", "it ends inside a section"), ("a { b = 1", "it ends inside a section"),
    ("}", "'}' stands where a name should be"),
    ("a b", "'b' stands where '=' or '{' should be"), ("a = {", "'{' stands where a value should be"),
    ("a = [ [", "'[' stands where a value should be"), ('a = "x', "'\"' stands where a value should be"),
    ("a {" * 9, "its sections are nested deeper than 8"), ("a = [" + "1," * 150_000 + "]",
                                                           "it has more than 200000 words"),
])
def test_what_does_not_follow_the_grammar_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BrokenImage) as raised:
        parse(text)
    assert (raised.value.problem.code, raised.value.problem.message) == (
        "lvm-metadata-damaged", f"the LVM metadata cannot be read: {reason}")


@pytest.mark.parametrize("text", ['"' + "\\" * 1_000_000, "a" * 1_000_000, "#" * 1_000_000, '"' * 1_000_000,
                                  " \0" * 500_000])
def test_long_nonsense_takes_no_time(text: str) -> None:
    clock = Clock()
    with suppress(BrokenImage):
        parse(text)
    assert clock.seconds() < ENDLESS
