"""The words on a page."""

from __future__ import annotations

from imgbuild.reports.page import counted, flat


def test_counting_and_joining():
    assert [counted(n, "error") for n in (0, 1, 2)] == ["0 errors", "1 error", "2 errors"]
    assert flat(("a", None, "", "b")) == "a, b"
