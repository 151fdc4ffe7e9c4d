"""The metadata text of LVM2 under atheris. See harness.py for how it is run."""

from __future__ import annotations

from harness import lvmtext, run

run(lambda data: lvmtext.parse(data.decode("utf-8", "replace")))
