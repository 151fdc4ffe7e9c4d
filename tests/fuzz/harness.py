"""What the atheris harnesses share. They are run by hand, with atheris (https://github.com/google/atheris) installed:

    python tests/fuzz/atheris_qcow2.py -max_total_time=60 -rss_limit_mb=1024 -timeout=5 [CORPUS]
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

with atheris.instrument_imports(include=["imgbuild"]):
    from imgbuild import formats, jsontext
    from imgbuild.formats.iso import container as _iso  # noqa: F401 - or it would be imported late, without instruments
    from imgbuild.formats.qcow2 import container as _qcow2  # noqa: F401 - as above
    from imgbuild.formats.vhdx import container as _vhdx  # noqa: F401 - as above
    from imgbuild.formats.vmdk import descriptor
    from imgbuild.readers import BrokenImage, Memory
    from imgbuild.volumes import lvmtext

__all__ = ["descriptor", "jsontext", "lvmtext", "run", "visit"]
MAGIC = {"qcow2": b"QFI\xfb", "vhdx": b"vhdxfile"}
STEP = 4096


def visit(name):
    """Return what opens a container of that format, with its magic put in place, and reads both ends of its disk."""
    magic = MAGIC.get(name, b"")

    def work(data):
        disk = formats.find(name).open(Memory(magic + data[len(magic) :]))
        assert all(problem.message.isprintable() for problem in disk.problems)
        if disk.readable and disk.virtual_size:
            length = min(STEP, disk.virtual_size)
            assert len(disk.read_at(0, length)) == length
            assert len(disk.read_at(disk.virtual_size - length, length)) == length

    return work


def run(work):
    """Let atheris call the work with data until it is told to stop; BrokenImage is an answer, all else ends the run."""

    def once(data):
        try:
            work(data)
        except BrokenImage as broken:
            assert broken.problem.message.isprintable()  # noqa: PT017 - there is no pytest here

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()
