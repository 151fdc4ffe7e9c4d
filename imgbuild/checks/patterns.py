"""Regular expressions that a person writes in rules: a text in, nothing out, or ValueError where it is none."""

from __future__ import annotations

import re

LONGEST_PATTERN = 1000


def check_pattern(pattern: str) -> None:
    """Refuse with ValueError what is no regular expression, or one of over 1000 characters."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"a pattern of {len(pattern)} characters, more than {LONGEST_PATTERN}")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
