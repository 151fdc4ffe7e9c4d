"""Lines, columns and wrapping, to the character."""

from __future__ import annotations

import pytest

from imgbuild.reports.page import Page, Word, cells, counted, flat, wrap


def drawn(page):
    assert all(line == line.rstrip() for line in page.lines)
    return page.lines


def test_a_line_has_its_words_two_columns_apart_and_no_empty_ones():
    page = Page()
    page.line("one", "", Word("two", "title"), indent=2)
    assert drawn(page) == ["  one  two"]


def test_colours_are_there_only_when_asked_for():
    page = Page(colour=True)
    page.line(Word("bad", "error"), Word("plain"))
    assert page.text() == "\x1b[1;31mbad\x1b[0m  plain\n"


@pytest.mark.parametrize("colour", [False, True])
def test_everything_that_is_written_is_made_printable(colour):
    page = Page(colour=colour)
    nasty = "a\x1b[2J\nb\u202e"
    page.line(nasty, Word(nasty, "error"))
    page.ends(nasty, nasty, nasty)
    page.fact(nasty, nasty)
    page.table([[nasty, nasty], [nasty, nasty]], heading=True)
    page.table([[nasty, nasty]], wrapped=False)
    plain = "".join(page.lines).replace("\x1b[1;31m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
    assert plain.isprintable()
    assert "a\\x1b[2J\\nb\\u202e" in plain


def test_ends_stand_at_the_ends():
    page = Page(width=20)
    page.ends("left", "right")
    page.ends("left", "right", "more")
    page.ends("long words on the left", "right")
    assert drawn(page) == ["left           right", "left  more     right", "long words on the left  right"]


def test_a_fact_wraps_below_itself_and_values_stay_whole():
    page = Page(width=36)
    page.fact("why", "one two three four five six seven")
    page.fact("says", "first", "https://example.com/a/very/long/address/indeed")
    page.fact("a long label", "x")
    page.fact("none")
    assert drawn(page) == [
        "  why     one two three four five",
        "          six seven",
        "  says    first",
        "          https://example.com/a/very/long/address/indeed",
        "  a long label x",
    ]


def test_a_table_aligns_its_columns_and_leaves_out_empty_ones():
    page = Page(width=60)
    page.table([["no", "empty", "size", "holds"], ["1", "-", "2 GiB", "ext4"], ["15", "", "日本", "-"]], heading=True)
    assert drawn(page) == ["  no  size   holds", "  1   2 GiB  ext4", "  15  日本   -"]


def test_the_last_column_wraps_unless_told_not_to():
    rows = [["name", "one two three four five six seven eight"]]
    page = Page(width=32)
    page.table(rows)
    page.table(rows, wrapped=False)
    assert drawn(page) == ["  name  one two three four five", "        six seven eight",
                           "  name  one two three four five six seven eight"]


def test_a_table_of_nothing_is_nothing():
    page = Page()
    page.table([])
    page.table([["-", ""]])
    assert [line for line in page.lines if line] == []


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("é", 1), ("e\u0301", 1), ("日本", 4), ("", 0), ("\uff46", 2)])
def test_columns_of_a_terminal_are_counted(text, width):
    assert cells(text) == width


def test_wrapping_keeps_long_words_whole():
    assert wrap("see https://example.com/0123456789 there", 20) == ["see", "https://example.com/0123456789", "there"]


def test_counting_and_joining():
    assert [counted(n, "error") for n in (0, 1, 2)] == ["0 errors", "1 error", "2 errors"]
    assert flat(("a", None, "", "b")) == "a, b"
