"""A second opinion on discs: what pycdlib reads of an ISO beside what our own reader does, as qemu-img does on disks.

``opinion.py`` asks it, in a child of its own that is shut in and has little time; ``disagreement.py`` puts its answer
beside ours. It walks over every directory when it opens a disc (3 s for 20,000 files) and refuses some that firmware
and systems read, so it is asked only while the file is hashed, and a refusal is a fact of the run and no finding.
"""

from __future__ import annotations

from imgbuild.discs.disagreement import compare
from imgbuild.discs.opinion import Asked, ask

__all__ = ["Asked", "ask", "compare"]
