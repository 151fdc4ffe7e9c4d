"""qcow2 under atheris. See harness.py for how it is run."""

from __future__ import annotations

from harness import run, visit

run(visit("qcow2"))
