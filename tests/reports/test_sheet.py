"""Lines, columns and wrapping, to the character; rich's own measure of a text is the witness for its width."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from imgbuild.reports.page import Page, Word
from imgbuild.reports.sheet import SENTENCE, Sheet

STYLE = re.compile(r"\x1b\[[\d;]*m")
NASTY = "a\x1b[2J\nb\u202e"
SHOWN = "a\\x1b[2J\\nb\\u202e"


def sheet(width=80, *, colour=False):
    return Sheet(Page(width=width, colour=colour))


def drawn(written):
    lines = written.text().splitlines()
    assert all(line == line.rstrip() for line in lines)
    return lines


def test_a_line_has_its_words_two_columns_apart_and_no_empty_ones():
    page = sheet()
    page.line("one", "", Word("two", "title"), indent=2)
    page.line()
    assert drawn(page) == ["  one  two", ""]


def test_colours_are_there_only_when_asked_for():
    page = sheet(colour=True)
    page.line(Word("bad", "error"), Word("plain"))
    page.section("Disk", "is", Word("fine", "good"))
    page.fact("why", "so")
    page.table([["a", "b"], [Word("c", "warning"), "d"]], heading=True)
    assert drawn(page) == [
        "\x1b[1;31mbad\x1b[0m  plain",
        "\x1b[1mDisk\x1b[0m      is  \x1b[1;32mfine\x1b[0m",
        "  \x1b[2mwhy\x1b[0m     so",
        "  \x1b[2ma\x1b[0m  \x1b[2mb\x1b[0m",
        "  \x1b[1;33mc\x1b[0m  d",
    ]


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("variables", [
    {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}, {"COLUMNS": "20", "LINES": "2"}])
def test_the_page_alone_says_how_it_looks(colour, variables, monkeypatch):
    def text():
        page = sheet(60, colour=colour)
        page.ends([Word("left", "error")], "right")
        page.fact("why", "one two three " * 9)
        return page.text()

    expected = text()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert text() == expected


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("width", [10, 80])
def test_everything_that_is_written_is_made_printable(colour, width):
    page = sheet(width, colour=colour)
    page.line(NASTY, Word(NASTY, "error"))
    page.head(NASTY, NASTY)
    page.section(NASTY, NASTY)
    page.sentence(NASTY)
    page.ends([NASTY], NASTY, NASTY)
    page.fact(NASTY, NASTY)
    page.table([[NASTY, NASTY], [NASTY, NASTY]], heading=True)
    page.table([[NASTY, NASTY]], sentence=1)
    lines = [STYLE.sub("", line) for line in page.text().splitlines()]
    assert all(line.isprintable() for line in lines)
    assert sum(line.count(SHOWN) for line in lines) == 2 + 2 + 2 + 1 + 3 + 2 + 4 + 2


def test_nothing_is_markup_or_an_emoji():
    page = sheet(colour=True)
    words = "[red]x[/red] [/] [link=https://example.com]y[/link] :smile: \\[z]"
    page.line(words)
    page.fact("[bold]", words)
    page.table([[words]])
    assert drawn(page) == [words, f"  \x1b[2m[bold]\x1b[0m  {words}", f"  {words}"]


def test_ends_stand_at_the_ends_or_one_above_the_other():
    page = sheet(20)
    page.ends(["left"], "right")
    page.ends(["left"], "right", "more")
    page.ends(["long", "words on the left"], "right")
    page.ends(["long words on the left"], "right", "more")
    assert drawn(page) == ["left           right", "left  more     right", "long  words on the left",
                           " " * 15 + "right", "long words on the left", "more           right"]


def test_a_head_has_its_sentence_beside_it_or_below():
    page = sheet(28)
    page.head("disk.raw", "raw, 2 GiB disk")
    page.head("a/long/path/disk.raw", "raw, a disk of 2 GiB in a file of 1 GiB")
    assert drawn(page) == ["disk.raw  raw, 2 GiB disk", "a/long/path/disk.raw", "  raw, a disk of 2 GiB in a",
                           "  file of 1 GiB"]


def test_a_section_wraps_below_itself():
    page = sheet(34)
    page.section("Disk", "GPT, three partitions and a volume group")
    page.section("Ready")
    page.section("integrity", "the file is broken")
    assert drawn(page) == ["Disk      GPT, three partitions", "          and a volume group", "Ready",
                           "integrity the file is broken"]


def test_a_fact_wraps_below_itself_and_values_stay_whole():
    page = sheet(36)
    page.fact("why", "one two three four five six seven")
    page.fact("says", "first", "https://example.com/a/very/long/address/indeed")
    page.fact("a long label", "x")
    page.fact("right", '{"min_disk": 10, "name": "web server"}', whole=True)
    page.fact("none")
    assert drawn(page) == [
        "  why     one two three four five",
        "          six seven",
        "  says    first",
        "          https://example.com/a/very/long/address/indeed",
        "  a long label x",
        '  right   {"min_disk": 10, "name": "web server"}',
    ]


WHOLE = [  # a sentence, its lines in 24 columns
    ("see https://example.com/0123456789 there", ["see", "https://example.com/0123456789", "there"]),
    ("did you mean 'Ubuntu 22.04 server 64bit' there?", ["did you mean", "'Ubuntu 22.04 server 64bit'", "there?"]),
    ('a name of spaces, "  " or \'  x\' too', ['a name of spaces, "  "', "or '  x' too"]),
    ("the file has a length of 16 MiB", ["the file has a length of", "16 MiB"]),
    ("it takes no more than 512 bytes", ["it takes no more than", "512 bytes"]),
    ("the images' makers and the servers' owners", ["the images' makers and", "the servers' owners"]),
    ("日本語 日本語 日本語 日本語 日本語", ["日本語 日本語 日本語", "日本語 日本語"]),
    ("", [""]),
]


@pytest.mark.parametrize(("sentence", "lines"), WHOLE)
def test_a_line_is_broken_between_words_and_not_in_a_value(sentence, lines):
    page = sheet(24)
    page.sentence(sentence)
    assert drawn(page) == lines


def test_a_table_aligns_its_columns_and_leaves_out_empty_ones():
    page = sheet(60)
    page.table([["no", "empty", "size", "holds"], ["1", "-", "2 GiB", "ext4"], ["15", "", "日本", "-"]], heading=True)
    assert drawn(page) == ["  no  size   holds", "  1   2 GiB  ext4", "  15  日本   -"]


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("é", 1), ("e\u0301", 1), ("日本", 4), ("\uff46", 2)])
def test_columns_of_a_terminal_are_counted(text, width):
    page = sheet()
    page.table([[text, "x"], ["12345", "x"]], indent=0)
    assert drawn(page)[0] == text + " " * (5 - width) + "  x"


def test_a_sentence_in_a_table_wraps_in_its_column():
    page = sheet(44)
    page.table([["ok", "one two three four five six seven", "/etc/fstab"], ["-", "eight", ""]], sentence=1)
    page.table([["name", "one two three four five six seven eight"]], sentence=1)
    assert drawn(page) == [
        "  ok  one two three four five   /etc/fstab", "      six seven", "  -   eight",
        "  name  one two three four five six seven", "        eight"]


def test_what_has_no_room_in_a_table_stands_below_its_row():
    page = sheet(30)
    page.table([["no", "type", "used as", "uuid"], ["1", "EFI system", "/boot/efi", "ABCD-1234"],
                ["2", "BIOS boot", "-", "-"]], heading=True)
    page.table([["min_disk", "10", "the disk needs three, and the least is ten"]], sentence=2)
    assert drawn(page) == [
        "  no  type        used as", "  1   EFI system  /boot/efi", "      uuid ABCD-1234", "  2   BIOS boot   -",
        "  min_disk  10", "      the disk needs three,", "      and the least is ten"]


def test_a_value_is_never_cut():
    page, value = sheet(60), "x" * 100_000
    page.line(value)
    page.head(value, "y")
    page.ends([value], value, value)
    page.fact("sha", value)
    page.table([[value, value, f"see {value}"]], sentence=2)
    assert page.text().count(value) == 9


def test_a_table_of_nothing_is_nothing():
    page = sheet()
    page.table([])
    page.table([["-", ""]])
    page.table([["name"], ["-"]], heading=True)
    assert drawn(page) == []


WORDS = st.lists(st.text("ab日'\" \u0301[]\\:=é", min_size=1, max_size=30), min_size=1, max_size=20)


@given(WORDS, st.integers(SENTENCE, 60))
def test_no_character_of_a_sentence_is_lost(words, width):
    page, sentence = sheet(width), " ".join(words)
    page.sentence(sentence)
    assert _without_escapes(page.text()).split() == sentence.split()
    assert all(cell_len(line) <= width or re.search(r"\S{20}|['\"]", line) for line in page.text().splitlines())


@given(st.lists(st.lists(st.text("ab日\u0301[]:", min_size=1, max_size=40), min_size=3, max_size=3), min_size=1),
       st.integers(20, 90))
def test_no_cell_of_a_table_is_lost(rows, width):
    page = sheet(width)
    page.table(rows)
    assert _without_escapes(page.text()).split() == [cell for row in rows for cell in row]


def _without_escapes(text: str) -> str:
    """Return the text as it was before commands to a CI server were broken in it."""
    return text.replace("\\x3a", ":")
