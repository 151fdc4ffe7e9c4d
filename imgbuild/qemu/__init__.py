"""What qemu's programs do for us; the only code that starts them.

``opinion.py`` asks qemu-img for a second opinion on an image, ``disagreement.py`` puts it beside ours and the claim,
``server.py`` starts qemu-nbd for the disks whose content our own readers do not read, ``process.py`` starts both, shut
in.
"""

from __future__ import annotations

from imgbuild.qemu.disagreement import compare
from imgbuild.qemu.opinion import FORMATS, HARMLESS, heard, prepare, version, witness
from imgbuild.qemu.process import find, stop

__all__ = ["FORMATS", "HARMLESS", "compare", "find", "heard", "prepare", "stop", "version", "witness"]
