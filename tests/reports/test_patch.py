"""Unified diffs: their form at the ends of texts, and what a terminal is shown of them."""

from __future__ import annotations

import pytest

from imgbuild.reports.patch import fit_for_terminal, unified_diff

NO_END = "\\ No newline at end of file\n"


@pytest.mark.parametrize(("before", "after", "lines"), [
    (b"a\n", b"a\n", ""),
    (b"a\n", b"b\n", "@@ -1 +1 @@\n-a\n+b\n"),
    (b"a", b"b", f"@@ -1 +1 @@\n-a\n{NO_END}+b\n{NO_END}"),
    (b"a", b"a\n", f"@@ -1 +1 @@\n-a\n{NO_END}+a\n"),
    (b"a\r\nb", b"a\r\nc", f"@@ -1,2 +1,2 @@\n a\r\n-b\n{NO_END}+c\n{NO_END}"),
    (b"a\rb\n", b"a\rc\n", "@@ -1 +1 @@\n-a\rb\n+a\rc\n"),
    ("\ufeffa\u2028b\n".encode(), "a\u2028b\n".encode(), "@@ -1 +1 @@\n-\ufeffa\u2028b\n+a\u2028b\n")])
def test_form(before, after, lines):
    assert unified_diff(before, after, "r.json") == ("--- r.json\n+++ r.json\n" + lines if lines else "")


def test_a_name_cannot_end_a_line():
    assert unified_diff(b"a", b"b", "r\n+++ x").startswith("--- r\\n+++ x\n+++ r\\n+++ x\n")


def test_a_terminal_is_shown_no_control_character():
    shown = fit_for_terminal(unified_diff(b"a\r\n", "a\x9b31m\u202e\r\n".encode(), "r.json"))
    assert shown.endswith("-a\\r\n+a\\x9b31m\\u202e\\r\n")
