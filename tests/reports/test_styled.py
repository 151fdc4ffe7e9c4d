"""Text in styles: its lines and its escape sequences; rich is the witness for both."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from imgbuild.reports.styled import Styled, blank, columns

RICH = {None: "", "error": "bold red", "warning": "bold yellow", "note": "bold cyan", "good": "bold green",
        "title": "bold", "faint": "dim"}
PARTS = st.lists(st.tuples(st.text("ab… 日e\u0301-", min_size=1, max_size=12), st.sampled_from(list(RICH))), max_size=8)


def as_rich(parts):
    return Text.assemble(*((text, RICH[style]) for text, style in parts), overflow="ignore")


def console():
    return Console(file=io.StringIO(), width=10_000, color_system="standard", force_terminal=True, legacy_windows=False,
                   no_color=False, highlight=False)


@given(PARTS, st.integers(1, 20))
def test_lines_are_those_that_rich_makes(parts, width):
    lines = Styled(tuple(parts)).lines(width)
    assert [line.plain for line in lines] == ([line.plain for line in as_rich(parts).wrap(console(), width)] or [""])


@given(PARTS)
def test_escape_sequences_are_those_of_rich(parts):
    drawer = console()
    drawer.print(as_rich(parts), soft_wrap=True, end="")
    assert Styled(tuple(parts)).drawn(colour=True) == drawer.file.getvalue()
    assert Styled(tuple(parts)).drawn(colour=False) == "".join(text for text, _ in parts)


@given(PARTS, st.integers(1, 20))
def test_no_style_is_lost_where_a_line_is_broken(parts, width):
    def styles(texts):
        return [(character, style) for text in texts for words, style in text.parts for character in words
                if character != " "]

    text = Styled(tuple(parts))
    assert styles(text.lines(width)) == styles([text])


@pytest.mark.parametrize(("text", "width"), [("", 0), ("abc", 3), ("ab…", 3), ("日本", 4), ("e\u0301", 1)])
def test_columns_are_counted(text, width):
    assert columns(text) == width
    assert Styled(((text, None),)).padded(6).width == 6
    assert Styled(((text, None),)).padded(0).plain == text


def test_blanks_are_no_text_where_there_are_none():
    assert blank(2).plain == "  "
    assert not blank(0)
    assert not blank(-1)
