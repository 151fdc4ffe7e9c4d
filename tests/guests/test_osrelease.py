"""os-release(5): quoting, comments, and what files in the field do to it."""

from __future__ import annotations

import pytest

from imgbuild.guests.osrelease import clean, parse


@pytest.mark.parametrize(("line", "value"), [
    ("ID=debian", "debian"),
    ('ID="debian"', "debian"),
    ("ID='debian'", "debian"),
    ('ID=""', ""),
    ("ID=", ""),
    ("  ID=debian  ", "debian"),
    ("export ID=debian", "debian"),
    ("ID=debian\r", "debian"),
    ('ID="a \\"b\\" \\$c \\`d\\` \\\\e"', 'a "b" $c `d` \\e'),
    ('ID="a\\nb"', "a\\nb"),
    ("ID='a\\b\"c'", 'a\\b"c'),
    ("ID=a\\ b", "a b"),
    ('ID="a"\'b\'c', "abc"),
    ("ID=Wind River Linux", "Wind River Linux"),
    ('ID="never closed', "never closed"),
    ("ID='never closed", "never closed"),
    ('ID="ends in a backslash\\', "ends in a backslash"),
    ('ID="a # b"', "a # b"),
    ("ID=debian  # a comment", "debian"),
    ('ID="debian" # a "comment"', "debian"),
    ("ID=c#", "c#"),
    ("ID=a=b", "a=b"),
])
def test_one_assignment(line, value):
    assert parse(line) == {"ID": value}


@pytest.mark.parametrize("line", [
    "# ID=debian", "", "junk", "ID =debian", "1D=debian", "=debian", "-ID=debian", "\x00\x01\x02"])
def test_lines_that_are_no_assignments(line):
    assert parse(f"{line}\nVERSION_ID=12") == {"VERSION_ID": "12"}


def test_the_last_of_two_equal_names_counts():
    assert parse("ID=one\nID=two\n") == {"ID": "two"}


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert parse("\ufeffID=debian") == {"ID": "debian"}


@pytest.mark.parametrize(("text", "shown"), [
    ("a\tb", "a b"), ("a\x1b[2Jb", "a[2Jb"), ("\x9b31mx", "31mx"), ("a\u202eb\u200b", "ab"), ("a\nb", "ab"),
    ("银河麒麟", "银河麒麟"),
    ("x" * 256, "x" * 256), ("x" * 257, "x" * 256), ("  a  ", "a"),
])
def test_clean(text, shown):
    assert clean(text) == shown
