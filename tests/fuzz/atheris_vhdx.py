"""VHDX under atheris; a corpus with right checksums leads it in. See harness.py for how it is run."""

from __future__ import annotations

from harness import run, visit

run(visit("vhdx"))
