"""The descriptor of a VMDK under atheris. See harness.py for how it is run."""

from __future__ import annotations

from harness import descriptor, run


def work(data):
    """Parse the text, and show it."""
    found = descriptor.parse(data)
    assert all(fault.isprintable() for fault in (*found.faults, *found.double))
    assert all(str(value).isprintable() for value in found.facts().values())
    assert found.size >= 0


run(work)
