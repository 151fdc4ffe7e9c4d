"""JSON under atheris, with Python's own reader as the witness of what is valid. See harness.py for how it is run."""

from __future__ import annotations

import json

from harness import jsontext, run


def work(data):
    """Parse the text: it must never raise, nor pass over what Python refuses."""
    found = jsontext.parse(data)
    assert all(problem.message.isprintable() for problem in found.problems)
    if not found.problems:
        assert isinstance(json.loads(data.decode("utf-8")), dict)


run(work)
