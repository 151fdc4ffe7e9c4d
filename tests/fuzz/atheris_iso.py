"""ISO 9660 and UDF under atheris: what follows the first bytes of sector 16. See harness.py for how it is run."""

from __future__ import annotations

from harness import run, visit

AREA = bytes(32768) + b"\x01CD001\x01"
visit_iso = visit("iso")

run(lambda data: visit_iso(AREA + data))
