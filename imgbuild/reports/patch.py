"""What was mended, as a unified diff: two texts in, a patch out that ``patch`` and ``git apply`` take.

The form is that of POSIX (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/diff.html, 2024) with GNU's words
for a text that does not end in a newline. A line ends with a line feed alone, as these programs have it.
"""

from __future__ import annotations

import difflib

from imgbuild.reports.escape import visible

_NO_END = "\n\\ No newline at end of file\n"


def unified_diff(before: bytes, after: bytes, name: str) -> str:
    """Return the difference between two texts, both UTF-8; nothing where there is none."""
    shown = visible(name)
    lines = difflib.unified_diff(_lines(before), _lines(after), shown, shown)
    return "".join(line if line.endswith("\n") else f"{line}{_NO_END}" for line in lines)


def fit_for_terminal(patch: str) -> str:
    """Return a patch with everything escaped that a terminal would obey; it can then no longer be applied."""
    return "".join(f"{visible(line)}\n" for line in patch.split("\n")[:-1])


def _lines(text: bytes) -> list[str]:
    *lines, last = text.decode().split("\n")
    return [f"{line}\n" for line in lines] + [last] * bool(last)
