"""Tables of the benchmarks, and how they get into a README."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from tables import BEGIN, END, Page, write_into

README = Path(__file__).parent.parent.parent / "README.md"


def test_a_table_is_shown_row_by_row():
    shown = io.StringIO()
    page = Page(shown)

    def rows():
        yield "a | b", "1"
        assert shown.getvalue().endswith("| a \\| b | 1 |\n")
        yield "two\nlines", "2"

    page.table(("what", "s"), "lr", rows())

    assert page.lines == ["| what | s |", "| --- | ---: |", "| a \\| b | 1 |", "| two lines | 2 |", ""]
    assert shown.getvalue().splitlines() == page.lines


def test_the_lines_take_the_place_of_the_last_ones(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        write_into(path, ["", "new", ""])
        assert path.read_text() == f"before\n\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}\n{BEGIN}\n{END}"])
def test_a_file_without_a_place_for_them_stays_as_it_is(text, tmp_path):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ValueError, match="each once"):
        write_into(path, ["new"])
    assert path.read_text() == text


def test_readme_has_a_place_for_them():
    text = README.read_text()
    assert text.count(BEGIN) == text.count(END) == 1
    assert text.index(BEGIN) < text.index(END)
